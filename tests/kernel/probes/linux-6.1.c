/*
 * Code of our own in the spelling of Linux 6.1, put into its tree as one more file of mm/.
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
#include <linux/memremap.h>
#include "../../mm/internal.h"
#include <linux/page_owner.h>
#include <linux/page-isolation.h>
#include <linux/page_ext.h>
#include <linux/page_idle.h>

/* want: folio-before-pin */
static ssize_t wrong_1_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	unsigned long pfn = *ppos / 8;
	u64 __user *out = (u64 __user *)buf;

	while (count > 0) {
		struct page *page = pfn_to_online_page(pfn);
		struct folio *folio;
		u64 val = 0;

		if (page) {
			folio = page_folio(page);
			if (folio_try_get(folio)) {
				val = folio_mapcount(folio);
				folio_put(folio);
			}
		}
		if (put_user(val, out))
			return -EFAULT;
		pfn++;
		out++;
		count -= 8;
	}
	return 0;
}

/* silent */
static ssize_t right_1_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	unsigned long pfn = *ppos / 8;
	u64 __user *out = (u64 __user *)buf;

	while (count > 0) {
		struct page *page = pfn_to_online_page(pfn);
		struct folio *folio;
		u64 val = 0;

		if (!page)
			goto next;
retry:
		folio = page_folio(page);
		if (!folio_try_get(folio))
			goto next;
		if (unlikely(page_folio(page) != folio)) {
			folio_put(folio);
			goto retry;
		}
		val = folio_mapcount(folio);
		folio_put(folio);
next:
		if (put_user(val, out))
			return -EFAULT;
		pfn++;
		out++;
		count -= 8;
	}
	return 0;
}

/* want: check-then-assert */
static ssize_t wrong_2_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);

	if (!page || !PageHead(page))
		return 0;
	return PageDoubleMap(page) ? 1 : 0;
}

/* silent */
static ssize_t right_2_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	ssize_t ret = 0;

	if (!page || !get_page_unless_zero(page))
		return 0;
	if (PageHead(page))
		ret = PageDoubleMap(page) ? 1 : 0;
	put_page(page);
	return ret;
}

/* want: tail-in-head-only-helper */
static ssize_t wrong_3_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);

	if (!page)
		return 0;
	return thp_nr_pages(page);
}

/* want: unpinned-compound-head */
static ssize_t wrong_4_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	struct folio *folio;
	int ret = 0;

	if (!page)
		return 0;
	rcu_read_lock();
	folio = page_folio(page);
	ret = folio_mapcount(folio);
	rcu_read_unlock();
	return ret;
}

/* want: unpinned-compound-head */
static ssize_t wrong_5_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	struct folio *folio;
	int ret = 0;

	if (!page)
		return 0;
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 0;
	if (page_folio(page) != folio) {
		folio_put(folio);
		return 0;
	}
	ret = folio_nr_pages(folio);
	folio_put(folio);
	return ret + folio_mapcount(folio);
}

/* silent */
static ssize_t right_5_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);
	struct folio *folio;
	int ret = 0;

	if (!page)
		return 0;
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 0;
	if (page_folio(page) == folio)
		ret = folio_nr_pages(folio) + (folio_test_large(folio) ? folio_entire_mapcount(folio) : 0);
	folio_put(folio);
	return ret;
}

/* want: unpinned-compound-head */
static ssize_t wrong_6_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);

	/* slab and LRU tests are no pin */
	if (!page || PageSlab(page) || !PageLRU(page))
		return 0;
	return page_mapcount(page);
}

/* want: unpinned-compound-head */
static int wrong_7_smaps(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	pte_t *pte;
	spinlock_t *ptl;
	struct page *page = NULL;
	int n = 0;

	pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (is_swap_pte(*pte)) {
		swp_entry_t entry = pte_to_swp_entry(*pte);

		if (is_pfn_swap_entry(entry))
			page = pfn_swap_entry_to_page(entry);
	}
	if (page)
		n = page_mapcount(page);
	pte_unmap_unlock(pte, ptl);
	return n;
}

/* silent */
static int right_7_smaps(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	pte_t *pte;
	spinlock_t *ptl;
	struct page *page = NULL;
	int n = 0;

	pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (pte_present(*pte))
		page = vm_normal_page(walk->vma, addr, *pte);
	if (page)
		n = page_mapcount(page);
	pte_unmap_unlock(pte, ptl);
	return n;
}

