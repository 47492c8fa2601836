"""How a compound page comes and goes, on the reference model: prepared, held, put, freed.

In the kernel's spelling and order: what a concurrent walker can meet is in the steps between.
The source is reading mm/page_alloc.c and mm/huge_memory.c.
"""

from __future__ import annotations

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.steps import Steps
from reviewer.replay.stepping.thread import Body

TAIL_MAPPING = 0xDEAD000000000400
BUDDY_PAGE_TYPE = 0xFFFFFF7F  # PAGE_TYPE_BASE with PG_buddy cleared: all ones but bit 7
PAGE_TYPE = 24  # bit at which a page type lies in _mapcount, where trees number them (PGTY_*)

DESTRUCTORS = {
    "hugetlb": "HUGETLB_PAGE_DTOR",
    "anon": "TRANSHUGE_PAGE_DTOR",
    "shmem": "TRANSHUGE_PAGE_DTOR",
}
"""What frees a compound page, by kind, where a tree writes that into page[1]."""


class Lifetimes:
    """Prepares and frees pages. ``head`` and ``page`` are numbers in ``pages``."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.steps = Steps(pages)
        self.double_map = pages.mask("PG_double_map")
        self.head_bit = pages.mask("PG_head")

    def is_hugetlb(self, dtor: int) -> bool:
        """Say whether a destructor is that of hugetlb pages."""
        return dtor == self.pages.layout.flags.get("HUGETLB_PAGE_DTOR", -1)

    def prep_compound_page(self, head: int, order: int, kind: str = "anon") -> Body:
        """Make a compound page: the head's flag, each tail's pointer, then the counters.

        ``kind`` "hugetlb" is a huge page of the pool, "anon" and "shmem" a THP; others are plain.
        """
        dtor = self.pages.layout.flags.get(DESTRUCTORS.get(kind, "COMPOUND_PAGE_DTOR"), 0)
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
        page_type = self.pages.layout.flags.get("PGTY_hugetlb")
        if kind == "hugetlb" and page_type is not None:
            value = page_type << PAGE_TYPE
            yield steps.store("__folio_set_hugetlb", head, "_mapcount", value)
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
