"""What a page looked like when it was dumped: freed, a tail, a head being made, poisoned."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.decode.dump import asks_head
from reviewer.decode.places import find_head_pointer
from reviewer.model.crash import Crash, PageDump

_ALL_ONES = 0xFFFFFFFFFFFFFFFF
_LIST_POISON = (0xDEAD000000000100, 0xDEAD000000000122)
_TAIL_MAPPING = 0xDEAD000000000400
_BUDDY = (-127, -128)  # mapcount of a free page: PAGE_BUDDY_MAPCOUNT_VALUE, or PG_buddy, plus 1
_ANON = 1  # PAGE_MAPPING_ANON
_MAPPING = 3  # the word of ->mapping
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
        remade=asks_head(dump) and "head" in dump.names and not tail,
    )


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