/* want: unpinned-compound-head */
static int wrong_8_smaps(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	pte_t *pte;
	spinlock_t *ptl;
	struct page *page = NULL;

	pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (pte_present(*pte))
		page = vm_normal_page(walk->vma, addr, *pte);
	pte_unmap_unlock(pte, ptl);
	return page ? page_mapcount(page) : 0;
}

/* silent */
static int right_8_smaps(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	pte_t *pte;
	spinlock_t *ptl;
	struct page *page = NULL;
	int n = 0;

	pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	if (pte_present(*pte))
		page = vm_normal_page(walk->vma, addr, *pte);
	if (page)
		get_page(page);
	pte_unmap_unlock(pte, ptl);
	if (page) {
		n = page_mapcount(page);
		put_page(page);
	}
	return n;
}

/* want: raw-mapcount-compare */
static ssize_t wrong_9_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);

	if (page && atomic_read(&page->_mapcount) > 0)
		return 1;
	return 0;
}

/* silent */
static ssize_t right_9_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct page *page = pfn_to_online_page(*ppos);

	if (page && atomic_read(&page->_mapcount) >= 0)
		return 1;
	return 0;
}

/* want: mapcount-against-refcount */
static int wrong_10_ok(struct vm_area_struct *vma, struct page *page)
{
	if (page_mapcount(page) + 1 != page_count(page))
		return -EBUSY;
	return 0;
}

/* silent */
static int right_10_ok(struct vm_area_struct *vma, struct page *page)
{
	if (total_mapcount(page) + 1 != page_count(page))
		return -EBUSY;
	return 0;
}

/* silent */
static int right_10b_ok(struct vm_area_struct *vma, struct page *page)
{
	if (PageCompound(page))
		return -EBUSY;
	if (page_mapcount(page) + 1 != page_count(page))
		return -EBUSY;
	return 0;
}

/* want: head-count-for-each-subpage */
static int wrong_11_pmd(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr, u64 *out)
{
	struct page *page = pmd_page(*pmd);
	bool excl = page_mapcount(page) == 1;
	int i;

	for (i = 0; i < HPAGE_PMD_NR; i++)
		out[i] = excl;
	return 0;
}

/* silent */
static int right_11_pmd(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr, u64 *out)
{
	struct page *page = pmd_page(*pmd);
	int i;

	for (i = 0; i < HPAGE_PMD_NR; i++)
		out[i] = page_mapcount(page + i) == 1;
	return 0;
}

/* want: subpage-count-after-head */
static int wrong_12_mapcount(struct page *page)
{
	int ret;

	page = compound_head(page);
	ret = atomic_read(&page->_mapcount) + 1;
	if (PageCompound(page))
		ret += compound_mapcount(page);
	return ret;
}

/* silent */
static int right_12_mapcount(struct page *page)
{
	int ret = atomic_read(&page->_mapcount) + 1;

	page = compound_head(page);
	if (PageHuge(page))
		return compound_mapcount(page);
	return ret;
}

/* want: tail-field-read */
static int wrong_13_pte(struct vm_area_struct *vma, unsigned long addr, pte_t *pte)
{
	struct page *page = vm_normal_page(vma, addr, *pte);

	if (!page)
		return 0;
	return page->index + linear_page_index(vma, addr);
}

/* silent */
static int right_13_pte(struct vm_area_struct *vma, unsigned long addr, pte_t *pte)
{
	struct page *page = vm_normal_page(vma, addr, *pte);

	if (!page)
		return 0;
	return page_to_pgoff(page) + linear_page_index(vma, addr);
}

/* want: folio-cast-of-page */
static int wrong_14_pte(struct vm_area_struct *vma, unsigned long addr, pte_t *pte)
{
	struct page *page = vm_normal_page(vma, addr, *pte);
	struct folio *folio = (struct folio *)page;

	if (!folio)
		return 0;
	return folio_nr_pages(folio);
}

/* want: stale-head-after-split-or-retry */
static int wrong_15_split(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_large(folio)) {
		if (split_huge_page(page))
			return -EBUSY;
	}
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

/* silent */
static int right_15_split(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_large(folio)) {
		if (split_huge_page(page))
			return -EBUSY;
		folio = page_folio(page);
	}
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

