"""Weighs what can have happened: each hypothesis gets the numbers for and against it."""

from __future__ import annotations

from reviewer.decode.state import State, explain_address, is_poisoned
from reviewer.model.crash import Hypothesis, HypothesisName, PageDump, Places, Verdict

SUPPORTED, REFUTED, OPEN = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.OPEN
NOTHING = "the text holds no number that tells"


def weigh(dump: PageDump, places: Places, state: State) -> tuple[Hypothesis, ...]:
    """Return the four hypotheses with their verdicts."""
    poisoned = is_poisoned(dump)
    judged = (
        (HypothesisName.TAIL_PASSED, _weigh_tail(dump, places, state)),
        (HypothesisName.HEAD_FREED, _weigh_freed(dump, places, state)),
        (HypothesisName.HEAD_SPLIT, _weigh_split(dump, state)),
    )
    found = [_make(name, *_unless_poisoned(weight, poisoned)) for name, weight in judged]
    found.append(_make(HypothesisName.POISONED, *_weigh_poison(dump, poisoned)))
    return tuple(found)


Weight = tuple[Verdict, list[str]]


def _make(name: HypothesisName, verdict: Verdict, because: list[str]) -> Hypothesis:
    return Hypothesis(name, verdict, tuple(because or [NOTHING]))


def _unless_poisoned(weight: Weight, poisoned: bool | None) -> Weight:
    if poisoned:
        return OPEN, ["the words of the struct page are overwritten and tell nothing", *weight[1]]
    return weight


def _weigh_tail(dump: PageDump, places: Places, state: State) -> Weight:
    if places.distinct:
        return REFUTED, [
            f"the page asserted on is {_name(places.page)}, where the head lies, and not the "
            f"walker's own page {_name(places.walker)}, tail {places.tail}: the head was computed"
        ]
    if state.tail is False and not dump.words[1] & 1:
        because = [f"raw word 1 is {dump.words[1]:x}: bit 0 is clear, the page is no tail"]
        return (OPEN if not state.asks_head or places.head != places.page else REFUTED), [
            *because,
            *_again(state),
        ]
    if places.tail is not None and state.compound:
        because = [f"the page dumped is tail {places.tail} of pfn {_pfn(places.head)} now"]
        if state.headless:
            return OPEN, [*because, "but its head is none any more, so the tail is a leftover"]
        if state.fresh:
            return OPEN, [
                *because,
                *_fresh(dump, state),
                *_again(state),
                "whether the code asked "
                "the tail or what it computed from it, only the source tells (--tree)",
            ]
        if state.asks_head and not state.again:
            because += _passing(state)
        if state.asks_head and not state.again and not _passing(state):
            because.append(f"its compound page lives: count {dump.count}, {_mapped(dump)}")
            return SUPPORTED, because
        return OPEN, [*because, *_again(state)]
    if state.asks_head and places.page is not None and places.head == places.page:
        return REFUTED, [f"pfn {places.page:#x} is aligned as a head is; a tail is not"]
    return OPEN, _again(state)


def _weigh_freed(dump: PageDump, places: Places, state: State) -> Weight:
    because = []
    if state.address is not None and dump.index is not None:
        because.append(explain_address(state.address, dump.index))
    if state.freed:
        return _weigh_gone(dump, places, state, because)
    if state.headless:
        return SUPPORTED, [
            "the page still points at a head, and that has lost its head flag" + _flags(dump),
            *because,
        ]
    if state.dying:
        told = [f"a compound page of count {dump.count} is being freed, or frozen for a split"]
        return (SUPPORTED if state.asks_head else OPEN), [*told, *_again(state), *because]
    if state.remade:
        told = [
            f"{dump.because} saw no head, yet the dump of the same page shows one"
            f"{_ordered(dump)}: it was freed and made again in between",
            *(_fresh(dump, state) if state.fresh else ()),
        ]
        return SUPPORTED, [*told, *_again(state), *because]
    if state.fresh:
        told = [*_fresh(dump, state), *_again(state)]
        if state.asks_head:
            told.append(
                "the assertion saw no head: the page was freed, and a new compound page "
                "was made of it before it was dumped"
            )
            return SUPPORTED, told
        return OPEN, told
    if state.reused and state.asks_head:
        return SUPPORTED, [*state.reused, *because]
    if state.compound and state.asks_head and _passing(state):
        told = [*_passing(state), *_again(state)]
        return SUPPORTED, [
            *told,
            f"{dump.because} saw no head, the dump a compound page{_ordered(dump)}: freed and "
            "made again in between",
        ]
    if state.live and state.asks_head and not state.again:
        return REFUTED, [f"the page is in use: count {dump.count}, {_mapped(dump)}", *because]
    if state.again:
        return OPEN, [*_again(state), *because]
    return OPEN, because


