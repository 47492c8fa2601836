"""The struct pages of a scenario, by the kernel's names: where a member or a flag lies.

A tree says so itself (its mm_types.h, laid out; its enum pageflags). Without a tree the
layout is that of Linux 6.1 on x86-64, written down here. A name that a tree does not have is
absent: whoever needs it decides what that means, and nobody compares versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reviewer.replay.memory.layout import Types
from reviewer.replay.memory.words import SHARED_LOW, VMEMMAP, Memory, SimulatedObject
from reviewer.replay.stepping.thread import Undecided

PAGE_SHIFT = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A member: ``page`` pages behind the one it belongs to, at ``offset``, ``size`` bytes."""

    page: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class PageLayout:
    """``size`` of a struct page in bytes, its members, and the values of enumerators."""

    size: int
    places: Mapping[str, Place]
    flags: Mapping[str, int]

    def __contains__(self, name: str) -> bool:
        return name in self.places or name in self.flags


# Our name, then where it may be found: struct, member, page it is counted from, byte offset.
_CANDIDATES: dict[str, tuple[tuple[str, str, int, int], ...]] = {
    "flags": (("struct page", "flags", 0, 0),),
    "compound_head": (("struct page", "compound_head", 0, 0),),
    "lru.next": (("struct page", "lru", 0, 0),),
    "lru.prev": (("struct page", "lru", 0, 8),),
    "mapping": (("struct page", "mapping", 0, 0),),
    "index": (("struct page", "index", 0, 0),),
    "private": (("struct page", "private", 0, 0),),
    "_mapcount": (("struct page", "_mapcount", 0, 0),),
    "_refcount": (("struct page", "_refcount", 0, 0), ("struct page", "_count", 0, 0)),
    "memcg": (("struct page", "memcg_data", 0, 0), ("struct page", "mem_cgroup", 0, 0)),
    "compound_dtor": (("struct page", "compound_dtor", 1, 0),),
    "compound_order": (("struct page", "compound_order", 1, 0), ("struct folio", "_flags_1", 0, 0)),
    "compound_mapcount": (
        ("struct page", "compound_mapcount", 1, 0),
        ("struct folio", "_entire_mapcount", 0, 0),
    ),
    "compound_pincount": (
        ("struct page", "compound_pincount", 1, 0),
        ("struct folio", "_pincount", 0, 0),
    ),
    "compound_nr": (
        ("struct page", "compound_nr", 1, 0),
        ("struct folio", "_folio_nr_pages", 0, 0),
    ),
    "nr_pages_mapped": (("struct folio", "_nr_pages_mapped", 0, 0),),
    "large_mapcount": (("struct folio", "_large_mapcount", 0, 0),),
}

# Bit numbers of flags, and the destructors a compound page names in page[1].
_ENUMERATORS = (
    "PG_locked PG_referenced PG_uptodate PG_dirty PG_lru PG_active PG_workingset PG_waiters",
    "PG_error PG_slab PG_owner_priv_1 PG_arch_1 PG_reserved PG_private PG_private_2",
    "PG_writeback PG_head PG_mappedtodisk PG_reclaim PG_swapbacked PG_unevictable PG_mlocked",
    "PG_uncached PG_hwpoison PG_young PG_idle PG_arch_2 PG_swapcache PG_anon_exclusive",
    "PG_double_map __NR_PAGEFLAGS",
    "COMPOUND_PAGE_DTOR HUGETLB_PAGE_DTOR TRANSHUGE_PAGE_DTOR PGTY_hugetlb",
)

REFERENCE_LAYOUT = PageLayout(
    64,
    {
        "flags": Place(0, 0, 8),
        "compound_head": Place(0, 8, 8),
        "lru.next": Place(0, 8, 8),
        "lru.prev": Place(0, 16, 8),
        "mapping": Place(0, 24, 8),
        "index": Place(0, 32, 8),
        "private": Place(0, 40, 8),
        "_mapcount": Place(0, 48, 4),
        "_refcount": Place(0, 52, 4),
        "memcg": Place(0, 56, 8),
        "compound_dtor": Place(1, 16, 1),
        "compound_order": Place(1, 17, 1),
        "compound_mapcount": Place(1, 20, 4),
        "compound_pincount": Place(1, 24, 4),
        "compound_nr": Place(1, 28, 4),
    },
    {
        "PG_locked": 0,
        "PG_referenced": 1,
        "PG_uptodate": 2,
        "PG_dirty": 3,
        "PG_lru": 4,
        "PG_active": 5,
        "PG_slab": 9,
        "PG_reserved": 12,
        "PG_private": 13,
        "PG_head": 16,
        "PG_mappedtodisk": 17,
        "PG_swapbacked": 19,
        "PG_mlocked": 21,
        "PG_anon_exclusive": 17,
        "PG_double_map": 6,
        "__NR_PAGEFLAGS": 26,
        "COMPOUND_PAGE_DTOR": 1,
        "HUGETLB_PAGE_DTOR": 2,
        "TRANSHUGE_PAGE_DTOR": 3,
    },
)


