/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LINUX_GFP_H
#define _LINUX_GFP_H

#include <linux/mmzone.h>

#define __GFP_COMP	0x40u
#define GFP_USER	0x100u
#define GFP_TRANSHUGE	(GFP_USER | __GFP_COMP)

struct page *alloc_pages(gfp_t gfp, unsigned int order);
void __free_pages(struct page *page, unsigned int order);

#endif
