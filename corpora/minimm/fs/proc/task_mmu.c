// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/PID/smaps: how much of each mapping is there, and how much is shared.
 */
#include <linux/huge_mm.h>
#include <linux/pagewalk.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

struct mem_size_stats {
	unsigned long resident;
	unsigned long shared;
	unsigned long private;
	unsigned long anonymous_thp;
	u64 pss;
};

/*
 * The page table lock is held and the entry is present, so the mapping it
 * stands for holds a reference: the page stays, huge page and all. Mapped once
 * means private; what is mapped n times counts for one nth of it.
 */
static void smaps_account(struct mem_size_stats *mss, struct page *page, bool compound)
{
	int i, nr = compound ? HPAGE_PMD_NR : 1;
	int mapcount;

	mss->resident += nr * PAGE_SIZE;
	for (i = 0; i < nr; i++, page++) {
		mapcount = page_mapcount(page);
		if (mapcount >= 2) {
			mss->shared += PAGE_SIZE;
			mss->pss += PAGE_SIZE / mapcount;
		} else {
			mss->private += PAGE_SIZE;
			mss->pss += PAGE_SIZE;
		}
	}
}

static void smaps_pte_entry(pte_t *pte, struct mm_walk *walk)
{
	struct mem_size_stats *mss = walk->private;

	/* Swapped out or on the move: no mapping, and nothing that holds the page. */
	if (!pte_present(*pte))
		return;
	smaps_account(mss, pte_page(*pte), false);
}

static void smaps_pmd_entry(pmd_t *pmd, struct mm_walk *walk)
{
	struct mem_size_stats *mss = walk->private;
	struct page *page = pmd_page(*pmd);

	mss->anonymous_thp += PMD_SIZE;
	smaps_account(mss, page, true);
}

static int smaps_pte_range(pmd_t *pmd, unsigned long addr, unsigned long end,
			   struct mm_walk *walk)
{
	pte_t *pte, *mapped;
	spinlock_t *ptl;

	ptl = pmd_trans_huge_lock(pmd, walk->vma);
	if (ptl) {
		smaps_pmd_entry(pmd, walk);
		spin_unlock(ptl);
		return 0;
	}

	pte = mapped = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	for (; addr != end; pte++, addr += PAGE_SIZE)
		smaps_pte_entry(pte, walk);
	pte_unmap_unlock(mapped, ptl);
	return 0;
}

static const struct mm_walk_ops smaps_walk_ops = {
	.pmd_entry	= smaps_pte_range,
};

static int show_smap(struct seq_file *m, void *v)
{
	struct vm_area_struct *vma = v;
	struct mem_size_stats mss = { 0 };

	walk_page_vma(vma, &smaps_walk_ops, &mss);
	seq_printf(m, "Rss:            %8lu kB\n", mss.resident >> 10);
	seq_printf(m, "Pss:            %8llu kB\n", mss.pss >> 10);
	seq_printf(m, "Shared:         %8lu kB\n", mss.shared >> 10);
	seq_printf(m, "Private:        %8lu kB\n", mss.private >> 10);
	seq_printf(m, "AnonHugePages:  %8lu kB\n", mss.anonymous_thp >> 10);
	return 0;
}

static void *m_start(struct seq_file *m, loff_t *pos)
{
	struct mm_struct *mm = m->private;
	struct vm_area_struct *vma = mm->mmap;
	loff_t n = *pos;

	while (vma && n--)
		vma = vma->vm_next;
	return vma;
}

static void *m_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct vm_area_struct *vma = v;

	(*pos)++;
	return vma->vm_next;
}

static void m_stop(struct seq_file *m, void *v)
{
}

static const struct seq_operations proc_pid_smaps_op = {
	.show	= show_smap,
	.start	= m_start,
	.next	= m_next,
	.stop	= m_stop,
};

static int pid_smaps_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &proc_pid_smaps_op);
}

const struct file_operations proc_pid_smaps_operations = {
	.read	= seq_read,
	.open	= pid_smaps_open,
};
