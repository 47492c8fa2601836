"""The tables a real kernel prints of its pages, from the reference model's memory.

``kpagecount``, the claimed bits of ``kpageflags`` and the stored counters, each as runs
``(first page, count, value)``: the form of the truth tables.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.scheme.lifetimes import BUDDY_PAGE_TYPE, PAGE_TYPE
from reviewer.replay.scheme.reading import PAGE_MAPPING_ANON
from reviewer.replay.scheme.steps import perform
from reviewer.replay.stepping.thread import Undecided

Run = tuple[int, int, int]

KPF = {
    "MMAP": 11,
    "ANON": 12,
    "BUDDY": 10,
    "COMPOUND_HEAD": 15,
    "COMPOUND_TAIL": 16,
    "HUGE": 17,
    "THP": 22,
    "ZERO_PAGE": 24,
    "RESERVED": 32,
    "MAPPEDTODISK": 34,  # PG_anon_exclusive lies over it
}
"""The bits of kpageflags the model claims, by name."""

CLAIMED = sum(1 << bit for bit in KPF.values())
HEAD_FLAGS = 1 << KPF["MAPPEDTODISK"]
"""Claimed bits that a reader copies from the page's word, or from its head's."""


def runs(values: Iterable[int]) -> tuple[Run, ...]:
    """Join equal neighbours."""
    found: list[list[int]] = []
    for i, value in enumerate(values):
        if found and found[-1][2] == value:
            found[-1][1] += 1
        else:
            found.append([i, 1, value])
    return tuple((first, count, value) for first, count, value in found)


def kpagecount(scheme: Scheme, first: int, count: int) -> tuple[int, ...]:
    """Return what /proc/kpagecount says of ``count`` pages when nothing moves."""
    return tuple(perform(scheme.page_mapcount(first + i)) for i in range(count))


def find_head(pages: Pages, page: int) -> int:
    """Return the head a page points to, or the page itself."""
    word = pages.peek(page, "compound_head")
    number = pages.number(word - 1) if word & 1 else None
    return page if number is None else number


def is_compound(pages: Pages, page: int) -> bool:
    """PageCompound()."""
    return pages.test(page, "PG_head") or bool(pages.peek(page, "compound_head") & 1)


def is_hugetlb(pages: Pages, head: int) -> bool:
    """PageHuge() of a head: by its destructor, or by its page type."""
    flags = pages.layout.flags
    if "HUGETLB_PAGE_DTOR" in flags:
        return pages.peek(head, "compound_dtor") == flags["HUGETLB_PAGE_DTOR"]
    if "PGTY_hugetlb" in flags:
        return pages.peek(head, "_mapcount") & 0xFFFFFFFF == flags["PGTY_hugetlb"] << PAGE_TYPE
    raise Undecided("needs what marks a hugetlb page in this tree")


def is_mapped(pages: Pages, page: int) -> bool:
    """page_mapped(): any page of the compound page, by PMD or PTE."""
    head = find_head(pages, page)
    if not is_compound(pages, page):
        return pages.peek(head, "_mapcount") >= 0
    if pages.peek(head, "compound_mapcount") >= 0:
        return True
    if is_hugetlb(pages, head):
        return False
    nr = 1 << _order(pages, head)
    return any(pages.peek(head + i, "_mapcount") >= 0 for i in range(nr))


def kpageflags(pages: Pages, page: int, zero_pages: Container[int] = ()) -> int:
    """Return the claimed bits of /proc/kpageflags for one page.

    ``zero_pages`` are the heads of the pages of zeros, which count as mapped by nobody.
    """
    head = find_head(pages, page)
    anon = bool(pages.peek(head, "mapping") & PAGE_MAPPING_ANON)
    compound = is_compound(pages, page)
    hugetlb = compound and is_hugetlb(pages, head)
    zero = head in zero_pages
    buddy = pages.peek(page, "_mapcount") & 0xFFFFFFFF == BUDDY_PAGE_TYPE
    bits = {
        "MMAP": not buddy and is_mapped(pages, page),
        "ANON": anon,
        "BUDDY": buddy,
        "COMPOUND_HEAD": pages.test(page, "PG_head"),
        "COMPOUND_TAIL": bool(pages.peek(page, "compound_head") & 1),
        "HUGE": hugetlb,
        "THP": compound and not hugetlb and (anon or zero or pages.test(head, "PG_lru")),
        "ZERO_PAGE": zero,
        "RESERVED": pages.test(page, "PG_reserved"),
        "MAPPEDTODISK": pages.test(page, "PG_mappedtodisk"),
    }
    return sum(1 << KPF[name] for name, is_set in bits.items() if is_set)


def stored(pages: Pages, first: int, count: int) -> dict[str, object]:
    """Return the counters as they are stored, under the names of the truth tables."""
    order = _order(pages, first) if pages.test(first, "PG_head") else 0
    mapcount = [pages.peek(first + i, "_mapcount") for i in range(count)]
    found: dict[str, object] = {
        "compound_mapcount": None,
        "double_map": None,
        "mapcount": [list(run) for run in runs(mapcount)],
        "head_refcount": pages.peek(first, "_refcount"),
        "total_mapcount": None,
        "order": order,
    }
    if order:
        whole = pages.peek(first, "compound_mapcount")
        double = pages.test(first + 1, "PG_double_map")
        found["compound_mapcount"] = whole
        found["double_map"] = int(double)
        found["total_mapcount"] = _total_mapcount(pages, first, order, double)
    for name in ("large_mapcount", "nr_pages_mapped"):
        if order and name in pages.layout.places:
            found[name] = pages.peek(first, name)
    return found


def _order(pages: Pages, head: int) -> int:
    """folio_order(): the low byte of the word it lies in."""
    return pages.peek(head, "compound_order") & 0xFF


def _total_mapcount(pages: Pages, head: int, order: int, double: bool) -> int:
    """folio_mapcount(): all mappings of the compound page, by PMD and by PTE."""
    whole = pages.peek(head, "compound_mapcount") + 1
    if is_hugetlb(pages, head):
        return whole
    nr = 1 << order
    offset = bool(pages.mask("PG_double_map"))
    total = whole + sum(pages.peek(head + i, "_mapcount") + 1 for i in range(nr))
    if offset and not pages.peek(head, "mapping") & PAGE_MAPPING_ANON:
        return total - whole * nr
    return total - nr if double else total