/* want: counter-not-initialised */
void wrong_16_prep(struct page *page, unsigned int order)
{
	int i;

	__SetPageHead(page);
	for (i = 1; i < (1 << order); i++)
		set_compound_head(page + i, page);
	set_compound_page_dtor(page, COMPOUND_PAGE_DTOR);
	set_compound_order(page, order);
}

/* silent */
void right_16_prep(struct page *page, unsigned int order)
{
	int i;

	__SetPageHead(page);
	for (i = 1; i < (1 << order); i++)
		set_compound_head(page + i, page);
	set_compound_page_dtor(page, COMPOUND_PAGE_DTOR);
	set_compound_order(page, order);
	atomic_set(compound_mapcount_ptr(page), -1);
	atomic_set(compound_pincount_ptr(page), 0);
}

/* want: compound-flag-mismatch */
static void wrong_17_zap(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page = pmd_page(*pmd);

	page_remove_rmap(page, vma, false);
	put_page(page);
}

/* silent */
static void right_17_zap(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page = pmd_page(*pmd);

	page_remove_rmap(page, vma, true);
	put_page(page);
}

/* want: compound-flag-mismatch, tail-in-head-only-helper */
static void wrong_18_zap(struct vm_area_struct *vma, unsigned long addr, pte_t *pte)
{
	struct page *page = vm_normal_page(vma, addr, *pte);

	if (page)
		page_remove_rmap(page, vma, true);
}

/* want: double-map-order */
static void wrong_19_split_pmd(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page = pmd_page(*pmd);
	int i;

	atomic_add_negative(-1, compound_mapcount_ptr(page));
	for (i = 0; i < HPAGE_PMD_NR; i++)
		atomic_inc(&page[i]._mapcount);
}

/* silent */
static void right_19_split_pmd(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page = pmd_page(*pmd);
	int i;

	for (i = 0; i < HPAGE_PMD_NR; i++)
		atomic_inc(&page[i]._mapcount);
	atomic_add_negative(-1, compound_mapcount_ptr(page));
}

/* want: early-exit-before-accounting */
void wrong_20_add_rmap(struct page *page, bool compound)
{
	int nr = 0;

	if (compound) {
		if (!atomic_inc_and_test(compound_mapcount_ptr(page)))
			return;
		nr = thp_nr_pages(page);
	} else {
		if (PageTransCompound(page) && page_mapping(page))
			SetPageDoubleMap(compound_head(page));
		if (!atomic_inc_and_test(&page->_mapcount))
			return;
		if (PageMlocked(page))
			return;
		nr = 1;
	}
	__mod_lruvec_page_state(page, NR_FILE_MAPPED, nr);
}

/* silent */
void right_20_add_rmap(struct page *page, bool compound)
{
	int nr = 0;

	if (compound) {
		if (atomic_inc_and_test(compound_mapcount_ptr(page)))
			nr = thp_nr_pages(page);
	} else {
		if (atomic_inc_and_test(&page->_mapcount))
			nr = 1;
	}
	if (nr)
		__mod_lruvec_page_state(page, NR_FILE_MAPPED, nr);
}

/* want: deferred-split-of-unmapped */
void wrong_21_remove_rmap(struct page *page)
{
	int i, nr = 0;

	if (!atomic_add_negative(-1, compound_mapcount_ptr(page)))
		return;
	for (i = 0; i < thp_nr_pages(page); i++)
		if (atomic_add_negative(-1, &page[i]._mapcount))
			nr++;
	__mod_lruvec_page_state(page, NR_ANON_MAPPED, -nr);
	if (nr)
		deferred_split_huge_page(page);
}

/* silent */
void right_21_remove_rmap(struct page *page)
{
	int i, nr = 0;

	if (!atomic_add_negative(-1, compound_mapcount_ptr(page)))
		return;
	for (i = 0; i < thp_nr_pages(page); i++)
		if (atomic_add_negative(-1, &page[i]._mapcount))
			nr++;
	if (nr && nr < thp_nr_pages(page))
		deferred_split_huge_page(page);
	if (nr)
		__mod_lruvec_page_state(page, NR_ANON_MAPPED, -nr);
}

