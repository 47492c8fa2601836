"""The counting scheme as the tree itself has it: the model's steps replaced by its functions.

Same methods as the reference model, so that a world of processes runs on either. What the
tree's text cannot be run for here (page tables, the LRU, the allocator's lists) stays the
model's. A function the tree does not have leaves the model's step in place; ``by_model``
lists those, for a trace to say. Of files and of hugetlb a tree without the functions keeps
no account that could be mixed with the model's: that is Undecided.
"""

from __future__ import annotations

from reviewer.replay.scheme.lifetimes import DESTRUCTORS
from reviewer.replay.source.calls import RMAP_COMPOUND, RMAP_EXCLUSIVE
from reviewer.replay.source.entries import SourceEntries
from reviewer.replay.source.objects import PAGE_SHIFT
from reviewer.replay.stepping.thread import Body, Undecided


class SourceCounting(SourceEntries):
    """Maps, unmaps and frees by calling the tree's rmap, huge-page and allocator functions."""

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

    def page_add_anon_rmap(self, page: int, order: int, *, exclusive: bool, index: int) -> Body:
        """Run the tree's map of an anonymous page that was mapped before."""
        level = "pmd" if order else "pte"
        names = f"page_add_anon_rmap folio_add_anon_rmap_{level}"
        flags = RMAP_EXCLUSIVE * exclusive | RMAP_COMPOUND * (order > 0)
        made = self._call_at(index, names, "mm/rmap.c", page, order, flags=flags)
        if made is None:
            raise Undecided(f"needs {names.replace(' ', ' or ')}")
        yield made
        return 0

    def hugetlb_add_anon_rmap(self, head: int, order: int, *, exclusive: bool, index: int) -> Body:
        """Run the tree's map of a private huge page that was moved."""
        names = "hugepage_add_anon_rmap hugetlb_add_anon_rmap"
        flags = RMAP_EXCLUSIVE * exclusive
        made = self._call_at(index, names, "mm/rmap.c", head, order, flags=flags)
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
