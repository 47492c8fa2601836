/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_MM_H
#define _LINUX_MM_H

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mmdebug.h>
#include <linux/mm_types.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/pgtable.h>

#define VM_WRITE	0x2UL

/* What ->mapping of a tail page holds, so that nobody takes it for a mapping. */
#define TAIL_MAPPING	((void *)0x400UL)

/* Who takes a compound page back when its last reference is gone. */
enum compound_dtor_id {
	NULL_COMPOUND_DTOR,
	COMPOUND_PAGE_DTOR,
	TRANSHUGE_PAGE_DTOR,
	NR_COMPOUND_DTORS,
};

void prep_compound_page(struct page *page, unsigned int order);
void __put_page(struct page *page);
struct address_space *page_mapping(struct page *page);

static inline void set_compound_page_dtor(struct page *page, enum compound_dtor_id dtor)
{
	page[1].compound_dtor = dtor;
}

static inline void set_compound_order(struct page *page, unsigned int order)
{
	page[1].compound_order = order;
}

/* Only for a head that cannot go away; 0 for an order-0 page. */
static inline unsigned int compound_order(struct page *page)
{
	return PageHead(page) ? page[1].compound_order : 0;
}

/* References to the compound page, whichever of its pages is asked. */
static inline int page_count(struct page *page)
{
	return page_ref_count(compound_head(page));
}

/* Another reference for who has one, or for who holds a present page table entry. */
static inline void get_page(struct page *page)
{
	page = compound_head(page);
	VM_BUG_ON_PAGE(page_ref_count(page) <= 0, page);
	page_ref_inc(page);
}

/* A reference for who has nothing: fails for free pages and for tails. */
static inline int get_page_unless_zero(struct page *page)
{
	return page_ref_add_unless(page, 1, 0);
}

/* Drop a reference to this head or order-0 page; true if it was the last one. */
static inline int put_page_testzero(struct page *page)
{
	VM_BUG_ON_PAGE(page_ref_count(page) <= 0, page);
	return page_ref_dec_and_test(page);
}

static inline void put_page(struct page *page)
{
	page = compound_head(page);
	if (put_page_testzero(page))
		__put_page(page);
}

static inline void page_mapcount_reset(struct page *page)
{
	atomic_set(&page->_mapcount, -1);
}

/* How many page tables map this page, by PMD and by PTE together. */
static inline int page_mapcount(struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}

/* Does any page table map this page? */
static inline bool page_mapped(struct page *page)
{
	return atomic_read(&page->_mapcount) >= 0;
}

/* Whatever user space maps here, PMDs and PTEs, goes. */
void unmap_vmas(struct vm_area_struct *vma, unsigned long start, unsigned long end);
void zap_pte_range(struct vm_area_struct *vma, pmd_t *pmd,
		   unsigned long addr, unsigned long end);
int copy_page_range(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma);
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr);
struct mm_struct *current_mm(void);

#endif
