/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_MMZONE_H
#define _LINUX_MMZONE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define MAX_ORDER	11

enum node_stat_item {
	NR_ANON_MAPPED,		/* pages mapped at least once */
	NR_ANON_THPS,		/* huge pages mapped by a PMD at least once */
	NR_VM_NODE_STAT_ITEMS,
};

struct zone {
	spinlock_t lock;
	struct list_head free_area[MAX_ORDER];
};

extern struct zone the_zone;
extern atomic_long_t vm_node_stat[NR_VM_NODE_STAT_ITEMS];

static inline void mod_node_page_state(enum node_stat_item item, long delta)
{
	atomic_long_add(delta, &vm_node_stat[item]);
}

/* The struct pages lie in one array, by page frame number. */
#define VMEMMAP_START	0xffffea0000000000UL
#define vmemmap		((struct page *)VMEMMAP_START)

#define pfn_to_page(pfn)	(vmemmap + (pfn))
#define page_to_pfn(page)	((unsigned long)((page) - vmemmap))

extern unsigned long max_pfn;

static inline int pfn_valid(unsigned long pfn)
{
	return pfn < max_pfn;
}

/* The struct page of a frame of memory that is online; it pins nothing. */
static inline struct page *pfn_to_online_page(unsigned long pfn)
{
	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

#endif