def extract_layout(types: Types, find_enumerator: Callable[[str], int | None]) -> PageLayout:
    """Read the layout out of a tree. Undecided when the tree defines no struct page."""
    size = types.size(types.struct("struct page"))
    places: dict[str, Place] = {}
    for name, candidates in _CANDIDATES.items():
        for struct, member, page, shift in candidates:
            found = _find(types, struct, member)
            if found is not None:
                ahead, offset = divmod(found[0], size)
                width = 8 if name.startswith("lru.") else found[1]
                places[name] = Place(page + ahead, offset + shift, width)
                break
    names = " ".join(_ENUMERATORS).split()
    numbers = {name: find_enumerator(name) for name in names}
    return PageLayout(size, places, {k: v for k, v in numbers.items() if v is not None})


def _find(types: Types, struct: str, member: str) -> tuple[int, int] | None:
    try:
        place = types.member(types.struct(struct), member)
    except Undecided:
        return None
    return place.offset, types.size(place.type)


class Pages:
    """``count`` struct pages from ``first_pfn`` on, in a memory; numbers count from there."""

    def __init__(self, memory: Memory, layout: PageLayout, first_pfn: int, count: int) -> None:
        self.memory = memory
        self.layout = layout
        self.first_pfn = first_pfn
        self.count = count
        self.base = VMEMMAP + first_pfn * layout.size

    def place(self) -> None:
        """Put the array into memory, if nothing else did."""
        if self.memory.find_object(self.base) is None:
            size = self.count * self.layout.size
            self.memory.place(
                SimulatedObject(self.base, size, "page", self.layout.size, 0, self.member_at)
            )

    def member_at(self, offset: int, kind: object = None) -> str:
        """Name what lies at a byte offset of a struct page, whatever type it is accessed as."""
        del kind
        for name, place in self.layout.places.items():
            if place.page == 0 and place.offset <= offset < place.offset + place.size:
                return name if place.offset == offset else f"{name}+{offset - place.offset}"
        return ""

    def address(self, page: int, name: str = "flags") -> int:
        """Return the address of a member of a page; Undecided if the tree has no such member."""
        place = self.find(name)
        return self.base + (page + place.page) * self.layout.size + place.offset

    def find(self, name: str) -> Place:
        """Return where a member lies, or stop."""
        place = self.layout.places.get(name)
        if place is None:
            raise Undecided(f"needs a member of struct page that holds {name}")
        return place

    def number(self, address: int) -> int | None:
        """Return which page an address lies in, None for another object."""
        page = (address - self.base) // self.layout.size
        return page if 0 <= page < self.count else None

    def what(self, page: int, name: str) -> str:
        """Name a member as the traces do."""
        return f"page[{page + self.find(name).page}].{name}"

    def peek(self, page: int, name: str) -> int:
        """Return a member now; a four-byte one is a signed count."""
        return signed(
            self.memory.load(self.address(page, name), self.find(name).size), self.find(name).size
        )

    def poke(self, page: int, name: str, value: int) -> None:
        """Set a member, for an initial state."""
        self.memory.store(self.address(page, name), self.find(name).size, value)

    def test(self, page: int, flag: str) -> bool:
        """Say whether the page's own word has the flag; False if there is no such flag."""
        bit = self.layout.flags.get(flag)
        return bit is not None and bool(self.peek(page, "flags") >> bit & 1)

    def mask(self, *flags: str) -> int:
        """Return the bits of those flags the tree has."""
        numbers = self.layout.flags
        return sum({1 << numbers[flag] for flag in flags if flag in numbers})


def signed(value: int, size: int) -> int:
    """Read an unsigned four-byte value as the int it is; leave others."""
    return value - (1 << 32) if size == 4 and value >= 1 << 31 else value


def direct_map(offset: int) -> int:
    """Return an address of the direct map that stands for an object nobody looks into."""
    return SHARED_LOW + 0x100000000 + offset
