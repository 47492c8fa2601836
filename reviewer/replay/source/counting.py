"""The counting scheme as the tree itself has it: the model's steps replaced by its functions.

Same methods as the reference model, so that a world of processes runs on either. What the
tree's text cannot be run for here (page tables, the LRU, the allocator's lists) stays the
model's. A function the tree does not have leaves the model's step in place; ``by_model``
lists those, for a trace to say. Of files and of hugetlb a tree without the functions keeps
no account that could be mixed with the model's: that is Undecided.
"""

from __future__ import annotations

from reviewer.model.ctree import Parameter
from reviewer.model.facts import Skipped
from reviewer.replay.interpreter.entrypoints import set_up_boot
from reviewer.replay.lowering.calls import real_parameters
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.pages import Pages
from reviewer.replay.memory.valuetype import StructType
from reviewer.replay.memory.words import CONSTANT_LOW, SimulatedObject
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.scheme.lifetimes import DESTRUCTORS
from reviewer.replay.scheme.world import ANON_VMA
from reviewer.replay.stepping.thread import Access, AccessKind, Body, TreeCall, Undecided

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PMD_SIZE = 1 << 21
PMD_PAGES = PMD_SIZE >> PAGE_SHIFT
PMD_BITS = 0xE7  # present, write, user, accessed, dirty, huge: x86-64
RMAP_EXCLUSIVE = 1  # of rmap_t, where a tree has it
MODEL_PATH = "reference model"


