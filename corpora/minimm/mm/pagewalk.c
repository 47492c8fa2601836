// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/pagewalk.h>

/* Call the walker for each PMD of a vma that holds something. */
int walk_page_vma(struct vm_area_struct *vma, const struct mm_walk_ops *ops,
		  void *private)
{
	struct mm_walk walk = { .ops = ops, .private = private,
				.vma = vma, .mm = vma->vm_mm };
	unsigned long addr = vma->vm_start;
	unsigned long next;
	int err = 0;
	pmd_t *pmd;

	for (; addr < vma->vm_end && !err; addr = next) {
		next = (addr + PMD_SIZE) & PMD_MASK;
		if (next > vma->vm_end)
			next = vma->vm_end;
		pmd = pmd_offset(walk.mm, addr);
		if (pmd_none(*pmd))
			continue;
		err = ops->pmd_entry(pmd, addr, next, &walk);
	}
	return err;
}
