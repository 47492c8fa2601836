"""What a process maps of its 2 MiB range: VMAs and page tables, as plain Python.

Nobody reads them concurrently: a process is moved by one thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

HPAGE_PMD_ORDER = 9
HPAGE_PMD_NR = 1 << HPAGE_PMD_ORDER


@dataclass(slots=True)
class Entry:
    """A page-table entry: the page it maps and whether it lets write."""

    page: int
    write: bool


@dataclass(frozen=True, slots=True)
class Area:
    """What the VMA of a page says: its kind of memory, whether it may be written, VM_LOCKED.

    Neighbours that agree are one VMA: the kernel merges them.
    """

    kind: str
    write: bool = True
    locked: bool = False


@dataclass(slots=True)
class Process:
    """What one process maps of the range. ``vma`` has an Area for each page, mapped or not.

    ``page_table``: the PMD points to a table of PTEs, empty or not, so no huge page fits.
    ``away`` is what mremap moved out of the range, under the index it had.
    """

    vma: dict[int, Area] = field(default_factory=dict)
    pmd: Entry | None = None
    ptes: dict[int, Entry] = field(default_factory=dict)
    page_table: bool = False
    away: Process | None = None

    def copy(self) -> Process:
        """Return page tables of its own that map the same."""
        return Process(
            dict(self.vma),
            replace(self.pmd) if self.pmd is not None else None,
            {i: replace(entry) for i, entry in self.ptes.items()},
            self.page_table,
            self.away.copy() if self.away is not None else None,
        )

    def change(
        self, first: int, count: int, *, write: bool | None = None, locked: bool | None = None
    ) -> list[int]:
        """Give the range these attributes, up to a hole; return the pages whose Area changed."""
        changed = []
        for i in range(first, first + count):
            area = self.vma.get(i)
            if area is None:
                break
            new = replace(
                area,
                write=area.write if write is None else write,
                locked=area.locked if locked is None else locked,
            )
            if new != area:
                self.vma[i] = new
                changed.append(i)
        return changed

    def is_one_area(self) -> bool:
        """Say whether one VMA covers the whole range."""
        return len(self.vma) == HPAGE_PMD_NR and len(set(self.vma.values())) == 1

    def is_hugetlb(self, first: int, count: int) -> bool:
        """Say whether the range holds memory of hugetlb."""
        areas = (self.vma.get(i) for i in range(first, first + count))
        return any(area is not None and area.kind.startswith("hugetlb") for area in areas)

    def is_refused(self, first: int, count: int) -> bool:
        """Say whether the kernel refuses to do something to the range: a part of a huge page."""
        return count < HPAGE_PMD_NR and self.is_hugetlb(first, count)

    def fits_pmd(self) -> bool:
        """Say whether a fault may map a huge page."""
        return not self.page_table and self.is_one_area()
