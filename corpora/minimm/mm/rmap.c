// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counting the page tables that map a page.
 *
 * Each page has a count of its own, part of a huge page or not: ->_mapcount,
 * which starts at -1. Mapping a huge page by a PMD therefore counts in each of
 * its pages. That is simple, and a PMD may be split into PTEs without any
 * change to a count; it costs HPAGE_PMD_NR atomic operations for what one page
 * table entry does.
 */
#include <linux/rmap.h>

static void __page_set_anon_rmap(struct page *page, struct vm_area_struct *vma,
				 unsigned long address)
{
	if (PageAnon(page))
		return;
	page->index = address >> PAGE_SHIFT;
	WRITE_ONCE(page->mapping, (struct address_space *)
		   ((unsigned long)vma->anon_vma + PAGE_MAPPING_ANON));
}

/* Count one mapping in nr pages; returns how many were not mapped before. */
static int page_add_mapcounts(struct page *page, int nr)
{
	int i, first = 0;

	for (i = 0; i < nr; i++) {
		if (atomic_inc_and_test(&page[i]._mapcount))
			first++;
	}
	return first;
}

/* Take one mapping from nr pages; returns how many are not mapped any more. */
static int page_sub_mapcounts(struct page *page, int nr)
{
	int i, last = 0;

	for (i = 0; i < nr; i++) {
		if (atomic_add_negative(-1, &page[i]._mapcount))
			last++;
	}
	return last;
}

/* Map a page that may be mapped already. */
void page_add_anon_rmap(struct page *page, struct vm_area_struct *vma,
			unsigned long address, bool compound)
{
	int nr;

	if (compound)
		VM_BUG_ON_PAGE(!PageTransHuge(page), page);

	nr = page_add_mapcounts(page, compound ? hpage_nr_pages(page) : 1);
	if (nr)
		mod_node_page_state(NR_ANON_MAPPED, nr);
	if (nr && !PageTail(page))
		__page_set_anon_rmap(page, vma, address);
}

/* Map a page for the first time: nobody else can know it yet. */
void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma,
			    unsigned long address, bool compound)
{
	int i, nr = compound ? hpage_nr_pages(page) : 1;

	SetPageSwapBacked(page);
	for (i = 0; i < nr; i++) {
		VM_BUG_ON_PAGE(atomic_read(&page[i]._mapcount) != -1, page);
		atomic_set(&page[i]._mapcount, 0);
	}
	mod_node_page_state(NR_ANON_MAPPED, nr);
	__page_set_anon_rmap(page, vma, address);
}

/* Unmap: the entry is gone from the page table, the reference it had is not yet. */
void page_remove_rmap(struct page *page, bool compound)
{
	int nr;

	nr = page_sub_mapcounts(page, compound ? hpage_nr_pages(page) : 1);
	if (nr)
		mod_node_page_state(NR_ANON_MAPPED, -nr);
}
