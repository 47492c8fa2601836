"""The reference model of the counting scheme, in the kernel's spelling, step by step.

What the seed introduced and Linux kept to 6.1: ``compound_mapcount`` (in page[1]) counts
mappings of the whole, each page's ``_mapcount`` its PTE mappings; PageDoubleMap offsets all
``_mapcount``s by one from the first split of a PMD, while others map by PMD, to the last
compound mapping. Counters start at -1. The sources are the commit messages of 53f9263baba6
and of the series it belongs to, and reading mm/rmap.c, mm/huge_memory.c and mm/page_alloc.c.

Other trees, told apart by what their struct page has: without the flag there is no offset, and
a file page counts like an anonymous one (``_entire_mapcount``, ``_large_mapcount`` and
``_nr_pages_mapped``); without a compound count each page counts (the straightforward scheme).

Each method is a generator that yields its accesses; who drives it decides what comes between.
"""

from __future__ import annotations

from collections.abc import Callable

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.reading import PAGE_MAPPING_ANON
from reviewer.replay.scheme.writing import Writing
from reviewer.replay.stepping.thread import Body

ENTIRELY_MAPPED = 0x800000  # of _nr_pages_mapped: mapped as a whole; below it, pages by PTE


class Scheme(Writing):
    """Maps, unmaps and splits as the kernel's functions of the same names do.

    ``statistics`` is told of what a first map and a last unmap add to NR_ANON_MAPPED and the
    like (name, pages); it is no shared memory.
    """

    def __init__(self, pages: Pages, statistics: Callable[[str, int], None] | None = None) -> None:
        super().__init__(pages)
        self.statistics = statistics or (lambda name, count: None)
        self.sums = {"nr_pages_mapped", "large_mapcount"} & pages.layout.places.keys()
        self.split_drops_zeros = False  # a split maps pages full of zeros to the zero page

    @staticmethod
    def anon_mapping(anon_vma: int) -> int:
        """Return ``->mapping`` of an anonymous page."""
        return anon_vma | PAGE_MAPPING_ANON

    # ---- counters --------------------------------------------------------------------------

    def _entire(self, function: str, head: int, by: int) -> Body:
        """Count a mapping of the whole; the answer is the stored count after it."""
        count = yield self.steps.add(function, head, "compound_mapcount", by)
        if "large_mapcount" in self.sums:
            yield self.steps.add(function, head, "large_mapcount", by)
        return count

    def _mark_entire(self, function: str, head: int, by: int) -> Body:
        """Count the first or last mapping of the whole where pages mapped are summed."""
        if "nr_pages_mapped" in self.sums:
            yield self.steps.add(function, head, "nr_pages_mapped", by * ENTIRELY_MAPPED)
        return 0

    def _each(self, function: str, page: int, order: int, by: int) -> Body:
        """Count a PTE mapping of each page; the answer is how many were mapped first, or last."""
        turned = 0
        for each in range(page, page + (1 << order)):
            count = yield self.steps.add(function, each, "_mapcount", by)
            turned += count == 0 if by > 0 else count < 0
        head = self._head_of(page) if self.sums else None
        if head is not None:
            if turned and "nr_pages_mapped" in self.sums:
                yield self.steps.add(function, head, "nr_pages_mapped", by * turned)
            if "large_mapcount" in self.sums:
                yield self.steps.add(function, head, "large_mapcount", by << order)
        return turned

    def _head_of(self, page: int) -> int | None:
        """Return the head of a page that is compound and held (no step: it cannot change)."""
        word = self.pages.peek(page, "compound_head")
        if word & 1:
            return self.pages.number(word - 1)
        return page if self.pages.test(page, "PG_head") else None

    # ---- mapping ---------------------------------------------------------------------------

    def page_add_new_anon_rmap(self, head: int, order: int, mapping: int, index: int) -> Body:
        """First map of a new anonymous page, as a whole."""
        steps = self.steps
        function = "page_add_new_anon_rmap"
        yield steps.set_bits(function, head, self.pages.mask("PG_swapbacked"))
        if order and self.whole:
            counts = {"compound_mapcount": 0, "large_mapcount": 0}
            counts["nr_pages_mapped"] = ENTIRELY_MAPPED
            yield from self._fields(head, function, **counts)
            self.statistics("NR_ANON_THPS", 1 << order)
        else:
            for page in range(head, head + (1 << order)):
                yield steps.store(function, page, "_mapcount", 0)
        self.statistics("NR_ANON_MAPPED", 1 << order)
        yield from self._set_anon_rmap(head, mapping, index)
        return 0

    def _set_anon_rmap(self, head: int, mapping: int, index: int) -> Body:
        function = "__page_set_anon_rmap"
        yield self.steps.store(function, head, "mapping", self.anon_mapping(mapping))
        yield self.steps.store(function, head, "index", index)
        if self.exclusive:
            yield self.steps.set_bits("SetPageAnonExclusive", head, self.exclusive)
        return 0

    def page_dup_rmap(self, page: int, order: int) -> Body:
        """Map once more; ``order`` 0 is a PTE. Whoever shares is no longer exclusive."""
        steps = self.steps
        if self.exclusive:
            flags = yield steps.load("PageAnonExclusive", page, "flags")
            if flags & self.exclusive:
                yield steps.clear_bits("ClearPageAnonExclusive", page, self.exclusive)
        if order and self.whole:
            yield from self._entire("page_dup_rmap", page, 1)
        else:
            yield from self._each("page_dup_rmap", page, order, 1)
        return 0

    def page_add_file_rmap(self, page: int, order: int) -> Body:
        """Map a file page: a whole one counts in each of its pages as well, if there is an offset.

        The answer is how many pages went from unmapped to mapped.
        """
        function = "page_add_file_rmap"
        if order and self.whole and not self.offset:
            if (yield from self._entire(function, page, 1)) == 0:
                yield from self._mark_entire(function, page, 1)
            return 0
        head = page if order else self._head_of(page)
        if self.offset and not order and head is not None:
            yield self.steps.set_bits("SetPageDoubleMap", head + 1, self.double_map)
        first = yield from self._each(function, page, order, 1)
        if order and self.whole:
            whole = yield from self._entire(function, page, 1)
            if self.offset and whole == 0 and first == 1 << order:  # no PTE is left either
                yield self.steps.clear_bits("ClearPageDoubleMap", page + 1, self.double_map)
        self.statistics("NR_FILE_MAPPED", first)
        return first

    def page_add_anon_rmap(self, page: int, order: int, *, exclusive: bool, index: int) -> Body:
        """Map an anonymous page that is mapped already, or was until it was moved."""
        del index
        function = "page_add_anon_rmap"
        if order and self.whole:
            if (yield from self._entire(function, page, 1)) == 0:
                yield from self._mark_entire(function, page, 1)
                self.statistics("NR_ANON_THPS", 1 << order)
                self.statistics("NR_ANON_MAPPED", 1 << order)
        else:
            first = yield from self._each(function, page, order, 1)
            self.statistics("NR_ANON_MAPPED", first)
        if exclusive:
            yield self.steps.set_bits("SetPageAnonExclusive", page, self.exclusive)
        return 0

    # ---- moving: a mapping goes and comes back on another page ------------------------------

    def unmap_for_migration(
        self, page: int, order: int, *, anon: bool, huge: bool, write: bool, index: int
    ) -> Body:
        """Unmap, and drop the mapping's reference; the answer is the migration entry.

        What ``map_after_migration`` needs of it here is whether the page was exclusive.
        """
        del write, index
        exclusive = 0
        if anon and self.exclusive:
            exclusive = self.exclusive & (yield self.steps.load("PageAnonExclusive", page, "flags"))
            if exclusive:
                yield self.steps.clear_bits("page_try_share_anon_rmap", page, exclusive)
        yield from self.page_remove_rmap(page, order, anon=anon, huge=huge)
        yield from self.put_page((yield from self.compound_head(page)))
        return int(exclusive > 0)

    def map_after_migration(
        self, page: int, order: int, entry: int, *, old: int, anon: bool, huge: bool, index: int
    ) -> Body:
        """Map the page that ``old`` was moved to, where ``entry`` stands, with a reference."""
        del old
        yield from self.get_page((yield from self.compound_head(page)))
        if anon:
            add = self.hugetlb_add_anon_rmap if huge else self.page_add_anon_rmap
            yield from add(page, order, exclusive=entry > 0, index=index)
        elif huge:
            yield from self.hugetlb_add_file_rmap(page, order)
        else:
            yield from self.page_add_file_rmap(page, order)
        return 0

    # ---- hugetlb: counted as a whole, whoever maps it --------------------------------------

    def hugetlb_add_new_anon_rmap(self, head: int, order: int, mapping: int, index: int) -> Body:
        """First map of a private huge page."""
        function = "hugepage_add_new_anon_rmap"
        yield from self._fields(head, function, compound_mapcount=0, large_mapcount=0)
        yield from self._set_anon_rmap(head, mapping, index >> order)
        return 0

    def hugetlb_add_anon_rmap(self, head: int, order: int, *, exclusive: bool, index: int) -> Body:
        """Map a private huge page that was moved."""
        del order, index
        yield from self._entire("hugepage_add_anon_rmap", head, 1)
        if exclusive:
            yield self.steps.set_bits("SetPageAnonExclusive", head, self.exclusive)
        return 0

    def hugetlb_add_file_rmap(self, head: int, order: int) -> Body:
        """Map a huge page of a file."""
        del order
        yield from self._entire("page_dup_file_rmap", head, 1)
        return 0

    def hugetlb_dup_anon_rmap(self, head: int, order: int) -> Body:
        """Map a private huge page once more, as fork does."""
        yield from self.page_dup_rmap(head, order)
        return 0

    # ---- unmapping -------------------------------------------------------------------------

    def page_remove_rmap(self, page: int, order: int, *, anon: bool, huge: bool = False) -> Body:
        """Unmap once; the answer is how many pages went from mapped to unmapped."""
        function = "page_remove_rmap"
        if huge:
            yield from self._entire(function, page, -1)
            return 0
        if order and self.whole and not self.offset:
            if (yield from self._entire(function, page, -1)) < 0:
                yield from self._mark_entire(function, page, -1)
            return 0
        if order and anon and self.whole:
            return (yield from self._remove_anon_compound(page, order))
        gone = yield from self._each(function, page, order, -1)
        if order and self.whole:
            yield from self._entire("page_remove_file_rmap", page, -1)
        self.statistics("NR_ANON_MAPPED" if anon else "NR_FILE_MAPPED", -gone)
        return gone

    def _remove_anon_compound(self, head: int, order: int) -> Body:
        function = "page_remove_anon_compound_rmap"
        if (yield from self._entire(function, head, -1)) >= 0:
            return 0
        self.statistics("NR_ANON_THPS", -(1 << order))
        gone = 1 << order
        before = yield self.steps.clear_bits("TestClearPageDoubleMap", head + 1, self.double_map)
        if before & self.double_map:
            gone = yield from self._each(function, head, order, -1)
        self.statistics("NR_ANON_MAPPED", -gone)
        return gone

    def zap_huge_pmd(self, head: int, order: int, table: int = 0, *, anon: bool) -> Body:
        """Unmap what a PMD maps; its reference is dropped later."""
        del table
        return (yield from self.page_remove_rmap(head, order, anon=anon))

    def split_huge_pmd(self, head: int, order: int, table: int = 0) -> Body:
        """``__split_huge_pmd_locked`` of an anonymous page: one PMD becomes PTEs, in place.

        References first, then what the PTEs count, then the offset, and only then the compound
        count falls: in no order in between is a mapped page seen unmapped. ``table`` is the
        number of the page tables; here nobody looks into them.
        """
        del table
        steps, nr = self.steps, 1 << order
        function = "__split_huge_pmd_locked"
        yield steps.add("page_ref_add", head, "_refcount", nr - 1)
        if self.exclusive and (yield steps.load("PageAnonExclusive", head, "flags")) & (
            self.exclusive
        ):
            for page in range(head, head + nr):
                yield steps.set_bits("SetPageAnonExclusive", page, self.exclusive)
        if not self.whole:
            return 0  # each page counts already
        yield from self._each(function, head, order, 1)
        if not self.offset:
            yield from self.page_remove_rmap(head, order, anon=True)
            return 0
        if (yield steps.load("compound_mapcount", head, "compound_mapcount")) + 1 > 1:
            before = yield steps.set_bits("TestSetPageDoubleMap", head + 1, self.double_map)
            if not before & self.double_map:
                yield from self._each(function, head, order, 1)
        if (yield from self._entire(function, head, -1)) < 0:
            self.statistics("NR_ANON_THPS", -nr)
            before = yield steps.clear_bits("TestClearPageDoubleMap", head + 1, self.double_map)
            if before & self.double_map:
                yield from self._each(function, head, order, -1)
        return 0
