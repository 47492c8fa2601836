/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_MM_TYPES_H
#define _LINUX_MM_TYPES_H

#include <linux/types.h>
#include <linux/spinlock.h>

struct address_space;
struct mem_cgroup;
struct mm_struct;

/*
 * One for each page frame, 64 bytes. The pages of a compound page are a head
 * and tails; most of what is said about a compound page is stored in its head.
 * What the head has no room for lies in the first tail page, over words that a
 * tail page does not use.
 */
struct page {
	unsigned long flags;		/* atomic bits, see page-flags.h */
	union {
		/*
		 * Bit 0 set: an anonymous page, the rest is its anon_vma.
		 * TAIL_MAPPING in tail pages.
		 */
		struct address_space *mapping;
	};
	union {
		unsigned long index;	/* offset within the mapping, in pages */
		void *freelist;		/* slab */
	};
	union {
		/* Page tables that map this page, less one. */
		atomic_t _mapcount;
		unsigned int active;	/* slab */
	};
	atomic_t _refcount;		/* see page_ref.h; zero in tail pages */
	union {
		struct list_head lru;	/* the LRU, or a free list */
		struct {		/* tail pages */
			unsigned long compound_head;	/* bit 0 is set */
			/* The first tail page only. */
			unsigned int compound_dtor;
			unsigned int compound_order;
		};
	};
	unsigned long private;		/* order, while in the buddy system */
	struct mem_cgroup *mem_cgroup;
};

typedef struct { unsigned long pte; } pte_t;
typedef struct { unsigned long pmd; } pmd_t;

/* The page tables of one process: one table of PMDs is enough here. */
struct mm_struct {
	pmd_t *pgd;
	spinlock_t page_table_lock;	/* covers PMDs and PTEs alike */
	struct vm_area_struct *mmap;
};

struct anon_vma {
	atomic_t refcount;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct vm_area_struct *vm_next;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	struct anon_vma *anon_vma;
};

#endif
