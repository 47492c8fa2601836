// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The buddy system, without the part that merges buddies.
 */
#include <linux/mm.h>

struct zone the_zone;
atomic_long_t vm_node_stat[NR_VM_NODE_STAT_ITEMS];
unsigned long max_pfn;

static void prep_compound_head(struct page *page, unsigned int order)
{
	set_compound_page_dtor(page, COMPOUND_PAGE_DTOR);
	set_compound_order(page, order);
}

static void prep_compound_tail(struct page *head, int tail_idx)
{
	struct page *p = head + tail_idx;

	set_page_count(p, 0);
	p->mapping = TAIL_MAPPING;
	set_compound_head(p, head);
}

/*
 * Makes a compound page of 1 << order pages that nobody else can see yet. The
 * head is marked first: whoever meets a tail then finds a head behind it.
 */
void prep_compound_page(struct page *page, unsigned int order)
{
	int tail;

	__SetPageHead(page);
	for (tail = 1; tail < (1 << order); tail++)
		prep_compound_tail(page, tail);
	prep_compound_head(page, order);
}

static void bad_page(struct page *page, const char *reason)
{
	pr_emerg("BUG: Bad page state at pfn %05lx\n", page_to_pfn(page));
	dump_page(page, reason);
}

static int free_pages_check(struct page *page)
{
	if (unlikely(atomic_read(&page->_mapcount) != -1)) {
		bad_page(page, "nonzero mapcount");
		return 1;
	}
	if (unlikely(page_ref_count(page) != 0)) {
		bad_page(page, "nonzero _refcount");
		return 1;
	}
	if (unlikely(page->flags & PAGE_FLAGS_CHECK_AT_FREE)) {
		bad_page(page, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
		return 1;
	}
	return 0;
}

/* Takes one tail page out of its compound page; 1 if something is wrong with it. */
static int free_tail_pages_check(struct page *head_page, struct page *page)
{
	const char *wrong = NULL;

	if (page->mapping != TAIL_MAPPING)
		wrong = "tail page with a mapping";
	if (!PageTail(page))
		wrong = "no tail page where one must be";
	else if (compound_head(page) != head_page)
		wrong = "tail page of another head";
	if (wrong)
		bad_page(page, wrong);

	clear_compound_head(page);
	page->mapping = NULL;
	return wrong != NULL;
}

/*
 * The last reference is gone: take the compound page apart. Tails first, then
 * the head's flag; between the two, and at any time after, a walker by pfn may
 * still hold the address of what was the head.
 */
static bool free_pages_prepare(struct page *page, unsigned int order)
{
	int bad = 0;
	int i;

	VM_BUG_ON_PAGE(PageTail(page), page);

	if (order) {
		bool compound = PageCompound(page);

		for (i = 1; i < (1 << order); i++) {
			if (compound)
				bad += free_tail_pages_check(page, page + i);
			bad += free_pages_check(page + i);
			(page + i)->flags &= ~PAGE_FLAGS_CHECK_AT_PREP;
		}
	}
	page->mapping = NULL;
	bad += free_pages_check(page);
	page->flags &= ~PAGE_FLAGS_CHECK_AT_PREP;
	return !bad;
}

static void free_one_page(struct zone *zone, struct page *page, unsigned int order)
{
	spin_lock(&zone->lock);
	page->private = order;
	__SetPageBuddy(page);
	list_add(&page->lru, &zone->free_area[order]);
	spin_unlock(&zone->lock);
}

static struct page *rmqueue(struct zone *zone, unsigned int order)
{
	struct page *page = NULL;

	spin_lock(&zone->lock);
	if (!list_empty(&zone->free_area[order])) {
		page = list_entry(zone->free_area[order].next, struct page, lru);
		list_del(&page->lru);
		__ClearPageBuddy(page);
		page->private = 0;
	}
	spin_unlock(&zone->lock);
	return page;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	struct page *page;
	int i;

	if (order >= MAX_ORDER)
		return NULL;
	page = rmqueue(&the_zone, order);
	if (!page)
		return NULL;
	for (i = 0; i < (1 << order); i++)
		page_mapcount_reset(page + i);
	set_page_count(page, 1);
	if (order && (gfp & __GFP_COMP))
		prep_compound_page(page, order);
	return page;
}

/* For who knows that the reference dropped is the last one. */
static void free_pages_ok(struct page *page, unsigned int order)
{
	if (free_pages_prepare(page, order))
		free_one_page(&the_zone, page, order);
}

void __free_pages(struct page *page, unsigned int order)
{
	if (put_page_testzero(page))
		free_pages_ok(page, order);
}

/* put_page() has dropped the last reference to this head or order-0 page. */
void __put_page(struct page *page)
{
	if (PageLRU(page))
		ClearPageLRU(page);
	free_pages_ok(page, compound_order(page));
}
