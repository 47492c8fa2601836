// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What user space can ask for. Only what changes how pages are mapped.
 */
#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/syscalls.h>

struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;

	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		if (addr >= vma->vm_start && addr < vma->vm_end)
			return vma;
	}
	return NULL;
}

SYSCALL_DEFINE2(munmap, unsigned long, addr, size_t, len)
{
	struct vm_area_struct *vma = find_vma(current_mm(), addr);

	if (!vma || (addr & ~PAGE_MASK) || addr + len > vma->vm_end)
		return -EINVAL;
	unmap_vmas(vma, addr, addr + len);
	return 0;
}

/*
 * A part of a huge page cannot have rights of its own while a PMD maps it. The
 * new rights themselves are nothing that minimm needs.
 */
SYSCALL_DEFINE3(mprotect, unsigned long, addr, size_t, len, unsigned long, prot)
{
	struct vm_area_struct *vma = find_vma(current_mm(), addr);
	unsigned long edge[2] = { addr, addr + len };
	pmd_t *pmd;
	int i;

	if (!vma || (addr & ~PAGE_MASK) || addr + len > vma->vm_end)
		return -EINVAL;
	for (i = 0; i < 2; i++) {
		if (!(edge[i] & ~PMD_MASK))
			continue;
		pmd = pmd_offset(vma->vm_mm, edge[i]);
		if (pmd_trans_huge(*pmd))
			__split_huge_pmd(vma, pmd, edge[i]);
	}
	return 0;
}
