/*
 * Code of our own in the spelling of Linux 6.12, put into its tree as one more file of mm/.
 * "want" names the rules that find the function below, "silent" says that none does.
 */
#include <linux/mm.h>
#include <linux/huge_mm.h>
#include <linux/hugetlb.h>
#include <linux/swapops.h>
#include <linux/pagewalk.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include <linux/rmap.h>
#include <linux/pagemap.h>
#include "../../mm/internal.h"

/* want: folio-before-pin */
static ssize_t wrong_1_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	struct folio *folio;
	ssize_t val = 0;

	if (!page)
		return 0;
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 0;
	val = folio_mapcount(folio);
	folio_put(folio);
	return val;
}

/* silent */
static ssize_t right_1_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	struct folio *folio;
	ssize_t val = 0;

	if (!page)
		return 0;
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 0;
	if (folio != page_folio(page))
		goto put;
	val = folio_test_large(folio) ? folio_large_mapcount(folio) : 0;
put:
	folio_put(folio);
	return val;
}

/* want: unpinned-compound-head */
static ssize_t wrong_2_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	struct folio *folio;

	if (!page)
		return 0;
	folio = page_folio(page);
	return folio_test_large(folio) ? folio_large_mapcount(folio) : 0;
}

/* want: unpinned-compound-head */
static ssize_t wrong_3_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct folio *folio = pfn_folio(*ppos);

	return folio_test_anon(folio) && folio_test_locked(folio);
}

/* silent */
static ssize_t right_3_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);

	if (!page)
		return 0;
	return PageAnon(page) + PageReserved(page) + PageSlab(page) + page_count(page);
}

/* silent */
static int right_4(struct address_space *mapping, pgoff_t index)
{
	XA_STATE(xas, &mapping->i_pages, index);
	struct folio *folio;
	int n = 0;

	rcu_read_lock();
	xas_for_each(&xas, folio, ULONG_MAX) {
		if (xas_retry(&xas, folio))
			continue;
		if (xa_is_value(folio))
			continue;
		if (!folio_try_get(folio)) {
			xas_reset(&xas);
			continue;
		}
		if (unlikely(folio != xas_reload(&xas))) {
			folio_put(folio);
			xas_reset(&xas);
			continue;
		}
		n += folio_nr_pages(folio);
		folio_put(folio);
	}
	rcu_read_unlock();
	return n;
}

/* silent */
static int right_5(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);
	int n;

	if (IS_ERR(folio))
		return 0;
	n = folio_mapcount(folio) + folio_nr_pages(folio);
	folio_put(folio);
	return n;
}

/* want: unpinned-compound-head */
static int wrong_5(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);

	if (IS_ERR(folio))
		return 0;
	folio_put(folio);
	return folio_mapcount(folio);
}

/* want: unpinned-compound-head */
static int wrong_6(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep, spinlock_t *ptl)
{
	pte_t pte = ptep_get(ptep);
	struct folio *folio;

	if (!is_swap_pte(pte) || !is_migration_entry(pte_to_swp_entry(pte)))
		return 0;
	folio = pfn_swap_entry_folio(pte_to_swp_entry(pte));
	return folio_test_large(folio) ? folio_entire_mapcount(folio) : 0;
}

/* silent */
static int right_6(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep, spinlock_t *ptl)
{
	struct folio *folio;
	pte_t pte;
	int n = 0;

	spin_lock(ptl);
	pte = ptep_get(ptep);
	if (pte_present(pte)) {
		folio = vm_normal_folio(vma, addr, pte);
		if (folio)
			n = folio_test_large(folio) ? folio_entire_mapcount(folio) : 0;
	}
	spin_unlock(ptl);
	return n;
}

/* want: raw-mapcount-compare */
static int wrong_7(struct folio *folio)
{
	return atomic_read(&folio->_large_mapcount) > 0;
}

/* silent */
static int right_7(struct folio *folio)
{
	return atomic_read(&folio->_large_mapcount) >= 0;
}

/* want: head-count-for-each-subpage */
static void wrong_8(struct vm_area_struct *vma, pmd_t *pmd, u64 *out)
{
	struct page *page = pmd_page(*pmd);
	struct folio *folio = page_folio(page);
	int i;
	bool mine = folio_precise_page_mapcount(folio, page) == 1;

	for (i = 0; i < HPAGE_PMD_NR; i++)
		out[i] |= mine;
}

