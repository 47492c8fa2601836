// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/kpagecount and /proc/kpageflags: one 64-bit word for each page frame.
 *
 * A reader comes with a pfn from user space and holds nothing. The page behind
 * it may be freed, split or allocated anew at any moment.
 */
#include <linux/init.h>
#include <linux/kernel-page-flags.h>
#include <linux/mm.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

#define KPMSIZE sizeof(u64)
#define KPMMASK (KPMSIZE - 1)
#define KPMBITS (KPMSIZE * 8)

/*
 * /proc/kpagecount: how often the page is mapped.
 *
 * The answer for a page of a huge page needs the whole of it, so the head is
 * pinned, and then looked up again: without the second look the reference may
 * be one to a page that this one has nothing to do with any more.
 */
static ssize_t kpagecount_read(struct file *file, char __user *buf,
			       size_t count, loff_t *ppos)
{
	u64 __user *out = (u64 __user *)buf;
	unsigned long pfn = *ppos / KPMSIZE;
	struct page *page, *head;
	size_t done = 0;
	u64 pcount;

	if ((*ppos & KPMMASK) || (count & KPMMASK))
		return -EINVAL;

	while (done < count && pfn < max_pfn) {
		page = pfn_to_online_page(pfn);
		pcount = 0;
		if (page) {
			head = compound_head(page);
			if (get_page_unless_zero(head)) {
				if (compound_head(page) == head && !PageSlab(head))
					pcount = page_mapcount(page);
				put_page(head);
			}
		}
		if (put_user(pcount, out))
			return done ? (ssize_t)done : -EFAULT;
		pfn++;
		out++;
		done += KPMSIZE;
	}
	*ppos += done;
	return done;
}

static const struct proc_ops kpagecount_proc_ops = {
	.proc_lseek	= mem_lseek,
	.proc_read	= kpagecount_read,
};

static u64 kpf_copy_bit(u64 kflags, int ubit, int kbit)
{
	return ((kflags >> kbit) & 1) << ubit;
}

/*
 * Flags under the numbers that user space knows. No reference is taken: the
 * answer may be out of date, but nothing here asserts anything of the page.
 */
u64 stable_page_flags(struct page *page)
{
	u64 k, u = 0;

	if (!page)
		return 1ULL << KPF_NOPAGE;

	k = READ_ONCE(page->flags);

	/* A slab page uses ->_mapcount for something else. */
	if (!PageSlab(page) && page_mapped(page))
		u |= 1ULL << KPF_MMAP;
	if (PageAnon(page))
		u |= 1ULL << KPF_ANON;

	if (PageHead(page))
		u |= 1ULL << KPF_COMPOUND_HEAD;
	if (PageTail(page))
		u |= 1ULL << KPF_COMPOUND_TAIL;
	if (PageTransCompound(page)) {
		struct page *head = compound_head(page);

		if (PageLRU(head) || PageAnon(head))
			u |= 1ULL << KPF_THP;
	}
	if (PageBuddy(page))
		u |= 1ULL << KPF_BUDDY;

	u |= kpf_copy_bit(k, KPF_ACTIVE, PG_active);
	u |= kpf_copy_bit(k, KPF_DIRTY, PG_dirty);
	u |= kpf_copy_bit(k, KPF_ERROR, PG_error);
	u |= kpf_copy_bit(k, KPF_LOCKED, PG_locked);
	u |= kpf_copy_bit(k, KPF_LRU, PG_lru);
	u |= kpf_copy_bit(k, KPF_MLOCKED, PG_mlocked);
	u |= kpf_copy_bit(k, KPF_REFERENCED, PG_referenced);
	u |= kpf_copy_bit(k, KPF_RESERVED, PG_reserved);
	u |= kpf_copy_bit(k, KPF_SLAB, PG_slab);
	u |= kpf_copy_bit(k, KPF_SWAPBACKED, PG_swapbacked);
	u |= kpf_copy_bit(k, KPF_UNEVICTABLE, PG_unevictable);
	u |= kpf_copy_bit(k, KPF_UPTODATE, PG_uptodate);
	u |= kpf_copy_bit(k, KPF_WRITEBACK, PG_writeback);
	return u;
}

static ssize_t kpageflags_read(struct file *file, char __user *buf,
			       size_t count, loff_t *ppos)
{
	u64 __user *out = (u64 __user *)buf;
	unsigned long pfn = *ppos / KPMSIZE;
	struct page *page;
	size_t done = 0;

	if ((*ppos & KPMMASK) || (count & KPMMASK))
		return -EINVAL;

	while (done < count && pfn < max_pfn) {
		page = pfn_to_online_page(pfn);
		if (put_user(stable_page_flags(page), out))
			return done ? (ssize_t)done : -EFAULT;
		pfn++;
		out++;
		done += KPMSIZE;
	}
	*ppos += done;
	return done;
}

static const struct proc_ops kpageflags_proc_ops = {
	.proc_lseek	= mem_lseek,
	.proc_read	= kpageflags_read,
};

static int __init proc_page_init(void)
{
	proc_create("kpageflags", S_IRUSR, NULL, &kpageflags_proc_ops);
	proc_create("kpagecount", S_IRUSR, NULL, &kpagecount_proc_ops);
	return 0;
}
fs_initcall(proc_page_init);