static const struct proc_ops entry_1 = { .proc_read = wrong_1_read };
static const struct proc_ops entry_2 = { .proc_read = wrong_2_read };
static const struct proc_ops entry_3 = { .proc_read = wrong_3_read };
static const struct proc_ops entry_4 = { .proc_read = wrong_4_read };
static const struct proc_ops entry_5 = { .proc_read = wrong_5_read };
static const struct proc_ops entry_6 = { .proc_read = wrong_6_read };
static const struct mm_walk_ops entry_7 = { .pmd_entry = wrong_7_smaps };
static const struct mm_walk_ops entry_8 = { .pmd_entry = wrong_8_smaps };
static const struct proc_ops entry_9 = { .proc_read = wrong_9_read };

struct walk_state {
	struct page *page;
	unsigned long pfn;
	int n;
};

/* want: tail-in-head-only-helper */
static int wrong_b1_alias(unsigned long pfn)
{
	struct walk_state w;

	w.page = pfn_to_page(pfn);
	w.page = compound_head(w.page);
	return PageDoubleMap(w.page);
}

/* silent */
static int right_b1_alias(unsigned long pfn)
{
	struct walk_state w;

	w.page = pfn_to_page(pfn);
	if (!get_page_unless_zero(w.page))
		return 0;
	w.n = PageHead(w.page) ? PageDoubleMap(w.page) : 0;
	put_page(w.page);
	return w.n;
}

struct walk_control {
	struct walk_state at;
	int (*fill)(struct walk_state *at);
};

/* silent */
static int right_b1_member_filled(unsigned long pfn, struct walk_control *control)
{
	struct walk_control w;

	w.at.page = pfn_to_page(pfn);
	control->fill(&w.at);
	return PageTransHuge(w.at.page);
}

/* silent */
static int right_b1_whole_copied(unsigned long pfn, struct walk_state *w, struct walk_state *held)
{
	w->page = pfn_to_page(pfn);
	*w = *held;
	return PageTransHuge(w->page);
}

/* silent */
static int right_b1_other_name(unsigned long pfn, struct page *page)
{
	struct walk_state w, *same = &w;

	w.page = pfn_to_page(pfn);
	same->page = compound_head(page);
	return PageTransHuge(w.page);
}

/* silent */
static int right_b1_inner_copied(unsigned long pfn, struct walk_control *held)
{
	struct walk_control w;

	w.at.page = pfn_to_page(pfn);
	w.at = held->at;
	return PageTransHuge(w.at.page);
}

/* want: tail-in-head-only-helper */
static int wrong_b1_initialised(unsigned long pfn)
{
	struct walk_state w = { .pfn = pfn, .page = pfn_to_page(pfn) };

	return PageTransHuge(w.page);
}

/* silent */
static int right_b1_pfn_of_entry(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr)
{
	struct walk_state w;
	spinlock_t *ptl;
	pte_t *pte;

	w.n = 0;
	pte = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!pte_present(*pte))
		goto out;
	w.pfn = pte_pfn(*pte);
	w.n = folio_mapcount(page_folio(pfn_to_page(w.pfn)));
out:
	pte_unmap_unlock(pte, ptl);
	return w.n;
}

/* silent */
static int right_b1_entry_taken_away(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr,
				     struct page **taken)
{
	struct page *page = NULL;
	spinlock_t *ptl;
	pte_t *pte, entry;
	int n;

	pte = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	entry = *pte;
	if (pte_present(entry))
		page = vm_normal_page(vma, addr, entry);
	if (page)
		entry = ptep_get_and_clear(vma->vm_mm, addr, pte);
	pte_unmap_unlock(pte, ptl);
	if (!page)
		return 0;
	n = folio_mapcount(page_folio(page));
	*taken = page;
	return n;
}

/* want: unpinned-compound-head */
static int wrong_b2_ternary(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page ? (PageTail(page) ? page_mapcount(compound_head(page)) : 0) : 0;
}

/* want: tail-in-head-only-helper */
static int wrong_b3_loop(unsigned long pfn, int nr)
{
	struct page *page = pfn_to_page(pfn);
	int i, n = 0;

	if (!get_page_unless_zero(page))
		return 0;
	for (i = 0; i < nr; i++)
		n += PageTransHuge(page + i);
	put_page(page);
	return n;
}

