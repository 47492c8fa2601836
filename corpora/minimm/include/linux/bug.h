/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_BUG_H
#define _LINUX_BUG_H

#include <linux/printk.h>

#define BUG() do {							\
	pr_emerg("kernel BUG at %s:%d!\n", __FILE__, __LINE__);		\
	__builtin_trap();						\
} while (0)

#endif
