/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page flags, and what may be asked of which page.
 *
 * For each flag the macros below make PageXxx(), SetPageXxx(), ClearPageXxx()
 * and the like. A flag of a compound page is kept in one place only; the
 * policy of the flag turns the page given into the page that keeps it.
 */
#ifndef _LINUX_PAGE_FLAGS_H
#define _LINUX_PAGE_FLAGS_H

#include <linux/types.h>
#include <linux/bitops.h>
#include <linux/mmdebug.h>
#include <linux/mm_types.h>

enum pageflags {
	PG_locked,
	PG_error,
	PG_referenced,
	PG_uptodate,
	PG_dirty,
	PG_lru,
	PG_active,
	PG_slab,
	PG_owner_priv_1,
	PG_arch_1,
	PG_reserved,
	PG_private,
	PG_private_2,
	PG_writeback,
	PG_head,
	PG_swapcache,
	PG_mappedtodisk,
	PG_reclaim,
	PG_swapbacked,
	PG_unevictable,
	PG_mlocked,
	__NR_PAGEFLAGS,
};

/* Flags that a page handed to the buddy system must have lost. */
#define PAGE_FLAGS_CHECK_AT_FREE				\
	(BIT(PG_locked) | BIT(PG_lru) | BIT(PG_active) |	\
	 BIT(PG_slab) | BIT(PG_private) | BIT(PG_writeback) |	\
	 BIT(PG_unevictable) | BIT(PG_mlocked))

/* Flags that a page starts without, and so loses when it is freed. */
#define PAGE_FLAGS_CHECK_AT_PREP	(BIT(__NR_PAGEFLAGS) - 1)

/*
 * The head of the compound page this page is in, or the page itself. Nothing
 * keeps the answer true but what the caller holds.
 */
static inline struct page *compound_head(struct page *page)
{
	unsigned long head = READ_ONCE(page->compound_head);

	if (unlikely(head & 1))
		return (struct page *)(head - 1);
	return page;
}

static __always_inline int PageTail(struct page *page)
{
	return READ_ONCE(page->compound_head) & 1;
}

static __always_inline int PageCompound(struct page *page)
{
	return test_bit(PG_head, &page->flags) || PageTail(page);
}

/*
 * Policies. "enforce" is 1 in what changes a flag and 0 in what reads it, so
 * that a reader who holds nothing may still ask.
 *
 * PF_ANY:		each page has a flag of its own.
 * PF_HEAD:		the head keeps it; a tail is led to its head.
 * PF_ONLY_HEAD:	changed through the head only.
 * PF_NO_TAIL:		changed through the head or an order-0 page only; a
 *			reader is led to the head.
 * PF_NO_COMPOUND:	not for compound pages.
 */
#define PF_ANY(page, enforce)	page
#define PF_HEAD(page, enforce)	compound_head(page)
#define PF_ONLY_HEAD(page, enforce) ({					\
		VM_BUG_ON_PGFLAGS(enforce && PageTail(page), page);	\
		page; })
#define PF_NO_TAIL(page, enforce) ({					\
		VM_BUG_ON_PGFLAGS(enforce && PageTail(page), page);	\
		compound_head(page); })
#define PF_NO_COMPOUND(page, enforce) ({				\
		VM_BUG_ON_PGFLAGS(enforce && PageCompound(page), page);	\
		page; })

