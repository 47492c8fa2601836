/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_MMDEBUG_H
#define _LINUX_MMDEBUG_H

#include <linux/bug.h>

struct page;

void dump_page(struct page *page, const char *reason);

/* Say what was demanded of which page, then stop. */
#ifdef CONFIG_DEBUG_VM
#define VM_BUG_ON_PAGE(cond, page) do {					\
	if (unlikely(cond)) {						\
		dump_page((page), "VM_BUG_ON_PAGE(" __stringify(cond) ")"); \
		BUG();							\
	}								\
} while (0)
#else
#define VM_BUG_ON_PAGE(cond, page)	BUILD_BUG_ON_INVALID(cond)
#endif

/* The same for the policies of page flags, which are asked much more often. */
#ifndef CONFIG_DEBUG_VM_PGFLAGS
#define VM_BUG_ON_PGFLAGS(cond, page)	BUILD_BUG_ON_INVALID(cond)
#else
#define VM_BUG_ON_PGFLAGS(cond, page)	VM_BUG_ON_PAGE(cond, page)
#endif

#endif