/* silent */
static int right_b3_nth(unsigned long pfn, int nr)
{
	struct page *page = pfn_to_page(pfn);
	int i, n = 0;

	if (!get_page_unless_zero(page))
		return 0;
	for (i = 1; i < compound_nr(page); i++)
		n += PageAnonExclusive(nth_page(page, i)) + atomic_read(&nth_page(page, i)->_mapcount);
	put_page(page);
	return n;
}

/* want: unpinned-compound-head */
static int wrong_b4_retry(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct page *head;
	int n = 0;

	head = compound_head(page);
retry:
	if (!get_page_unless_zero(head)) {
		cond_resched();
		goto retry;
	}
	if (compound_head(page) != head) {
		put_page(head);
		goto retry;
	}
	put_page(head);
	n = PageHead(head) ? PageDoubleMap(head) : 0;
	return n;
}

/* want: unpinned-compound-head */
static int wrong_b5_err(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio;
	int ret = -EBUSY;

	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 0;
	if (page_folio(page) != folio)
		goto out;
	if (!folio_trylock(folio))
		goto out;
	ret = folio_nr_pages(folio);
	folio_unlock(folio);
	folio_put(folio);
	return ret;
out:
	folio_put(folio);
	pr_info("busy %d\n", folio_mapcount(folio));
	return ret;
}

/* silent */
static int right_b5_err(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio;
	int ret = -EBUSY;

	folio = page_folio(page);
	if (!folio_try_get(folio))
		return 0;
	if (page_folio(page) != folio)
		goto out;
	if (!folio_trylock(folio))
		goto out;
	ret = folio_mapcount(folio);
	folio_unlock(folio);
out:
	folio_put(folio);
	return ret;
}

/* want: check-then-assert, tail-in-head-only-helper */
static int wrong_b6_isolate(unsigned long start, unsigned long end)
{
	unsigned long pfn;
	int n = 0;

	for (pfn = start; pfn < end; pfn++) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page)
			continue;
		if (PageBuddy(page)) {
			pfn += (1UL << buddy_order_unsafe(page)) - 1;
			continue;
		}
		if (PageTransHuge(page))
			n += thp_nr_pages(page);
	}
	return n;
}

/* silent */
static int right_b6_isolate(unsigned long start, unsigned long end)
{
	unsigned long pfn;
	int n = 0;

	for (pfn = start; pfn < end; pfn++) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page || PageBuddy(page) || !PageLRU(page))
			continue;
		if (!get_page_unless_zero(page))
			continue;
		n += thp_nr_pages(page);
		put_page(page);
	}
	return n;
}

/* silent */
static int right_b7_gup(unsigned long addr)
{
	struct page *page;
	int n = 0;

	if (get_user_pages_fast(addr, 1, 0, &page) != 1)
		return 0;
	n = page_mapcount(page) + compound_nr(compound_head(page));
	put_page(page);
	return n;
}

/* silent */
static bool right_b8_rmap_one(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *arg)
{
	DEFINE_FOLIO_VMA_WALK(pvmw, folio, vma, addr, 0);
	struct page *page;

	while (page_vma_mapped_walk(&pvmw)) {
		if (!pvmw.pte)
			continue;
		page = pfn_to_page(pte_pfn(*pvmw.pte));
		if (page_mapcount(page) > 1 && PageAnon(page))
			(*(int *)arg)++;
	}
	return true;
}

/* silent */
static int right_b9_xa(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio;
	int n = 0;

	xa_lock_irq(&mapping->i_pages);
	folio = xa_load(&mapping->i_pages, index);
	if (folio && !xa_is_value(folio))
		n = folio_nr_pages(folio) + folio_mapcount(folio);
	xa_unlock_irq(&mapping->i_pages);
	return n;
}

/* silent */
static int right_b10_thp_pmd(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page = NULL;
	spinlock_t *ptl;
	int n = 0;

	ptl = pmd_trans_huge_lock(pmd, vma);
	if (!ptl)
		return 0;
	if (pmd_present(*pmd)) {
		page = pmd_page(*pmd);
		n = total_mapcount(page) + thp_nr_pages(page);
	}
	spin_unlock(ptl);
	return n;
}

/* want: unpinned-compound-head */
static int wrong_b10_thp_pmd(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page = NULL;
	spinlock_t *ptl;

	ptl = pmd_trans_huge_lock(pmd, vma);
	if (!ptl)
		return 0;
	if (pmd_present(*pmd))
		page = pmd_page(*pmd);
	spin_unlock(ptl);
	return page ? thp_nr_pages(page) : 0;
}

