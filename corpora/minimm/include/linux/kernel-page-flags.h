/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of /proc/kpageflags; the numbers are the kernel's, tools know them. */
#ifndef _LINUX_KERNEL_PAGE_FLAGS_H
#define _LINUX_KERNEL_PAGE_FLAGS_H

#define KPF_LOCKED		0
#define KPF_ERROR		1
#define KPF_REFERENCED		2
#define KPF_UPTODATE		3
#define KPF_DIRTY		4
#define KPF_LRU			5
#define KPF_ACTIVE		6
#define KPF_SLAB		7
#define KPF_WRITEBACK		8
#define KPF_BUDDY		10
#define KPF_MMAP		11
#define KPF_ANON		12
#define KPF_SWAPBACKED		14
#define KPF_COMPOUND_HEAD	15
#define KPF_COMPOUND_TAIL	16
#define KPF_UNEVICTABLE		18
#define KPF_NOPAGE		20
#define KPF_THP			22
#define KPF_RESERVED		32
#define KPF_MLOCKED		33

#endif
