/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_HUGE_MM_H
#define _LINUX_HUGE_MM_H

#include <linux/mm.h>

#define HPAGE_PMD_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define HPAGE_PMD_NR	(1 << HPAGE_PMD_ORDER)
#define HPAGE_PMD_MASK	PMD_MASK

int do_huge_pmd_anonymous_page(struct vm_area_struct *vma, unsigned long addr);
void copy_huge_pmd(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma,
		   pmd_t *dst_pmd, pmd_t *src_pmd);
bool zap_huge_pmd(struct vm_area_struct *vma, pmd_t *pmd);
void __split_huge_pmd(struct vm_area_struct *vma, pmd_t *pmd, unsigned long addr);

/* Pages of the huge page this head stands for, 1 for an order-0 page. */
static inline int hpage_nr_pages(struct page *page)
{
	if (unlikely(PageTransHuge(page)))
		return HPAGE_PMD_NR;
	return 1;
}

#endif