#define TESTPAGEFLAG(uname, lname, policy)				\
static __always_inline int Page##uname(struct page *page)		\
	{ return test_bit(PG_##lname, &policy(page, 0)->flags); }

#define SETPAGEFLAG(uname, lname, policy)				\
static __always_inline void SetPage##uname(struct page *page)		\
	{ set_bit(PG_##lname, &policy(page, 1)->flags); }

#define CLEARPAGEFLAG(uname, lname, policy)				\
static __always_inline void ClearPage##uname(struct page *page)		\
	{ clear_bit(PG_##lname, &policy(page, 1)->flags); }

#define __SETPAGEFLAG(uname, lname, policy)				\
static __always_inline void __SetPage##uname(struct page *page)		\
	{ __set_bit(PG_##lname, &policy(page, 1)->flags); }

#define __CLEARPAGEFLAG(uname, lname, policy)				\
static __always_inline void __ClearPage##uname(struct page *page)	\
	{ __clear_bit(PG_##lname, &policy(page, 1)->flags); }

#define TESTSETFLAG(uname, lname, policy)				\
static __always_inline int TestSetPage##uname(struct page *page)	\
	{ return test_and_set_bit(PG_##lname, &policy(page, 1)->flags); }

#define TESTCLEARFLAG(uname, lname, policy)				\
static __always_inline int TestClearPage##uname(struct page *page)	\
	{ return test_and_clear_bit(PG_##lname, &policy(page, 1)->flags); }

/* The sets of them that a flag usually has; __ is for a page nobody else sees. */
#define PAGEFLAG(uname, lname, policy)	TESTPAGEFLAG(uname, lname, policy) \
	SETPAGEFLAG(uname, lname, policy) CLEARPAGEFLAG(uname, lname, policy)

#define __PAGEFLAG(uname, lname, policy) TESTPAGEFLAG(uname, lname, policy) \
	__SETPAGEFLAG(uname, lname, policy) __CLEARPAGEFLAG(uname, lname, policy)

#define TESTSCFLAG(uname, lname, policy) \
	TESTSETFLAG(uname, lname, policy) TESTCLEARFLAG(uname, lname, policy)

PAGEFLAG(Locked, locked, PF_NO_TAIL) TESTSETFLAG(Locked, locked, PF_NO_TAIL)
PAGEFLAG(Error, error, PF_NO_COMPOUND)
PAGEFLAG(Referenced, referenced, PF_HEAD) TESTCLEARFLAG(Referenced, referenced, PF_HEAD)
PAGEFLAG(Uptodate, uptodate, PF_NO_TAIL)
PAGEFLAG(Dirty, dirty, PF_HEAD) TESTSCFLAG(Dirty, dirty, PF_HEAD)
PAGEFLAG(LRU, lru, PF_HEAD) TESTCLEARFLAG(LRU, lru, PF_HEAD)
PAGEFLAG(Active, active, PF_HEAD)
__PAGEFLAG(Slab, slab, PF_NO_TAIL)
PAGEFLAG(Reserved, reserved, PF_NO_COMPOUND)
PAGEFLAG(Private, private, PF_ANY)
PAGEFLAG(Writeback, writeback, PF_NO_TAIL) TESTSCFLAG(Writeback, writeback, PF_NO_TAIL)
__PAGEFLAG(Head, head, PF_ANY)
PAGEFLAG(SwapBacked, swapbacked, PF_NO_TAIL)
PAGEFLAG(Unevictable, unevictable, PF_HEAD)
PAGEFLAG(Mlocked, mlocked, PF_NO_TAIL) TESTSCFLAG(Mlocked, mlocked, PF_NO_TAIL)

/* One store each: a page is a tail of this head, or no tail at all. */
static inline void set_compound_head(struct page *page, struct page *head)
{
	unsigned long word = (unsigned long)head | 1;

	WRITE_ONCE(page->compound_head, word);
}

static inline void clear_compound_head(struct page *page)
{
	WRITE_ONCE(page->compound_head, 0UL);
}

#define PAGE_MAPPING_ANON	1

/* An anonymous page? The head of a compound page answers for its tails. */
static __always_inline int PageAnon(struct page *page)
{
	page = compound_head(page);
	return ((unsigned long)page->mapping & PAGE_MAPPING_ANON) != 0;
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
/*
 * The head of a huge page? Only for who knows that the page is no tail: a walker
 * of page tables, who found it in a PMD.
 */
static inline int PageTransHuge(struct page *page)
{
	VM_BUG_ON_PAGE(PageTail(page), page);
	return PageHead(page);
}

/* Some part of a huge page? For any page. */
static inline int PageTransCompound(struct page *page)
{
	return PageCompound(page);
}
#else
static inline int PageTransHuge(struct page *page)
{
	return 0;
}

static inline int PageTransCompound(struct page *page)
{
	return 0;
}
#endif

/*
 * A free page is told by a value of _mapcount that no mapped page can have.
 */
#define PAGE_BUDDY_MAPCOUNT_VALUE	(-128)

static inline int PageBuddy(struct page *page)
{
	return READ_ONCE(page->_mapcount.counter) == PAGE_BUDDY_MAPCOUNT_VALUE;
}

static inline void __SetPageBuddy(struct page *page)
{
	VM_BUG_ON_PAGE(READ_ONCE(page->_mapcount.counter) != -1, page);
	WRITE_ONCE(page->_mapcount.counter, PAGE_BUDDY_MAPCOUNT_VALUE);
}

static inline void __ClearPageBuddy(struct page *page)
{
	VM_BUG_ON_PAGE(!PageBuddy(page), page);
	WRITE_ONCE(page->_mapcount.counter, -1);
}

#endif
