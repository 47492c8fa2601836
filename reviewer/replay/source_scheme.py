"""The counting scheme as the tree itself has it: the model's steps replaced by its functions.

Same methods as the reference model, so that a world of processes runs on either. What the
tree's text cannot be run for here (page tables, the LRU, the allocator's lists) stays the
model's. A function the tree does not have leaves the model's step in place; ``by_model``
lists those, for a trace to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.model.facts import Skipped
from reviewer.replay.lower_call import real_parameters
from reviewer.replay.machine import Machine
from reviewer.replay.pages import Pages
from reviewer.replay.readers import set_up_boot
from reviewer.replay.scheme import Scheme
from reviewer.replay.thread import Body, TreeCall, Undecided
from reviewer.replay.valuetype import StructType

PAGE_SHIFT = 12
PMD_SIZE = 1 << 21


class SourceScheme(Scheme):
    """Maps, unmaps and frees by calling the tree's rmap, huge-page and allocator functions."""

    def __init__(self, machine: Machine, pages: Pages, index: int) -> None:
        super().__init__(pages)
        self.machine = machine
        self.by_model: set[str] = set()
        set_up_boot(machine)
        self._index = index
        self._mm = self._make("struct mm_struct")
        self._vma = self._make("struct vm_area_struct")
        # odd: rmap functions that fork calls assert that a copy is in progress
        self._set("struct mm_struct", self._mm, "write_protect_seq", 1)
        start = index << PAGE_SHIFT
        self._set("struct vm_area_struct", self._vma, "vm_mm", self._mm)
        self._set("struct vm_area_struct", self._vma, "vm_start", start)
        self._set("struct vm_area_struct", self._vma, "vm_end", start + PMD_SIZE)
        self._set("struct vm_area_struct", self._vma, "vm_pgoff", index)

    # ---- objects the functions take ----------------------------------------------------------

    def _make(self, name: str) -> int:
        kind = self.machine.types.struct(name)
        size = self.machine.types.size(kind)
        namer = self.machine.member_namer(kind)
        return self.machine.memory.allocate(name.partition(" ")[2], size, member=namer)

    def _set(self, struct: str, address: int, member: str, value: int) -> None:
        kind: StructType = self.machine.types.struct(struct)
        place = self.machine.types.member(kind, member)
        size = self.machine.types.size(place.type)
        self.machine.memory.store(address + place.offset, size, value)

    def _call(self, functions: Sequence[str], near: str, *args: int) -> TreeCall | None:
        """Return a call of the first of these names the tree has; extra arguments are cut."""
        for function in functions:
            found = self.machine.find_definition(function, near)
            if found is not None and not isinstance(found, Skipped):
                return TreeCall(function, args[: len(real_parameters(found))], near)
        self.by_model.update(functions[:1])
        return None

    def _page(self, page: int) -> int:
        return self.pages.address(page)

    # ---- the life of a compound page -------------------------------------------------------

    def prep_compound_page(self, head: int, order: int, *, huge: bool = False) -> Body:
        """Run the tree's prep_compound_page, then what makes it a THP or a hugetlb page."""
        made = self._call(("prep_compound_page",), "mm/page_alloc.c", self._page(head), order)
        if made is None:
            return (yield from super().prep_compound_page(head, order, huge=huge))
        yield made
        if huge:
            dtor = self.pages.layout.flags.get("HUGETLB_PAGE_DTOR")
            if dtor is None:
                raise Undecided("needs what marks a hugetlb page in this tree")
            yield self.steps.store("set_compound_page_dtor", head, "compound_dtor", dtor)
            return 0
        thp = self._call(("prep_transhuge_page",), "mm/huge_memory.c", self._page(head))
        if thp is not None:
            yield thp
        return 0

    def free_compound_page(self, head: int, order: int) -> Body:
        """Run the tree's free_pages_prepare: its checks, the tails, the head."""
        made = self._call(("free_pages_prepare",), "mm/page_alloc.c", self._page(head), order, 1, 0)
        if made is None:
            return (yield from super().free_compound_page(head, order))
        if "memcg" in self.pages.layout.places:
            yield self.steps.store("mem_cgroup_uncharge", head, "memcg", 0)
        yield made
        return 0

    # ---- mapping ---------------------------------------------------------------------------

    def page_add_new_anon_rmap(self, head: int, order: int, mapping: int, index: int) -> Body:
        """Run the tree's first map of a new anonymous page."""
        self._set("struct vm_area_struct", self._vma, "anon_vma", mapping)
        address = index << PAGE_SHIFT
        made = self._call(
            ("page_add_new_anon_rmap",), "mm/rmap.c", self._page(head), self._vma, address
        )
        if made is None:
            return (yield from super().page_add_new_anon_rmap(head, order, mapping, index))
        yield made
        return 0

    def _is_anon(self, page: int) -> bool:
        word = self.pages.peek(page, "compound_head")
        number = self.pages.number(word - 1) if word & 1 else page
        return bool(self.pages.peek(page if number is None else number, "mapping") & 1)

    def page_dup_rmap(self, page: int, order: int) -> Body:
        """Run what fork does to one page-table entry."""
        whole = int(order > 0)
        names: tuple[str, ...] = ("page_dup_file_rmap",)
        args: tuple[int, ...] = (self._page(page), whole)
        if self._is_anon(page):
            names = ("page_try_dup_anon_rmap",)
            args = (self._page(page), whole, self._vma)
        made = self._call(names, "mm/memory.c", *args)
        if made is None:
            return (yield from super().page_dup_rmap(page, order))
        if (yield made) != 0:
            raise Undecided(f"needs a copy of the page that {names[0]} refused to share")
        return 0

    def page_add_file_rmap(self, page: int, order: int) -> Body:
        """Run the tree's map of a file page."""
        args = (self._page(page), self._vma, int(order > 0))
        made = self._call(("page_add_file_rmap",), "mm/rmap.c", *args)
        if made is None:
            return (yield from super().page_add_file_rmap(page, order))
        yield made
        return 0

    # ---- unmapping -------------------------------------------------------------------------

    def page_remove_rmap(self, page: int, order: int, *, anon: bool, huge: bool = False) -> Body:
        """Run the tree's unmap. A hugetlb mapping is known by its VMA's operations alone."""
        args = (self._page(page), self._vma, int(order > 0))
        made = self._call(("page_remove_rmap",), "mm/rmap.c", *args)
        if made is None:
            return (yield from super().page_remove_rmap(page, order, anon=anon, huge=huge))
        yield made
        return 0
