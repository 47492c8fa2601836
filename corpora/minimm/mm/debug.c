// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/mm.h>

/*
 * Tell all about a page that is known to be wrong. Nothing called from here may
 * assert anything of the page, or the first BUG brings a second one: the words
 * are read as they lie in memory.
 */
void dump_page(struct page *page, const char *reason)
{
	pr_emerg("page:%p count:%d mapcount:%d mapping:%p index:%#lx\n",
		 page, atomic_read(&page->_refcount),
		 atomic_read(&page->_mapcount) + 1, page->mapping, page->index);
	pr_emerg("flags: %#lx(%pGp)\n", page->flags, &page->flags);
	if (reason)
		pr_emerg("page dumped because: %s\n", reason);
	if (page->mem_cgroup)
		pr_emerg("page->mem_cgroup:%p\n", page->mem_cgroup);
}