def _weigh_gone(dump: PageDump, places: Places, state: State, index: list[str]) -> Weight:
    """Weigh a page that is free now; ``index`` says what its index tells of its last use."""
    gone = [f"count {dump.count}, no mapping" + _flags(dump)]
    if state.buddy:
        gone.append(f"mapcount {dump.mapcount} marks a page in the buddy allocator")
    if index:
        gone.append("nothing clears index when a page is freed: " + index[0])
    if places.distinct:
        gone.append(f"the walker stood on tail {places.tail} of what is no compound page now")
    strong = places.distinct or state.asks_head
    return (SUPPORTED if strong else OPEN), gone


def _weigh_split(dump: PageDump, state: State) -> Weight:
    if state.freed:
        return REFUTED, [
            f"a split leaves every page its count and mapping; here count "
            f"{dump.count} and no mapping"
        ]
    if state.reused:
        return REFUTED, list(state.reused)
    if state.compound and not state.headless:
        because = [f"the page is in a compound page{_ordered(dump)}; a split would have left none"]
        return (OPEN if state.again or state.dying or state.changing else REFUTED), [
            *because,
            *_again(state),
        ]
    if state.live and state.asks_head and not state.headless:
        return SUPPORTED, [
            f"no head flag and no compound page, yet in use: count {dump.count}, "
            f"{_mapped(dump)}: what a split leaves"
        ]
    return OPEN, _again(state)


def _weigh_poison(dump: PageDump, poisoned: bool | None) -> Weight:
    if poisoned is None:
        return OPEN, []
    if poisoned:
        words = " ".join(f"{word:x}" for word in dump.words[:4])
        shown = f"words {words}" if words else f"flags {dump.flags:#x}" if dump.flags else ""
        if dump.poisoned:
            shown = "the kernel says that the page is uninitialized and poisoned"
        return SUPPORTED, [f"{shown}: not what a struct page holds"]
    because = [f"flags {dump.flags:#x} are those of a real page"] if dump.flags is not None else []
    if any(word >> 48 == 0xDEAD for word in (*dump.words, *dump.head_words)):
        because.append(
            "the 0xdead words are the kernel's own marks: dead000000000400 is "
            "TAIL_MAPPING, dead000000000100 and ...122 are a list the page left"
        )
    return REFUTED, because


def _fresh(dump: PageDump, state: State) -> list[str]:
    told = [
        f"the compound page{_ordered(dump)} that is there now is new: count {dump.count}, "
        f"{_mapped(dump)}"
    ]
    if state.relinked:
        told.append("its head has just left a free list: LIST_POISON in ->lru")
    return told


def _passing(state: State) -> list[str]:
    """Say what tells that the page was not held still while it was looked at."""
    told = [f"the dump contradicts itself: {line}" for line in state.changing]
    if state.by_pfn:
        told.append(
            f"{state.by_pfn}() goes from pfn to pfn and meets each tail of each huge page; "
            "it holds none of them"
        )
    return told


def _ordered(dump: PageDump) -> str:
    return f" of order {dump.order}" if dump.order else ""


def _again(state: State) -> list[str]:
    if not state.again:
        return []
    return ["dump_page() met the assertion too: the page changed again while it was dumped"]


def _mapped(dump: PageDump) -> str:
    parts = [f"mapcount {dump.mapcount}"] if dump.mapcount is not None else []
    if dump.whole_mapcount is not None:
        parts.append(f"mapped as a whole {dump.whole_mapcount} times")
    parts.append("with a mapping" if dump.mapping or dump.anonymous else "no mapping")
    return ", ".join(parts)


def _flags(dump: PageDump) -> str:
    if dump.flags is None:
        return ""
    return f", flags {dump.flags:#x} without head"


def _name(pfn: int | None) -> str:
    return f"pfn {pfn:#x}" if pfn is not None else "dumped"


def _pfn(pfn: int | None) -> str:
    return f"{pfn:#x}" if pfn is not None else "unknown"
