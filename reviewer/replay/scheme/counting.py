"""The reference model of the counting scheme, in the kernel's spelling, step by step.

What the seed introduced and Linux kept to 6.1: ``compound_mapcount`` (in page[1]) counts
mappings of the whole, each page's ``_mapcount`` its PTE mappings; PageDoubleMap offsets all
``_mapcount``s by one from the first split of a PMD, while others map by PMD, to the last
compound mapping. Counters start at -1. A tree that has no compound_mapcount counts in each
page (the straightforward scheme). The sources are the commit messages of 53f9263baba6 and of
the series it belongs to, and reading mm/rmap.c, mm/huge_memory.c and mm/page_alloc.c.

Each method is a generator that yields its accesses; who drives it decides what comes between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.steps import Steps
from reviewer.replay.stepping.thread import Access, Body, TreeCall

TAIL_MAPPING = 0xDEAD000000000400
LIST_POISON1 = 0xDEAD000000000100
LIST_POISON2 = 0xDEAD000000000122
PAGE_MAPPING_ANON = 1
BUDDY_PAGE_TYPE = 0xFFFFFF7F  # PAGE_TYPE_BASE with PG_buddy cleared: all ones but bit 7


class Scheme:
    """Maps, unmaps, splits and frees as the kernel's functions of the same names do.

    ``head`` and ``page`` are numbers in ``pages``. ``statistics`` is told of what a first map
    and a last unmap add to NR_ANON_MAPPED and the like (name, pages); it is no shared memory.
    """

    def __init__(self, pages: Pages, statistics: Callable[[str, int], None] | None = None) -> None:
        self.pages = pages
        self.steps = Steps(pages)
        self.statistics = statistics or (lambda name, count: None)
        layout = pages.layout
        self.whole = "compound_mapcount" in layout.places
        self.double_map = pages.mask("PG_double_map") if self.whole else 0
        self.exclusive = pages.mask("PG_anon_exclusive")
        self.head_bit = pages.mask("PG_head")

    @staticmethod
    def anon_mapping(anon_vma: int) -> int:
        """Return ``->mapping`` of an anonymous page."""
        return anon_vma | PAGE_MAPPING_ANON

    # ---- the life of a compound page -------------------------------------------------------

    def is_hugetlb(self, dtor: int) -> bool:
        """Say whether a destructor is that of hugetlb pages."""
        return dtor == self.pages.layout.flags.get("HUGETLB_PAGE_DTOR", -1)

    def prep_compound_page(self, head: int, order: int, *, huge: bool = False) -> Body:
        """Make a compound page: the head's flag, each tail's pointer, then the counters."""
        dtors = self.pages.layout.flags
        dtor = dtors.get("HUGETLB_PAGE_DTOR" if huge else "TRANSHUGE_PAGE_DTOR", 0)
        steps, pages = self.steps, self.pages
        yield steps.set_bits("__SetPageHead", head, self.head_bit)
        pointer = pages.address(head) + 1
        for page in range(head + 1, head + (1 << order)):
            yield steps.store("prep_compound_tail", page, "mapping", TAIL_MAPPING)
            yield steps.store("set_compound_head", page, "compound_head", pointer)
        yield from self._fields(
            head,
            "prep_compound_page",
            compound_dtor=dtor,
            compound_order=order,
            compound_mapcount=-1,
            compound_pincount=0,
            compound_nr=1 << order,
            nr_pages_mapped=0,
            large_mapcount=-1,
        )
        return 0

    def _fields(self, head: int, function: str, **values: int) -> Body:
        for name, value in values.items():
            if name in self.pages.layout.places:
                yield self.steps.store(function, head, name, value)
        return 0

    def free_compound_page(self, head: int, order: int) -> Body:
        """Free: the tails first, then what the head holds, its flag with the rest."""
        steps = self.steps
        function = "free_pages_prepare"
        prep = (1 << self.pages.layout.flags.get("__NR_PAGEFLAGS", 24)) - 1
        if "memcg" in self.pages.layout.places:
            yield steps.store("mem_cgroup_uncharge", head, "memcg", 0)
        if order and self.double_map:
            yield steps.clear_bits("ClearPageDoubleMap", head + 1, self.double_map)
        for page in range(head + 1, head + (1 << order)):
            yield steps.store("free_tail_pages_check", page, "mapping", 0)
            yield steps.store("clear_compound_head", page, "compound_head", 0)
            yield steps.clear_bits(function, page, prep)
        yield steps.store(function, head, "mapping", 0)
        yield steps.clear_bits(function, head, prep)
        yield steps.store(function, head, "private", 0)
        return 0

    def put_page(self, head: int, count: int = 1) -> Body:
        """Drop references; the answer is what is left."""
        return (yield self.steps.add("put_page", head, "_refcount", -count))

    def get_page(self, head: int, count: int = 1) -> Body:
        """Take references."""
        return (yield self.steps.add("get_page", head, "_refcount", count))

    def put_and_free(self, head: int, order: int, count: int = 1) -> Body:
        """``put_page``, and the way to the allocator if that was the last one."""
        left = yield from self.put_page(head, count)
        if left == 0:
            lru = self.pages.mask("PG_lru", "PG_active")
            yield self.steps.clear_bits("__folio_clear_lru_flags", head, lru)
            yield from self.free_compound_page(head, order)
        return left

    # ---- mapping ---------------------------------------------------------------------------

    def page_add_new_anon_rmap(self, head: int, order: int, mapping: int, index: int) -> Body:
        """First map of a new anonymous page, as a whole."""
        steps = self.steps
        function = "page_add_new_anon_rmap"
        yield steps.set_bits(function, head, self.pages.mask("PG_swapbacked"))
        if order and self.whole:
            yield steps.store(function, head, "compound_mapcount", 0)
            self.statistics("NR_ANON_THPS", 1 << order)
        else:
            for page in range(head, head + (1 << order)):
                yield steps.store(function, page, "_mapcount", 0)
        self.statistics("NR_ANON_MAPPED", 1 << order)
        yield steps.store("__page_set_anon_rmap", head, "mapping", mapping | PAGE_MAPPING_ANON)
        yield steps.store("__page_set_anon_rmap", head, "index", index)
        if self.exclusive:
            yield steps.set_bits("SetPageAnonExclusive", head, self.exclusive)
        return 0

    def page_dup_rmap(self, page: int, order: int) -> Body:
        """Map once more; ``order`` 0 is a PTE. Whoever shares is no longer exclusive."""
        steps = self.steps
        if self.exclusive:
            flags = yield steps.load("PageAnonExclusive", page, "flags")
            if flags & self.exclusive:
                yield steps.clear_bits("ClearPageAnonExclusive", page, self.exclusive)
        yield from self._raise("page_dup_rmap", page, order)
        return 0

    def _raise(self, function: str, page: int, order: int) -> Body:
        if order and self.whole:
            yield self.steps.add(function, page, "compound_mapcount", 1)
        else:
            for each in range(page, page + (1 << order)):
                yield self.steps.add(function, each, "_mapcount", 1)
        return 0

    def page_add_file_rmap(self, page: int, order: int) -> Body:
        """Map a file page: a whole one counts in each of its pages as well."""
        first = 0
        for each in range(page, page + (1 << order)):
            first += (yield self.steps.add("page_add_file_rmap", each, "_mapcount", 1)) == 0
        if order and self.whole:
            yield self.steps.add("page_add_file_rmap", page, "compound_mapcount", 1)
        self.statistics("NR_FILE_MAPPED", first)
        return first

    # ---- unmapping -------------------------------------------------------------------------

    def page_remove_rmap(self, page: int, order: int, *, anon: bool, huge: bool = False) -> Body:
        """Unmap once; the answer is how many pages went from mapped to unmapped."""
        if huge:
            yield self.steps.add("page_remove_rmap", page, "compound_mapcount", -1)
            return 0
        if order and anon and self.whole:
            return (yield from self._remove_anon_compound(page, order))
        gone = 0
        for each in range(page, page + (1 << order)):
            gone += (yield self.steps.add("page_remove_rmap", each, "_mapcount", -1)) < 0
        if order and self.whole:
            yield self.steps.add("page_remove_file_rmap", page, "compound_mapcount", -1)
        self.statistics("NR_ANON_MAPPED" if anon else "NR_FILE_MAPPED", -gone)
        return gone

    def _remove_anon_compound(self, head: int, order: int) -> Body:
        function = "page_remove_anon_compound_rmap"
        if (yield self.steps.add(function, head, "compound_mapcount", -1)) >= 0:
            return 0
        self.statistics("NR_ANON_THPS", -(1 << order))
        gone = 1 << order
        before = yield self.steps.clear_bits("TestClearPageDoubleMap", head + 1, self.double_map)
        if before & self.double_map:
            gone = 0
            for page in range(head, head + (1 << order)):
                gone += (yield self.steps.add(function, page, "_mapcount", -1)) < 0
        self.statistics("NR_ANON_MAPPED", -gone)
        return gone

    def split_huge_pmd(self, head: int, order: int) -> Body:
        """``__split_huge_pmd_locked`` of an anonymous page: one PMD becomes PTEs, in place.

        References first, then what the PTEs count, then the offset, and only then the compound
        count falls: in no order in between is a mapped page seen unmapped.
        """
        steps, nr = self.steps, 1 << order
        function = "__split_huge_pmd_locked"
        yield steps.add("page_ref_add", head, "_refcount", nr - 1)
        exclusive = 0
        if self.exclusive:
            exclusive = (yield steps.load("PageAnonExclusive", head, "flags")) & self.exclusive
        for page in range(head, head + nr):
            if exclusive:
                yield steps.set_bits("SetPageAnonExclusive", page, exclusive)
            if self.whole:
                yield steps.add(function, page, "_mapcount", 1)
        if not self.whole:
            return 0
        if (yield steps.load("compound_mapcount", head, "compound_mapcount")) + 1 > 1:
            before = yield steps.set_bits("TestSetPageDoubleMap", head + 1, self.double_map)
            if not before & self.double_map:
                for page in range(head, head + nr):
                    yield steps.add(function, page, "_mapcount", 1)
        if (yield steps.add(function, head, "compound_mapcount", -1)) < 0:
            self.statistics("NR_ANON_THPS", -nr)
            before = yield steps.clear_bits("TestClearPageDoubleMap", head + 1, self.double_map)
            if before & self.double_map:
                for page in range(head, head + nr):
                    yield steps.add(function, page, "_mapcount", -1)
        return 0

    # ---- reading ---------------------------------------------------------------------------

    def compound_head(self, page: int) -> Body:
        """Return the head's number, or the page's own."""
        word = yield self.steps.load("compound_head", page, "compound_head")
        if not word & 1:
            return page
        head = self.pages.number(word - 1)
        assert head is not None, "a tail points out of the scenario"
        return head

    def page_mapcount(self, page: int) -> Body:
        """How often this page is mapped: three formulas, for anon, file and hugetlb."""
        steps = self.steps
        flags = yield steps.load("PageCompound", page, "flags")
        word = yield steps.load("PageCompound", page, "compound_head")
        count = (yield steps.load("page_mapcount", page, "_mapcount")) + 1
        if not (flags & self.head_bit or word & 1) or not self.whole:
            return count
        head = yield from self.compound_head(page)
        mapping = yield steps.load("PageAnon", head, "mapping")
        dtor = yield steps.load("PageHuge", head, "compound_dtor")
        if not mapping & PAGE_MAPPING_ANON and not self.is_hugetlb(dtor):
            return count
        count += (yield steps.load("compound_mapcount", head, "compound_mapcount")) + 1
        if (yield steps.load("PageDoubleMap", head + 1, "flags")) & self.double_map:
            count -= 1
        return count


def perform(body: Body, call: Callable[[TreeCall], int] | None = None) -> int:
    """Run a body on its own, with nothing in between; return its answer.

    ``call`` runs a function of the tree; a body of the model alone makes no such calls.
    """
    try:
        access = next(body)
        while True:
            if isinstance(access, TreeCall):
                assert call is not None, f"{access.function}() without a tree"
                answer = call(access)
            else:
                assert access.perform is not None
                answer = access.perform()
            access = body.send(answer)
    except StopIteration as stop:
        return int(stop.value)


def iter_accesses(body: Body) -> Iterator[Access]:
    """Run a body on its own and yield each access after it was made (for counting)."""
    try:
        access = next(body)
        while True:
            assert isinstance(access, Access), "the cost of a model's steps is counted"
            assert access.perform is not None
            answer = access.perform()
            yield access
            access = body.send(answer)
    except StopIteration:
        return
