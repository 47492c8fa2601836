"""What a page looked like when it was dumped: freed, a tail, a head being made, poisoned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reviewer.decode.dump import asks_head
from reviewer.decode.places import STRUCT_PAGE, find_head_pointer
from reviewer.model.crash import Crash, PageDump

_ALL_ONES = 0xFFFFFFFFFFFFFFFF
_LIST_POISON = (0xDEAD000000000100, 0xDEAD000000000122)
_TAIL_MAPPING = 0xDEAD000000000400
_BUDDY = (-127, -128)  # mapcount of a free page: PAGE_BUDDY_MAPCOUNT_VALUE, or PG_buddy, plus 1
_ANON = 1  # PAGE_MAPPING_ANON
_MAPPING, _COUNTS = 3, 6  # words of struct page: ->mapping; _mapcount, and _refcount above it
_THP = 512
# Who goes from pfn to pfn and holds no page: what it looks at can be freed at any time.
_BY_PFN = re.compile(
    r"^(?:kpage\w*_read|page_idle_\w+|\w*_pfn_?range\w*|isolate_\w*block|read_page_owner|"
    r"memory_failure|soft_offline_page|scan_movable_pages|has_unmovable_pages|kmemleak_scan)"
)
_USER_TOP = 1 << 47
_SMALLEST_ADDRESS = 1 << 32
_HUGE = 1 << 21
DUMPERS = ("dump_page", "__dump_page", "__dump_folio")


@dataclass(frozen=True, slots=True)
class State:
    """The page dumped, in words. None: the text does not tell.

    ``freed``: nobody holds it, nothing maps it, it is no head. ``fresh``: the compound page it is
    in now is held once and mapped nowhere yet. ``headless``: it is a tail and its head has no
    head flag. ``live``: held, and mapped or with a mapping. ``again``: the dump crashed itself.
    ``dying``: it is in a compound page that nobody holds. ``remade``: it is a head, and the
    assertion said that it was none. ``relinked``: its head has just left a list.
    ``reused`` says why the page is no part of what was once compound, ``changing`` which of the
    dump's lines contradict each other, ``by_pfn`` names a walker that goes by pfn.
    """

    tail: bool | None
    compound: bool
    freed: bool
    fresh: bool
    headless: bool
    live: bool
    buddy: bool
    asks_head: bool
    again: bool
    address: int | None
    relinked: bool
    dying: bool
    remade: bool
    reused: tuple[str, ...]
    changing: tuple[str, ...]
    by_pfn: str


def find_state(crash: Crash, dump: PageDump) -> State:
    """Read the state of the page dumped off its numbers."""
    pointer = find_head_pointer(dump)
    tail = None if len(dump.words) < 2 else pointer is not None
    compound = bool(tail or dump.order or "head" in dump.names)
    mapped = any(n is not None and n > 0 for n in (dump.mapcount, dump.whole_mapcount))
    has_mapping = bool(dump.mapping) or dump.anonymous or _own_mapping(dump)
    held = dump.count is not None and dump.count > 0
    head_flags = dump.flags is not None and "pfn" in dump.fields
    headless = bool(tail) and head_flags and "head" not in dump.names
    buddy = "buddy" in dump.names or (dump.mapcount in _BUDDY and not held)
    freed = buddy or (dump.count == 0 and not mapped and not has_mapping and not compound)
    fresh = compound and dump.count == 1 and not mapped and not has_mapping
    return State(
        tail=tail,
        compound=compound,
        freed=freed,
        fresh=fresh,
        headless=headless,
        live=held and (mapped or has_mapping),
        buddy=buddy,
        asks_head=asks_head(dump),
        again=any(f.function in DUMPERS for f in crash.trace) or crash.function in DUMPERS,
        address=_find_address(dump),
        relinked=any(word in _LIST_POISON for word in dump.head_words[1:3]),
        dying=compound and dump.count == 0 and not headless,
        reused=_explain_reuse(dump, compound=compound, mapped=mapped or has_mapping),
        changing=tuple(_iter_contradictions(dump)),
        by_pfn=next((n for n in _functions(crash) if _BY_PFN.match(n)), ""),
        remade=asks_head(dump) and "head" in dump.names and not tail,
    )


def _functions(crash: Crash) -> tuple[str, ...]:
    return (crash.function, *(frame.function for frame in crash.trace if frame.sure))


def _explain_reuse(dump: PageDump, *, compound: bool, mapped: bool) -> tuple[str, ...]:
    """Say why a page in use cannot be what a split left: that keeps its mapping and index."""
    if compound or not dump.count or dump.count < 0:
        return ()
    if not mapped and dump.mapping == 0:
        return (f"the page is held {dump.count} times and mapped nowhere: in other use now",)
    page = dump.pfn
    if page is None and dump.address is not None:
        page = dump.address // STRUCT_PAGE  # vmemmap begins on a multiple of 1 GiB
    if page is None or dump.index is None or page % _THP == dump.index % _THP:
        return ()
    return (
        f"in a huge page, pfn and index have the same place among 512; here {page % _THP} and "
        f"{dump.index % _THP}: the page has been freed and used again",
    )


def _iter_contradictions(dump: PageDump) -> Iterator[str]:
    """Yield where lines of one dump, printed one after the other, do not agree."""
    if "pfn" not in dump.fields:
        return
    tail = find_head_pointer(dump) is not None
    words = dump.head_words or (() if tail else dump.words)
    if (
        len(words) > _COUNTS
        and dump.count is not None
        and words[_COUNTS] >> 32 != dump.count % (1 << 32)
    ):
        yield f"count {dump.count} in the first line, {words[_COUNTS] >> 32} in the words"
    if words and dump.flags is not None and words[0] != dump.flags:
        yield f"flags {dump.flags:#x} by name, {words[0]:#x} in the words"


def _own_mapping(dump: PageDump) -> bool:
    """Say whether the page's words hold a mapping: not the mark of a tail, not a poison."""
    words = dump.head_words or dump.words
    if len(words) <= _MAPPING or (not dump.head_words and find_head_pointer(dump) is not None):
        return False
    word = words[_MAPPING]
    return word not in {0, _TAIL_MAPPING, _ALL_ONES, *_LIST_POISON}


def _find_address(dump: PageDump) -> int | None:
    """Return the user address an index stands for, if it can be no file's page number."""
    if dump.index is None:
        return None
    address = dump.index << 12
    anonymous = dump.anonymous or not dump.mapping or bool(dump.mapping & _ANON)
    return address if anonymous and _SMALLEST_ADDRESS <= address < _USER_TOP else None


def is_poisoned(dump: PageDump) -> bool | None:
    """Say whether the struct page itself is overwritten; None where no word of it was printed."""
    if dump.poisoned or dump.flags == _ALL_ONES:
        return True
    if not dump.words:
        return None if dump.flags is None else False
    strange = sum(
        word == _ALL_ONES or (word >> 48 == 0xDEAD and word not in {*_LIST_POISON, _TAIL_MAPPING})
        for word in dump.words
    )
    return strange * 2 >= len(dump.words) or dump.words[0] == _ALL_ONES


def explain_address(address: int, index: int) -> str:
    """Spell what a stale index tells."""
    aligned = ", the start of a 2 MiB huge page" if address % _HUGE == 0 else ""
    return f"index {index:#x} << 12 = {address:#x}: the user address of an anonymous page{aligned}"
