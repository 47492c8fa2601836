"""What works on a page-table entry, as the tree has it: splits, write faults, unmaps of a PMD."""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.model.ctree import Parameter
from reviewer.replay.scheme.writing import PmdWrite
from reviewer.replay.source.calls import SourceCalls
from reviewer.replay.source.objects import PFN_MASK, PMD_BITS, PMD_HUGE, PMD_READ_ONLY, fill
from reviewer.replay.stepping.thread import Access, AccessKind, Body, TreeCall, Undecided

FAULT_FLAG_WRITE = 1
HUGE = "mm/huge_memory.c"
MODEL_PATH = "reference model"


def takes(parameters: Sequence[Parameter], struct: str) -> bool:
    """Say whether a function takes such a struct."""
    return any(parameter.type.base == struct for parameter in parameters)


class SourceEntries(SourceCalls):
    """Runs the tree's functions that take an entry and move the counters of what it maps."""

    def split_huge_pmd(self, head: int, order: int, table: int = 0) -> Body:
        """Run ``__split_huge_pmd_locked`` on an entry that maps the page."""
        function = "__split_huge_pmd_locked"
        parameters = self.find(function, HUGE)
        if parameters is None:
            self.by_model.add(function)
            return (yield from super().split_huge_pmd(head, order, table))
        yield self._set_pmd(table, head, PMD_BITS)
        objects = self.objects
        by_type = {
            "struct vm_area_struct *": objects.vma,
            "pmd_t *": objects.pmd_of(table),
            "pte_t *": objects.table,
            "struct page *": 0,  # no page is asked for: split what is mapped
            "struct folio *": 0,
        }
        by_name = {"haddr": objects.start, "address": objects.start, "addr": objects.start}
        by_name |= {"freeze": 0}
        yield TreeCall(function, fill(function, parameters, by_type, by_name), HUGE)
        return 0

    def _set_pmd(self, table: int, head: int, bits: int) -> Access:
        return self._set(self.objects.pmd_of(table), self.objects.make_entry(head, bits))

    def _set(self, address: int, value: int) -> Access:
        memory = self.machine.memory

        def perform() -> int:
            memory.store(address, 8, value)
            return 0

        what = memory.describe(address)
        return Access(AccessKind.STORE, address, 8, "set_entry", MODEL_PATH, 0, what, perform)

    def _get(self, address: int) -> Access:
        memory = self.machine.memory

        def perform() -> int:
            return memory.load(address, 8)

        what = memory.describe(address)
        return Access(AccessKind.LOAD, address, 8, "get_entry", MODEL_PATH, 0, what, perform)

    def zap_huge_pmd(self, head: int, order: int, table: int = 0, *, anon: bool) -> Body:
        """Run the tree's zap_huge_pmd where it leaves the reference to whoever gathers pages."""
        function, gather = "zap_huge_pmd", "struct mmu_gather"
        parameters = self.find(function, HUGE)
        if parameters is None or not takes(parameters, gather):
            self.by_model.add(function)
            return (yield from super().zap_huge_pmd(head, order, table, anon=anon))
        objects = self.objects
        by_type = {
            f"{gather} *": objects.private_struct(gather, {"mm": objects.mm}),
            "struct vm_area_struct *": objects.vma,
            "pmd_t *": objects.pmd_of(table),
        }
        args = fill(function, parameters, by_type, {"addr": objects.start})
        yield self._set_pmd(table, head, PMD_BITS)
        if (yield TreeCall(function, args, HUGE)) == 0:
            raise Undecided(f"needs what {function}() does not unmap a huge page for")
        return 0

    def write_to_pmd(self, head: int, table: int = 0) -> Body:
        """Run the tree's do_huge_pmd_wp_page; what the entry is then tells what it did."""
        function = "do_huge_pmd_wp_page"
        parameters = self.find(function, HUGE)
        if parameters is None:
            self.by_model.add(function)
            return (yield from super().write_to_pmd(head, table))
        objects = self.objects
        entry = objects.make_entry(head, PMD_READ_ONLY)
        fault = {
            "vma": objects.vma,
            "mm": objects.mm,
            "address": objects.start,
            "pmd": objects.pmd_of(table),
            "orig_pmd": entry,
            "flags": self.machine.code.find_enumerator("FAULT_FLAG_WRITE") or FAULT_FLAG_WRITE,
        }
        by_type = {
            "struct mm_struct *": objects.mm,
            "struct vm_area_struct *": objects.vma,
            "pmd_t *": fault["pmd"],
            "pmd_t": entry,
        }
        for struct in ("struct vm_fault", "struct fault_env"):
            if takes(parameters, struct):
                by_type[f"{struct} *"] = objects.private_struct(struct, fault)
        args = fill(function, parameters, by_type, {"address": objects.start})
        yield self._set_pmd(table, head, PMD_READ_ONLY)
        yield TreeCall(function, args, HUGE)
        left = yield self._get(objects.pmd_of(table))
        if not left & PMD_HUGE:
            return PmdWrite.SPLIT
        # made dirty, wherever the tree keeps that in an entry that is not writable yet
        if left != entry and (left ^ entry) & PFN_MASK == 0:
            return PmdWrite.REUSED
        raise Undecided(f"needs what {function}() leaves the entry {left:#x} for")