class SourceScheme(Scheme):
    """Maps, unmaps and frees by calling the tree's rmap, huge-page and allocator functions."""

    def __init__(self, machine: Machine, pages: Pages, index: int) -> None:
        super().__init__(pages)
        self.machine = machine
        self.by_model: set[str] = set()
        drops = machine.find_definition("try_to_map_unused_to_zeropage", "mm/migrate.c")
        self.split_drops_zeros = drops is not None
        set_up_boot(machine)
        self._address = index << PAGE_SHIFT
        self._mm = self._make("struct mm_struct")
        self._vma = self._make("struct vm_area_struct")
        # odd: rmap functions that fork calls assert that a copy is in progress
        self._set("struct mm_struct", self._mm, "write_protect_seq", 1)
        self._start = start = index << PAGE_SHIFT
        blocks = pages.count // PMD_PAGES + 1
        self._entries = machine.memory.allocate("pmd", 8 * blocks, CONSTANT_LOW)
        self._table = machine.memory.allocate("page table", PAGE_SIZE, CONSTANT_LOW)
        self._set("struct vm_area_struct", self._vma, "vm_mm", self._mm)
        self._set("struct vm_area_struct", self._vma, "vm_start", start)
        self._set("struct vm_area_struct", self._vma, "vm_end", start + PMD_SIZE)
        self._set("struct vm_area_struct", self._vma, "vm_pgoff", index)

        self._place_anon_vma()

    # ---- objects the functions take ----------------------------------------------------------

    def _make(self, name: str) -> int:
        kind = self.machine.types.struct(name)
        size = self.machine.types.size(kind)
        namer = self.machine.member_namer(kind)
        return self.machine.memory.allocate(name.partition(" ")[2], size, member=namer)

    def _place_anon_vma(self) -> None:
        """Give the anon_vma that pages point to a body: it is its own root."""
        kind = self.machine.types.struct("struct anon_vma")
        members = self.machine.types.layout(kind).members
        memory = self.machine.memory
        if memory.find_object(ANON_VMA) is None:
            size = self.machine.types.size(kind)
            namer = self.machine.member_namer(kind)
            memory.place(SimulatedObject(ANON_VMA, size, "anon_vma", member=namer))
        if "root" in members:
            memory.words[ANON_VMA + members["root"].offset] = ANON_VMA
        self._set("struct vm_area_struct", self._vma, "anon_vma", ANON_VMA)

    def _set(self, struct: str, address: int, member: str, value: int) -> None:
        kind: StructType = self.machine.types.struct(struct)
        if member not in self.machine.types.layout(kind).members:
            return  # this tree asks no such question
        place = self.machine.types.member(kind, member)
        size = self.machine.types.size(place.type)
        self.machine.memory.store(address + place.offset, size, value)

    def _call(self, names: str, near: str, page: int, order: int = 0) -> TreeCall | None:
        """Return a call of the first of the named functions the tree has, None without any.

        Its parameters say what they are, by type and name; trees differ in which there are.
        """
        for function in names.split():
            found = self.machine.find_definition(function, near)
            if found is not None and not isinstance(found, Skipped):
                args = [self._argument(function, p, page, order) for p in real_parameters(found)]
                return TreeCall(function, tuple(args), near)
        self.by_model.add(names.split(maxsplit=1)[0])
        return None

    def _head(self, page: int) -> int:
        word = self.pages.peek(page, "compound_head")
        number = self.pages.number(word - 1) if word & 1 else page
        return page if number is None else number

    def _argument(self, function: str, parameter: Parameter, page: int, order: int) -> int:
        kind, name = parameter.type, parameter.name
        if kind.pointers == 1 and kind.base == "struct page":
            return self.pages.address(page)
        if kind.pointers == 1 and kind.base == "struct folio":
            return self.pages.address(self._head(page))
        if kind.pointers == 1 and kind.base == "struct vm_area_struct":
            return self._vma
        by_name = {
            "compound": int(order > 0),
            "order": order,
            "address": self._address,
            "addr": self._address,
            "check_free": 1,
            "fpi_flags": 0,
            "nr_pages": 1,
            "flags": RMAP_EXCLUSIVE,
        }
        if kind.pointers == 0 and name in by_name:
            return by_name[name]
        spelled = f"{kind.base} {'*' * kind.pointers}{name}"
        raise Undecided(f"needs a value for {function}()'s parameter {spelled}")

    # ---- the life of a compound page -------------------------------------------------------

    def prep_compound_page(self, head: int, order: int, kind: str = "anon") -> Body:
        """Run the tree's prep_compound_page, then what makes it a THP or a hugetlb page."""
        made = self._call("prep_compound_page", "mm/page_alloc.c", head, order)
        if made is None:
            return (yield from super().prep_compound_page(head, order, kind))
        yield made
        if kind == "hugetlb":
            dtor = self.pages.layout.flags.get("HUGETLB_PAGE_DTOR")
            marked = self._call("__folio_set_hugetlb", "mm/hugetlb.c", head) if not dtor else None
            if marked is not None:
                yield marked
                return 0
            if dtor is None:
                raise Undecided("needs what marks a hugetlb page in this tree")
            yield self.steps.store("set_compound_page_dtor", head, "compound_dtor", dtor)
            return 0
        names = "prep_transhuge_page page_rmappable_folio"
        thp = self._call(names, "mm/huge_memory.c", head, order)
        if thp is not None and kind in DESTRUCTORS:
            yield thp
        return 0

    def free_compound_page(self, head: int, order: int) -> Body:
        """Run the tree's free: a THP leaves the split queue, then checks, tails, head."""
        if order:
            names = "free_transhuge_page __folio_unqueue_deferred_split"
            thp = self._call(names, "mm/huge_memory.c", head, order)
            if thp is not None and thp.function == "free_transhuge_page":
                if self._is_thp(head):
                    yield thp
                    return 0
            elif thp is not None:
                yield thp
        made = self._call("free_pages_prepare", "mm/page_alloc.c", head, order)
        if made is None:
            return (yield from super().free_compound_page(head, order))
        if "memcg" in self.pages.layout.places:
            yield self.steps.store("mem_cgroup_uncharge", head, "memcg", 0)
        yield made
        return 0

    def _is_thp(self, head: int) -> bool:
        """Say whether the head's destructor is that of a THP."""
        dtor = self.pages.layout.flags.get("TRANSHUGE_PAGE_DTOR")
        return dtor is not None and self.pages.peek(head, "compound_dtor") == dtor

    # ---- mapping ---------------------------------------------------------------------------

    def page_add_new_anon_rmap(self, head: int, order: int, mapping: int, index: int) -> Body:
        """Run the tree's first map of a new anonymous page."""
        self._set("struct vm_area_struct", self._vma, "anon_vma", mapping)
        self._address = index << PAGE_SHIFT
        made = self._call(
            "page_add_new_anon_rmap folio_add_new_anon_rmap", "mm/rmap.c", head, order
        )
        if made is None:
            return (yield from super().page_add_new_anon_rmap(head, order, mapping, index))
        yield made
        return 0

    def _is_anon(self, page: int) -> bool:
        return bool(self.pages.peek(self._head(page), "mapping") & 1)

    def page_dup_rmap(self, page: int, order: int) -> Body:
        """Run what fork does to one page-table entry."""
        level = "pmd" if order else "pte"
        names = f"page_dup_file_rmap folio_dup_file_rmap_{level} page_dup_rmap"
        if self._is_anon(page):
            names = f"page_try_dup_anon_rmap folio_try_dup_anon_rmap_{level} page_dup_rmap"
        made = self._call(names, "mm/memory.c", page, order)
        if made is None:
            return (yield from super().page_dup_rmap(page, order))
        if (yield made) != 0:
            raise Undecided(f"needs a copy of the page that {made.function} refused to share")
        return 0

    def hugetlb_add_new_anon_rmap(self, head: int, order: int, mapping: int, index: int) -> Body:
        """Run the tree's first map of a private huge page."""
        self._set("struct vm_area_struct", self._vma, "anon_vma", mapping)
        self._address = index << PAGE_SHIFT
        names = "hugepage_add_new_anon_rmap hugetlb_add_new_anon_rmap"
        made = self._call(names, "mm/rmap.c", head, order)
        if made is None:
            raise Undecided(f"needs {names.replace(' ', ' or ')}")
        yield made
        return 0

    def hugetlb_add_file_rmap(self, head: int, order: int) -> Body:
        """Run the tree's map of a huge page of a file."""
        names = "hugetlb_add_file_rmap page_dup_file_rmap page_dup_rmap"
        made = self._call(names, "mm/hugetlb.c", head, order)
        if made is None:
            raise Undecided(f"needs {names.replace(' ', ' or ')}")
        yield made
        return 0

    def hugetlb_dup_anon_rmap(self, head: int, order: int) -> Body:
        """Run what fork does to the entry of a private huge page."""
        names = "hugetlb_try_dup_anon_rmap page_try_dup_anon_rmap page_dup_rmap"
        made = self._call(names, "mm/hugetlb.c", head, order)
        if made is None:
            raise Undecided(f"needs {names.replace(' ', ' or ')}")
        if (yield made) != 0:
            raise Undecided(f"needs a copy of the page that {made.function} refused to share")
        return 0

    def page_add_file_rmap(self, page: int, order: int) -> Body:
        """Run the tree's map of a file page."""
        level = "pmd" if order else "ptes"
        names = f"page_add_file_rmap folio_add_file_rmap_{level}"
        made = self._call(names, "mm/rmap.c", page, order)
        if made is None:
            raise Undecided(f"needs {names.replace(' ', ' or ')}")
        yield made
        return 0

    def split_huge_pmd(self, head: int, order: int) -> Body:
        """Run ``__split_huge_pmd_locked`` on an entry that maps the page."""
        function = "__split_huge_pmd_locked"
        found = self.machine.find_definition(function, "mm/huge_memory.c")
        if found is None or isinstance(found, Skipped):
            self.by_model.add(function)
            return (yield from super().split_huge_pmd(head, order))
        address = self._entries + 8 * (head >> order)
        entry = (self.pages.first_pfn + head) << PAGE_SHIFT | PMD_BITS
        memory = self.machine.memory

        def perform() -> int:
            memory.store(address, 8, entry)
            return 0

        yield Access(AccessKind.STORE, address, 8, "set_pmd_at", MODEL_PATH, 0, "*pmd", perform)
        by_type = {"struct vm_area_struct": self._vma, "pmd_t": address, "pte_t": self._table}
        args = [by_type.get(p.type.base) for p in real_parameters(found)]
        start = self._start
        yield TreeCall(
            function,
            tuple(
                arg if arg is not None else (start if p.type.base == "unsigned long" else 0)
                for arg, p in zip(args, real_parameters(found), strict=True)
            ),
            "mm/huge_memory.c",
        )
        return 0

    def can_reuse(self, page: int) -> Body:
        """Run the tree's decision; where it is part of a larger function, the model decides."""
        made = self._call("wp_can_reuse_anon_folio reuse_swap_page", "mm/memory.c", page)
        if made is None:
            return (yield from super().can_reuse(page))
        head, locked = self._head(page), self.pages.mask("PG_locked")
        if made.function == "reuse_swap_page":  # the caller locks
            yield self.steps.set_bits("trylock_page", head, locked)
        reuse = yield made
        if made.function == "reuse_swap_page":
            yield self.steps.clear_bits("unlock_page", head, locked)
        return int(reuse & 1)

    # ---- unmapping -------------------------------------------------------------------------

    def page_remove_rmap(self, page: int, order: int, *, anon: bool, huge: bool = False) -> Body:
        """Run the tree's unmap. A hugetlb mapping is known by its VMA's operations alone."""
        level = "pmd" if order else "ptes"
        names = f"page_remove_rmap folio_remove_rmap_{level}"
        if huge:
            names = "page_remove_rmap hugetlb_remove_rmap"
        made = self._call(names, "mm/rmap.c", page, order)
        if made is None:
            return (yield from super().page_remove_rmap(page, order, anon=anon, huge=huge))
        yield made
        return 0
