/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_RMAP_H
#define _LINUX_RMAP_H

#include <linux/huge_mm.h>

/*
 * The counting side of mapping a page. "compound" says that the page is the
 * head of a huge page and is mapped as a whole, by a PMD; else it is one page,
 * perhaps of a huge page, mapped by a PTE. The page table lock is held.
 */
void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma,
			    unsigned long address, bool compound);
void page_add_anon_rmap(struct page *page, struct vm_area_struct *vma,
			unsigned long address, bool compound);
void page_remove_rmap(struct page *page, bool compound);

/* The page is mapped already, and once more by a child: nothing is first here. */
static inline void page_dup_rmap(struct page *page, bool compound)
{
	int i, nr = compound ? hpage_nr_pages(page) : 1;

	for (i = 0; i < nr; i++)
		atomic_inc(&page[i]._mapcount);
}

#endif