/* want: tail-field-read */
static int wrong_b11_memcg(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long data;

	if (!get_page_unless_zero(page))
		return 0;
	put_page(page);
	page = pfn_to_page(pfn + 1);
	data = READ_ONCE(page->memcg_data);
	return data != 0;
}

/* want: folio-before-pin */
static struct folio *wrong_b12_get(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct folio *folio;

	if (!page || PageTail(page))
		return NULL;
	folio = page_folio(page + 1);
	if (!folio_try_get(folio))
		return NULL;
	return folio;
}

/* silent */
static int right_b13_movable(unsigned long pfn, struct list_head *list)
{
	struct page *page = pfn_to_page(pfn);
	int ret = -EBUSY;

	if (unlikely(!get_page_unless_zero(page)))
		return ret;
	if (unlikely(!__PageMovable(page)))
		goto out;
	if (!trylock_page(page))
		goto out;
	if (PageCompound(page))
		ret = thp_nr_pages(page);
	unlock_page(page);
out:
	put_page(page);
	return ret;
}

/* silent */
static int right_b14_shared(struct page *page)
{
	/* "more than one mapping" */
	return page_mapcount(page) > 1;
}

/* want: raw-mapcount-compare */
static int wrong_b14_mapped(struct page *page)
{
	int count = atomic_read(&page->_mapcount);

	if (!count)
		return 0;
	return 1;
}

/* silent */
static int right_b15_new(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	int n;

	if (!page)
		return -ENOMEM;
	n = PageHead(page) ? PageDoubleMap(page) + thp_nr_pages(page) : 0;
	__free_pages(page, 2);
	return n;
}

/* want: head-count-for-each-subpage */
static int wrong_b16_zap(struct vm_area_struct *vma, pmd_t *pmd, unsigned long *stat)
{
	struct page *page = pmd_page(*pmd);
	int i, mapcount = page_mapcount(page);

	for (i = 0; i < HPAGE_PMD_NR; i++, page++)
		stat[mapcount >= 2]++;
	return 0;
}

/* want: head-count-for-each-subpage */
static int wrong_b17_div(struct vm_area_struct *vma, pmd_t *pmd, u64 *pss)
{
	struct page *page = pmd_page(*pmd);

	*pss += HPAGE_PMD_SIZE / page_mapcount(page);
	return 0;
}

/* want: folio-before-pin */
static struct folio *wrong_c1_idle(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct folio *folio;

	if (!page)
		return NULL;
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return NULL;
	if (!folio_test_lru(folio)) {
		folio_put(folio);
		folio = NULL;
	}
	return folio;
}

/* silent */
static struct page *right_c1_idle(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!page || !PageLRU(page) || !get_page_unless_zero(page))
		return NULL;
	if (unlikely(!PageLRU(page))) {
		put_page(page);
		page = NULL;
	}
	return page;
}

/* want: unpinned-compound-head */
static int wrong_c2_owner(struct page_owner *po, struct page *unused, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	int n = 0;

	if (PageCompound(page))
		n = folio_test_hugetlb(page_folio(page)) + folio_test_anon(page_folio(page));
	n += folio_nr_pages(page_folio(page));
	return n;
}

/* want: unpinned-compound-head */
static int wrong_c3_memcg(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page ? folio_memcg(page_folio(page)) != NULL : 0;
}

/* silent */
static int right_c4_hwpoison(unsigned long pfn)
{
	struct page *p = pfn_to_online_page(pfn);
	struct page *hpage;
	int res = 0;

	if (!p)
		return -ENXIO;
	if (TestSetPageHWPoison(p))
		return -EHWPOISON;
	res = get_hwpoison_page(p, 0);
	if (!res || res < 0)
		return -EBUSY;
	hpage = compound_head(p);
	if (PageTransHuge(hpage))
		res = thp_nr_pages(hpage);
	put_page(p);
	return res;
}

/* want: tail-in-head-only-helper */
static int wrong_c5_soft(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct page *hpage = compound_head(page);
	int n;

	if (!get_page_unless_zero(hpage))
		return 0;
	if (compound_head(page) != hpage) {
		put_page(hpage);
		return 0;
	}
	n = PageTransHuge(page);
	put_page(hpage);
	return n;
}

