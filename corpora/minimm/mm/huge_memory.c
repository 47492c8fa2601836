// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Huge pages: anonymous memory mapped by a PMD.
 */
#include <linux/rmap.h>

/* A fault in a place where a huge page fits. */
int do_huge_pmd_anonymous_page(struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long haddr = addr & HPAGE_PMD_MASK;
	pmd_t *pmd = pmd_offset(vma->vm_mm, haddr);
	struct page *page;
	spinlock_t *ptl;

	page = alloc_pages(GFP_TRANSHUGE, HPAGE_PMD_ORDER);
	if (!page)
		return -ENOMEM;
	set_compound_page_dtor(page, TRANSHUGE_PAGE_DTOR);
	SetPageUptodate(page);
	SetPageLRU(page);	/* the list itself is left out */

	ptl = pmd_lock(vma->vm_mm, pmd);
	if (!pmd_none(*pmd)) {
		spin_unlock(ptl);
		put_page(page);
		return 0;
	}
	page_add_new_anon_rmap(page, vma, haddr, true);
	set_pmd(pmd, __pmd((page_to_pfn(page) << PAGE_SHIFT) |
			   _PAGE_PSE | _PAGE_RW | _PAGE_PRESENT));
	spin_unlock(ptl);
	return 0;
}

/* fork(): the child maps what the parent maps, both without write access. */
void copy_huge_pmd(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma,
		   pmd_t *dst_pmd, pmd_t *src_pmd)
{
	struct page *page;
	spinlock_t *ptl;
	pmd_t pmd;

	ptl = pmd_trans_huge_lock(src_pmd, src_vma);
	if (!ptl)
		return;
	pmd = *src_pmd;
	page = pmd_page(pmd);
	get_page(page);
	page_dup_rmap(page, true);
	pmd = __pmd(pmd.pmd & ~_PAGE_RW);
	set_pmd(src_pmd, pmd);
	/* Nobody runs in the child yet: its tables need no lock. */
	set_pmd(dst_pmd, pmd);
	spin_unlock(ptl);
}

/* Unmap the huge page a PMD maps; false if there is none (any more). */
bool zap_huge_pmd(struct vm_area_struct *vma, pmd_t *pmd)
{
	struct page *page;
	spinlock_t *ptl;

	ptl = pmd_trans_huge_lock(pmd, vma);
	if (!ptl)
		return false;
	page = pmd_page(*pmd);
	set_pmd(pmd, __pmd(0));
	page_remove_rmap(page, true);
	VM_BUG_ON_PAGE(!PageHead(page), page);
	spin_unlock(ptl);
	put_page(page);
	return true;
}

/*
 * The same huge page, mapped by PTEs from now on: one reference becomes
 * HPAGE_PMD_NR. What each page counts stays as it is.
 */
static void __split_huge_pmd_locked(struct vm_area_struct *vma, pmd_t *pmd,
				    unsigned long haddr, pte_t *table)
{
	unsigned long prot = pmd->pmd & (_PAGE_RW | _PAGE_PRESENT);
	struct page *page = pmd_page(*pmd);
	int i;

	VM_BUG_ON_PAGE(!page_ref_count(page), page);
	atomic_add(HPAGE_PMD_NR - 1, &page->_refcount);

	for (i = 0; i < HPAGE_PMD_NR; i++)
		set_pte(table + i, __pte((page_to_pfn(page + i) << PAGE_SHIFT) | prot));
	smp_wmb();	/* the table is full before it can be found */
	pmd_populate(pmd, table);
}

void __split_huge_pmd(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr)
{
	pte_t *table = pte_alloc_one(vma->vm_mm);
	spinlock_t *ptl;

	ptl = pmd_trans_huge_lock(pmd, vma);
	if (!ptl)
		return;
	__split_huge_pmd_locked(vma, pmd, addr & HPAGE_PMD_MASK, table);
	spin_unlock(ptl);
}
