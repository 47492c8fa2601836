// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables: what fork() copies and what munmap() takes away.
 */
#include <linux/rmap.h>

static void copy_pte_range(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma,
			   pmd_t *dst_pmd, pmd_t *src_pmd, unsigned long addr,
			   unsigned long end)
{
	pte_t *src, *dst, *mapped;
	struct page *page;
	spinlock_t *ptl;
	pte_t pte;

	dst = pte_alloc_one(dst_vma->vm_mm);
	pmd_populate(dst_pmd, dst);
	dst += pte_index(addr);
	src = mapped = pte_offset_map_lock(src_vma->vm_mm, src_pmd, addr, &ptl);
	for (; addr != end; addr += PAGE_SIZE, src++, dst++) {
		pte = *src;
		if (!pte_present(pte))
			continue;
		page = pte_page(pte);
		get_page(page);
		page_dup_rmap(page, false);
		pte = __pte(pte.pte & ~_PAGE_RW);
		set_pte(src, pte);
		set_pte(dst, pte);
	}
	pte_unmap_unlock(mapped, ptl);
}

int copy_page_range(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma)
{
	unsigned long addr = src_vma->vm_start;
	unsigned long next;
	pmd_t *src_pmd, *dst_pmd;

	for (; addr < src_vma->vm_end; addr = next) {
		next = (addr + PMD_SIZE) & PMD_MASK;
		if (next > src_vma->vm_end)
			next = src_vma->vm_end;
		src_pmd = pmd_offset(src_vma->vm_mm, addr);
		dst_pmd = pmd_offset(dst_vma->vm_mm, addr);
		if (pmd_none(*src_pmd))
			continue;
		if (pmd_trans_huge(*src_pmd))
			copy_huge_pmd(dst_vma, src_vma, dst_pmd, src_pmd);
		else
			copy_pte_range(dst_vma, src_vma, dst_pmd, src_pmd, addr, next);
	}
	return 0;
}

void zap_pte_range(struct vm_area_struct *vma, pmd_t *pmd,
		   unsigned long addr, unsigned long end)
{
	pte_t *pte, *mapped;
	struct page *page;
	spinlock_t *ptl;
	pte_t ptent;

	pte = mapped = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	for (; addr != end; addr += PAGE_SIZE, pte++) {
		ptent = *pte;
		if (!pte_present(ptent))
			continue;
		page = pte_page(ptent);
		set_pte(pte, __pte(0));
		page_remove_rmap(page, false);
		put_page(page);
	}
	pte_unmap_unlock(mapped, ptl);
}

/* A huge page that lies in the range as a whole goes as a whole; else it is split. */
void unmap_vmas(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	unsigned long addr, next;
	pmd_t *pmd;

	for (addr = start; addr < end; addr = next) {
		next = (addr + PMD_SIZE) & PMD_MASK;
		if (next > end)
			next = end;
		pmd = pmd_offset(vma->vm_mm, addr);
		if (pmd_none(*pmd))
			continue;
		if (pmd_trans_huge(*pmd)) {
			if (next - addr == PMD_SIZE) {
				if (zap_huge_pmd(vma, pmd))
					continue;
			} else {
				__split_huge_pmd(vma, pmd, addr);
			}
		}
		zap_pte_range(vma, pmd, addr, next);
	}
}
