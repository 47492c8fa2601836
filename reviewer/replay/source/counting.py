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
from reviewer.replay.scheme.counting import PmdWrite, Scheme
from reviewer.replay.scheme.lifetimes import DESTRUCTORS
from reviewer.replay.source.objects import (
    PAGE_SHIFT,
    PFN_MASK,
    PMD_BITS,
    PMD_HUGE,
    PMD_READ_ONLY,
    TreeObjects,
    fill,
)
from reviewer.replay.stepping.thread import Access, AccessKind, Body, TreeCall, Undecided

FAULT_FLAG_WRITE = 1
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
        self.objects = TreeObjects(machine, pages, index)
        self._address = self.objects.start

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
            return self.objects.vma
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
        self.objects.set("struct vm_area_struct", self.objects.vma, {"anon_vma": mapping})
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
        self.objects.set("struct vm_area_struct", self.objects.vma, {"anon_vma": mapping})
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
        parameters = real_parameters(found)
        yield self._set_pmd(head, PMD_BITS)
        objects = self.objects
        by_type = {
            "struct vm_area_struct *": objects.vma,
            "pmd_t *": objects.pmd_of(head),
            "pte_t *": objects.table,
            "struct page *": 0,  # no page is asked for: split what is mapped
            "struct folio *": 0,
        }
        by_name = {"haddr": objects.start, "address": objects.start, "addr": objects.start}
        by_name |= {"freeze": 0}
        yield TreeCall(function, fill(function, parameters, by_type, by_name), "mm/huge_memory.c")
        return 0

    def _set_pmd(self, head: int, bits: int) -> Access:
        address, entry = self.objects.pmd_of(head), self.objects.make_pmd(head, bits)
        memory = self.machine.memory

        def perform() -> int:
            memory.store(address, 8, entry)
            return 0

        return Access(AccessKind.STORE, address, 8, "set_pmd_at", MODEL_PATH, 0, "*pmd", perform)

    def write_to_pmd(self, head: int) -> Body:
        """Run the tree's do_huge_pmd_wp_page; what the entry is then tells what it did."""
        function = "do_huge_pmd_wp_page"
        found = self.machine.find_definition(function, "mm/huge_memory.c")
        if found is None or isinstance(found, Skipped):
            self.by_model.add(function)
            return (yield from super().write_to_pmd(head))
        objects = self.objects
        entry = objects.make_pmd(head, PMD_READ_ONLY)
        fault = {
            "vma": objects.vma,
            "mm": objects.mm,
            "address": objects.start,
            "pmd": objects.pmd_of(head),
            "orig_pmd": entry,
            "flags": self.machine.code.find_enumerator("FAULT_FLAG_WRITE") or FAULT_FLAG_WRITE,
        }
        by_type = {
            "struct mm_struct *": objects.mm,
            "struct vm_area_struct *": objects.vma,
            "pmd_t *": fault["pmd"],
            "pmd_t": entry,
        }
        parameters = real_parameters(found)
        for struct in ("struct vm_fault", "struct fault_env"):
            if any(p.type.base == struct for p in parameters):
                by_type[f"{struct} *"] = objects.private_struct(struct, fault)
        args = fill(function, parameters, by_type, {"address": objects.start})
        yield self._set_pmd(head, PMD_READ_ONLY)
        yield TreeCall(function, args, "mm/huge_memory.c")
        left = self.machine.memory.load(objects.pmd_of(head), 8)
        if not left & PMD_HUGE:
            return PmdWrite.SPLIT
        # made dirty, wherever the tree keeps that in an entry that is not writable yet
        if left != entry and (left ^ entry) & PFN_MASK == 0:
            return PmdWrite.REUSED
        raise Undecided(f"needs what {function}() leaves the entry {left:#x} for")

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
