// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/kpageidle: which pages were not touched since somebody looked.
 */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

/*
 * The page with a reference, or NULL. Free pages and tails have no references,
 * so the try-get fails for them; a page that is on the LRU with a reference held
 * is a head or an order-0 page, and stays what it is until put_page().
 */
static struct page *page_idle_get_page(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!page || !PageLRU(page) || !get_page_unless_zero(page))
		return NULL;
	if (unlikely(!PageLRU(page))) {
		put_page(page);
		return NULL;
	}
	return page;
}

/* Idle: mapped somewhere, and not referenced since. */
static int page_idle_test(struct page *page)
{
	return page_mapcount(page) > 0 && !PageReferenced(page);
}

static ssize_t kpageidle_read(struct file *file, char __user *buf,
			      size_t count, loff_t *ppos)
{
	u64 __user *out = (u64 __user *)buf;
	unsigned long pfn = *ppos / sizeof(u64);
	size_t done = 0;
	struct page *page;
	u64 idle;

	if ((*ppos | count) & (sizeof(u64) - 1))
		return -EINVAL;
	while (done < count && pfn < max_pfn) {
		idle = 0;
		page = page_idle_get_page(pfn);
		if (page) {
			idle = page_idle_test(page);
			put_page(page);
		}
		if (put_user(idle, out))
			return done ? (ssize_t)done : -EFAULT;
		pfn++;
		out++;
		done += sizeof(u64);
	}
	*ppos += done;
	return done;
}

static const struct proc_ops kpageidle_proc_ops = {
	.proc_lseek	= mem_lseek,
	.proc_read	= kpageidle_read,
};

static int __init page_idle_init(void)
{
	proc_create("kpageidle", S_IRUSR, NULL, &kpageidle_proc_ops);
	return 0;
}
fs_initcall(page_idle_init);