/* want: mapcount-against-refcount */
static int wrong_9(struct folio *folio, struct page *page)
{
	return atomic_read(&page->_mapcount) + 1 < folio_ref_count(folio);
}

/* silent */
static int right_9(struct folio *folio)
{
	return folio_mapcount(folio) < folio_ref_count(folio);
}

/* want: subpage-count-after-head */
static int wrong_10(struct page *page)
{
	struct folio *folio = page_folio(page);

	return atomic_read(&folio->_mapcount) + 1;
}

/* want: compound-flag-mismatch */
static void wrong_11(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct folio *folio = page_folio(pmd_page(*pmd));

	folio_remove_rmap_pte(folio, &folio->page, vma);
}

/* silent */
static void right_11(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct folio *folio = page_folio(pmd_page(*pmd));

	folio_remove_rmap_pmd(folio, &folio->page, vma);
}

/* want: tail-field-read */
static int wrong_12(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep)
{
	struct page *page = vm_normal_page(vma, addr, ptep_get(ptep));

	if (!page)
		return 0;
	return page->mapping == vma->vm_file->f_mapping;
}

/* silent */
static int right_12(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep)
{
	struct page *page = vm_normal_page(vma, addr, ptep_get(ptep));

	if (!page)
		return 0;
	return page_folio(page)->mapping == vma->vm_file->f_mapping;
}

/* want: stale-head-after-split-or-retry */
static int wrong_13(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_trylock(folio))
		return -EBUSY;
	if (folio_test_large(folio) && split_huge_page(page) == 0)
		folio_mark_accessed(folio);
	folio_unlock(folio);
	return 0;
}

/* want: counter-not-initialised */
static void wrong_14(struct folio *folio, unsigned int order)
{
	int i;

	__folio_set_head(folio);
	for (i = 1; i < (1 << order); i++)
		set_compound_head(folio_page(folio, i), &folio->page);
	folio_set_order(folio, order);
	atomic_set(&folio->_large_mapcount, -1);
	atomic_set(&folio->_entire_mapcount, -1);
	atomic_set(&folio->_pincount, 0);
}

/* silent */
static void right_14(struct folio *folio, unsigned int order)
{
	int i;

	__folio_set_head(folio);
	for (i = 1; i < (1 << order); i++)
		set_compound_head(folio_page(folio, i), &folio->page);
	folio_set_order(folio, order);
	atomic_set(&folio->_large_mapcount, -1);
	atomic_set(&folio->_entire_mapcount, -1);
	atomic_set(&folio->_nr_pages_mapped, 0);
	atomic_set(&folio->_pincount, 0);
}

/* want: deferred-split-of-unmapped */
static void wrong_15(struct folio *folio, struct page *page)
{
	bool last = atomic_add_negative(-1, &page->_mapcount);

	if (last) {
		atomic_dec_return_relaxed(&folio->_nr_pages_mapped);
		deferred_split_folio(folio, true);
	}
}

/* silent */
static void right_15(struct folio *folio, struct page *page)
{
	bool last = atomic_add_negative(-1, &page->_mapcount);
	int mapped;

	if (last) {
		mapped = atomic_dec_return_relaxed(&folio->_nr_pages_mapped);
		if (mapped)
			deferred_split_folio(folio, true);
	}
}

/* want: early-exit-before-accounting */
static void wrong_16(struct folio *folio, struct page *page)
{
	if (!atomic_add_negative(-1, &page->_mapcount))
		return;
	if (folio_test_mlocked(folio))
		return;
	__lruvec_stat_mod_folio(folio, NR_ANON_MAPPED, -1);
}

/* want: folio-cast-of-page */
static ssize_t wrong_17_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_page(*ppos);

	return folio_test_uptodate((struct folio *)page);
}

/* want: folio-cast-of-page */
static int wrong_18(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep)
{
	struct page *page = vm_normal_page(vma, addr, ptep_get(ptep));

	if (!page)
		return 0;
	return folio_nr_pages((struct folio *)page);
}