/* want: unpinned-compound-head */
static int wrong_c6_loop_put(unsigned long pfn, int nr)
{
	struct folio *folio = NULL;
	int i, n = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = pfn_to_online_page(pfn + i);

		if (!page)
			continue;
		folio = page_folio(page);
		if (!folio_try_get(folio))
			continue;
		if (page_folio(page) != folio) {
			folio_put(folio);
			continue;
		}
		n += folio_mapcount(folio);
		folio_put(folio);
		if (folio_test_large(folio))
			i += folio_nr_pages(folio) - 1;
	}
	return n;
}

/* silent */
static struct folio *helper_get(struct page *page)
{
	struct folio *folio;

retry:
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return NULL;
	if (unlikely(page_folio(page) != folio)) {
		folio_put(folio);
		goto retry;
	}
	return folio;
}

/* silent */
static int right_c7_helper(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct folio *folio;
	int n;

	if (!page)
		return 0;
	folio = helper_get(page);
	if (!folio)
		return 0;
	n = folio_test_large(folio) ? folio_entire_mapcount(folio) : page_mapcount(page);
	folio_put(folio);
	return n;
}

static int helper_count(struct page *page)
{
	return PageHead(page) && PageDoubleMap(page);
}

/* want: check-then-assert */
static int wrong_c8_through(unsigned long pfn)
{
	return helper_count(pfn_to_page(pfn));
}

/* want: unpinned-compound-head */
static int wrong_c9_switch(unsigned long pfn, int what)
{
	struct page *page = pfn_to_online_page(pfn);

	switch (what) {
	case 0:
		return page_count(page);
	case 1:
		return page_mapcount(page);
	default:
		return 0;
	}
}

/* want: unpinned-compound-head */
static int wrong_c11_do(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	int n = 0;

	do {
		if (!PageLRU(page))
			break;
		n += page_mapcount(page);
	} while (n < 10);
	return n;
}

/* want: unpinned-compound-head */
static int wrong_c12_neg(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	bool tail = PageTail(page);

	if (!(tail && PageAnon(page)))
		return 0;
	return PageDoubleMap(compound_head(page));
}

/* silent */
static int right_c12_order0(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	if (!get_page_unless_zero(page))
		return 0;
	if (PageCompound(page)) {
		put_page(page);
		return 0;
	}
	pfn = page->index + (page->mapping != NULL);
	put_page(page);
	return pfn;
}

/* silent */
static int right_c13_pvmw(struct folio *folio, struct vm_area_struct *vma, unsigned long addr)
{
	DEFINE_FOLIO_VMA_WALK(pvmw, folio, vma, addr, 0);
	int n = 0;

	while (page_vma_mapped_walk(&pvmw)) {
		struct page *sub = folio_page(folio, pte_pfn(*pvmw.pte) - folio_pfn(folio));

		n += page_mapcount(sub) + PageAnonExclusive(sub);
	}
	return n;
}

/* silent */
static int right_c14_lock(struct page *page)
{
	int n = 0;

	if (!trylock_page(page))
		return 0;
	if (!PageCompound(page))
		n = page->mapping != NULL;
	unlock_page(page);
	return n;
}

/* want: tail-field-read */
static int wrong_c15_private(struct vm_area_struct *vma, unsigned long addr, pte_t pte)
{
	struct page *page = vm_normal_page(vma, addr, pte);
	unsigned long private;

	if (!page || !PageCompound(page))
		return 0;
	private = page_private(page);
	return private != 0;
}

/* want: unpinned-compound-head */
static int wrong_c16_thp_migration(struct vm_area_struct *vma, pmd_t *pmd)
{
	swp_entry_t entry = pmd_to_swp_entry(*pmd);
	struct page *page = NULL;

	if (is_migration_entry(entry))
		page = pfn_swap_entry_to_page(entry);
	return page ? page_mapcount(page) : 0;
}

/* silent */
static int right_c16_thp_migration(struct vm_area_struct *vma, pmd_t *pmd)
{
	swp_entry_t entry = pmd_to_swp_entry(*pmd);
	struct page *page = NULL;

	if (is_migration_entry(entry))
		page = pfn_swap_entry_to_page(entry);
	return page ? page_to_nid(page) + page_count(page) : 0;
}
