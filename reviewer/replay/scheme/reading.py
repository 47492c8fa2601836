"""What a reader is told of a page: the reference model's formulas, step by step."""

from __future__ import annotations

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.lifetimes import Lifetimes
from reviewer.replay.stepping.thread import Body

PAGE_MAPPING_ANON = 1
LOWEST_COUNT = -128  # what is below in _mapcount is a page type


class Reading(Lifetimes):
    """Reads counters. ``whole``: there is a compound count; ``offset``: and PageDoubleMap."""

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self.whole = "compound_mapcount" in pages.layout.places
        self.offset = self.whole and bool(self.double_map)

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
        if count <= LOWEST_COUNT:
            count = 0
        if not (flags & self.head_bit or word & 1) or not self.whole:
            return count
        head = yield from self.compound_head(page)
        if self.offset:
            mapping = yield steps.load("PageAnon", head, "mapping")
            dtor = yield steps.load("PageHuge", head, "compound_dtor")
            if not mapping & PAGE_MAPPING_ANON and not self.is_hugetlb(dtor):
                return count
        count += (yield steps.load("compound_mapcount", head, "compound_mapcount")) + 1
        if self.offset and (yield steps.load("PageDoubleMap", head + 1, "flags")) & self.double_map:
            count -= 1
        return count

    def hugetlb_mapcount(self, head: int) -> Body:
        """How often a huge page is mapped."""
        return (yield self.steps.load("hugetlb_wp", head, "compound_mapcount")) + 1
