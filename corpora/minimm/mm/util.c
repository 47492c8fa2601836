// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/mm.h>

/*
 * The file a page belongs to; NULL for an anonymous one. The caller keeps the
 * page: a tail answers through its head.
 */
struct address_space *page_mapping(struct page *page)
{
	struct address_space *mapping;

	page = compound_head(page);
	mapping = page->mapping;
	if ((unsigned long)mapping & PAGE_MAPPING_ANON)
		return NULL;
	return mapping;
}
