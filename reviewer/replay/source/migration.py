"""Migration as the tree has it: an entry becomes a migration entry, and one of the new page.

The tree's walk of the page tables finds the one entry that is put before it.
"""

from __future__ import annotations

from reviewer.replay.kernel_api.pagetables import WALKED_PMD, WALKED_PTE
from reviewer.replay.memory.valuetype import ULONG
from reviewer.replay.source.counting import SourceCounting
from reviewer.replay.source.objects import (
    PAGE_SHIFT,
    PAGE_SIZE,
    PFN_MASK,
    PMD_BITS,
    PMD_HUGE,
    PMD_READ_ONLY,
    fill,
)
from reviewer.replay.stepping.thread import Body, TreeCall, Undecided

UNMAP, UNMAP_NEAR = "try_to_migrate_one", "mm/rmap.c"
MAP, MAP_NEAR = "remove_migration_pte", "mm/migrate.c"
MIGRATING = -1  # the page tables it works in: those of nobody else
ENTRY_BITS = {
    (True, True): PMD_BITS,
    (True, False): PMD_READ_ONLY,
    (False, True): PMD_BITS & ~PMD_HUGE,
    (False, False): PMD_READ_ONLY & ~PMD_HUGE,
}
"""Of an entry, by whether it is huge and whether it lets write."""


class SourceScheme(SourceCounting):
    """The whole scheme of a tree. hugetlb entries are the model's; their counters the tree's."""

    def unmap_for_migration(
        self, page: int, order: int, *, anon: bool, huge: bool, write: bool, index: int
    ) -> Body:
        """Run the tree's try_to_migrate_one; the answer is the entry it leaves."""
        parameters = self.find(UNMAP, UNMAP_NEAR)
        if parameters is None or huge:
            self.by_model.add(UNMAP)
            return (
                yield from super().unmap_for_migration(
                    page, order, anon=anon, huge=huge, write=write, index=index
                )
            )
        slot = self._slot(order)
        args = fill(UNMAP, parameters, self._walked(page, anon=anon), self._at(index, arg=0))
        yield self._set(slot, self.objects.make_entry(page, ENTRY_BITS[order > 0, write]))
        yield from self._walk(slot, order)
        if (yield TreeCall(UNMAP, args, UNMAP_NEAR)) == 0:
            raise Undecided(f"needs what {UNMAP}() keeps a mapping for")
        return (yield self._get(slot))

    def map_after_migration(
        self, page: int, order: int, entry: int, *, old: int, anon: bool, huge: bool, index: int
    ) -> Body:
        """Run the tree's remove_migration_pte on the migration entry."""
        parameters = self.find(MAP, MAP_NEAR)
        if parameters is None or huge or self.find(UNMAP, UNMAP_NEAR) is None:
            self.by_model.add(MAP)
            return (
                yield from super().map_after_migration(
                    page, order, entry, old=old, anon=anon, huge=huge, index=index
                )
            )
        slot, former = self._slot(order), self.pages.address(old)
        walk = former  # the folio itself, or a struct that names it
        if self.objects.has("struct rmap_walk_arg"):
            walk = self.objects.private_struct("struct rmap_walk_arg", {"folio": former})
        by_name = self._at(index, old=walk, arg=walk)
        args = fill(MAP, parameters, self._walked(page, anon=anon), by_name)
        yield self._set(slot, entry)
        yield from self._walk(slot, order)
        yield TreeCall(MAP, args, MAP_NEAR)
        left = yield self._get(slot)
        if (left & PFN_MASK) >> PAGE_SHIFT != self.pages.first_pfn + page:
            raise Undecided(f"needs what {MAP}() leaves the entry {left:#x} for")
        return 0

    def _slot(self, order: int) -> int:
        """Return where the entry stands that a walk of the page tables finds."""
        return self.objects.pmd_of(MIGRATING) if order else self.objects.private("pte", 8)

    def _walk(self, slot: int, order: int) -> Body:
        """Say which entry the next walk finds."""
        for name, value in ((WALKED_PMD, slot), (WALKED_PTE, 0 if order else slot)):
            known = self.machine.find_global(name)
            yield self._set(
                known.address if known else self.machine.define_global(name, ULONG, 0), value
            )
        return 0

    def _walked(self, page: int, *, anon: bool) -> dict[str, int]:
        return {
            "struct folio *": self.pages.address(self._head(page)),
            "struct page *": self.pages.address(page),
            "struct vm_area_struct *": self.objects.vma if anon else self.objects.file_vma,
        }

    def _at(self, index: int, **others: int) -> dict[str, int]:
        address = self.objects.start + index * PAGE_SIZE
        return {"address": address, "addr": address, **others}
