/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables, two levels of them. A PMD either points to a table of PTEs or
 * maps a huge page itself.
 */
#ifndef _LINUX_PGTABLE_H
#define _LINUX_PGTABLE_H

#include <linux/mmzone.h>
#include <linux/mm_types.h>

#define PMD_SHIFT	21
#define PMD_SIZE	(1UL << PMD_SHIFT)
#define PMD_MASK	(~(PMD_SIZE - 1))
#define PTRS_PER_PTE	512
#define PTRS_PER_PMD	512

#define _PAGE_PRESENT	0x001UL
#define _PAGE_RW	0x002UL
#define _PAGE_PSE	0x080UL

#define __pte(x)	((pte_t){ (x) })
#define __pmd(x)	((pmd_t){ (x) })

static inline int pte_none(pte_t pte)
{
	return !pte.pte;
}

static inline int pte_present(pte_t pte)
{
	return !!(pte.pte & _PAGE_PRESENT);
}

static inline unsigned long pte_pfn(pte_t pte)
{
	return pte.pte >> PAGE_SHIFT;
}

static inline struct page *pte_page(pte_t pte)
{
	return pfn_to_page(pte_pfn(pte));
}

static inline int pmd_none(pmd_t pmd)
{
	return !pmd.pmd;
}

/* Maps a huge page, and is present. */
static inline int pmd_trans_huge(pmd_t pmd)
{
	return (pmd.pmd & (_PAGE_PSE | _PAGE_PRESENT)) == (_PAGE_PSE | _PAGE_PRESENT);
}

static inline unsigned long pmd_pfn(pmd_t pmd)
{
	return pmd.pmd >> PAGE_SHIFT;
}

static inline struct page *pmd_page(pmd_t pmd)
{
	return pfn_to_page(pmd_pfn(pmd));
}

static inline unsigned long pmd_index(unsigned long addr)
{
	return (addr >> PMD_SHIFT) & (PTRS_PER_PMD - 1);
}

static inline unsigned long pte_index(unsigned long addr)
{
	return (addr >> PAGE_SHIFT) & (PTRS_PER_PTE - 1);
}

static inline pmd_t *pmd_offset(struct mm_struct *mm, unsigned long addr)
{
	return mm->pgd + pmd_index(addr);
}

static inline pte_t *pte_offset_map(pmd_t *pmd, unsigned long addr)
{
	pte_t *table = (pte_t *)(READ_ONCE(pmd->pmd) & PAGE_MASK);

	return table + pte_index(addr);
}

static inline void set_pte(pte_t *ptep, pte_t pte)
{
	WRITE_ONCE(ptep->pte, pte.pte);
}

static inline void set_pmd(pmd_t *pmdp, pmd_t pmd)
{
	WRITE_ONCE(pmdp->pmd, pmd.pmd);
}

static inline void pmd_populate(pmd_t *pmdp, pte_t *table)
{
	set_pmd(pmdp, __pmd((unsigned long)table | _PAGE_PRESENT));
}

/* The lock over a PMD, and over the PTEs below it. */
static inline spinlock_t *pmd_lock(struct mm_struct *mm, pmd_t *pmd)
{
	spinlock_t *ptl = &mm->page_table_lock;

	spin_lock(ptl);
	return ptl;
}

/* Locked, if the PMD maps a huge page; else NULL, and nothing is locked. */
static inline spinlock_t *pmd_trans_huge_lock(pmd_t *pmd, struct vm_area_struct *vma)
{
	spinlock_t *ptl = pmd_lock(vma->vm_mm, pmd);

	if (pmd_trans_huge(*pmd))
		return ptl;
	spin_unlock(ptl);
	return NULL;
}

static inline pte_t *pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmd,
					 unsigned long addr, spinlock_t **ptlp)
{
	*ptlp = pmd_lock(mm, pmd);
	return pte_offset_map(pmd, addr);
}

static inline void pte_unmap_unlock(pte_t *pte, spinlock_t *ptl)
{
	spin_unlock(ptl);
}

/* A table of PTEs with every entry empty. */
pte_t *pte_alloc_one(struct mm_struct *mm);

#endif
