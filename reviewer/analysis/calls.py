"""Calls: words of the vocabulary, primitives on a page's words, and functions of the tree."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.branches import forget_written
from reviewer.analysis.evaluate import write_head_word
from reviewer.analysis.fields import find_handed, forget_fields
from reviewer.analysis.objects import (
    drop_entries,
    drop_pins,
    find_ancestors,
    find_entries_again,
    join_groups,
    know_hugetlb,
    own_page,
    pin_head,
    split_page,
    take_pin,
)
from reviewer.analysis.secondlook import mark_taken, mark_used, note_put
from reviewer.analysis.sources import make_page, pin_by_pfn
from reviewer.analysis.spelling import TRANSPARENT, describe
from reviewer.analysis.staleheads import mark_stale, note_stale
from reviewer.analysis.stops import stop_name
from reviewer.analysis.values import (
    CLEARED,
    LOCKED,
    UNKNOWN,
    HeadWord,
    Num,
    ObjectId,
    Place,
    Ptr,
    Ref,
    Results,
    State,
    Symbol,
    Token,
    Unknown,
    Value,
    object_of,
    split,
)
from reviewer.model import ctree as c
from reviewer.model.finding import PathStep
from reviewer.model.pagestate import NOT_TAIL, Pin, Position
from reviewer.model.vocabulary import PinWord, Vocabulary

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame

TEST_BIT = frozenset({"test_bit", "arch_test_bit", "_test_bit", "const_test_bit"})
TAKE_REF = frozenset({"atomic_add_unless", "atomic_inc_not_zero", "atomic_inc_unless_negative"})
DROP_REF = frozenset({"atomic_dec_and_test", "atomic_dec_return"})
HEAD = frozenset({Position.HEAD})
TAIL = frozenset({Position.TAIL})
ORDER0 = frozenset({Position.ORDER0})
STORES = frozenset({"WRITE_ONCE", "smp_store_release"})
# A write of the head flag says what the page is from now on.
CHANGE_BIT = {
    **dict.fromkeys(("set_bit", "__set_bit", "test_and_set_bit", "__test_and_set_bit"), HEAD),
    **dict.fromkeys(("clear_bit", "__clear_bit", "clear_bit_unlock"), ORDER0),
    **dict.fromkeys(("test_and_clear_bit", "__test_and_clear_bit"), ORDER0),
}


def evaluate_call(frame: Frame, state: State, call: c.Call) -> Results:
    """Evaluate a call on one path."""
    name = call.callee.name if isinstance(call.callee, c.Name) else ""
    words = frame.words
    if name in words.stop:
        return []  # nothing runs after it
    paths = frame.arguments(state, call)
    if name in words.predicates:
        return [r for s, _ in paths for r in _ask(s, name, call)]
    if name in words.locks or name in words.unlocks:
        return [(_lock(s, name, call, words), UNKNOWN) for s, _ in paths]
    if name in words.sources:
        return [r for s, vs in paths for r in make_page(frame, s, words.sources[name], call, vs)]
    handed = find_handed(call)
    return [
        (forget_fields(after, handed), value)
        for s, values in paths
        for after, value in _apply(frame, s, name, call, values)
    ]


def _apply(
    frame: Frame, state: State, name: str, call: c.Call, values: tuple[Value, ...]
) -> Results:
    words = frame.words
    first = values[0] if values else UNKNOWN
    if name in TRANSPARENT and values:
        return [(state, first)]
    if name in words.clear_entry:
        state = state.copy()
        state.facts[CLEARED] = True
    note_stale(frame, state, call, values)
    if name in TEST_BIT and len(values) > 1:
        return _test_bit(frame, state, values[0], values[1])
    if name in words.carriers:
        inner = first if isinstance(first, Token) else None
        words_of = (*inner.words, name) if inner is not None else (name,)
        return [(state, Token(words_of, object_of(first), inner is not None and inner.moved))]
    if name in words.same_entry:
        return [(find_entries_again(state), Num(1)), (state, Num(0))]
    word = words.pins.get(name)
    if word is not None and word.by_pfn:
        return pin_by_pfn(frame, state, word, call)
    if word is not None and isinstance(first, Ptr) and _is_held(state, word.under):
        return _pin(frame, state, first.obj, word, call)
    if name in words.splitters and isinstance(first, Ptr):
        parting = words.splitters[name].pins_stay_without
        stay = bool(parting) and not any(frame.engine.has(other) for other in parting)
        apart = split_page(state, first.obj, pins_stay=stay)
        mark_stale(frame, apart, first.obj, call)
        return [(apart, Num(0)), (state, Unknown(signs="-"))]
    if name in STORES and isinstance(first, HeadWord):
        return [(write_head_word(state, first.obj, values[1]), UNKNOWN)]
    if name in CHANGE_BIT and len(values) > 1:
        changed = _change_bit(frame, state, values[0], values[1], CHANGE_BIT[name])
        if changed is not None:
            return [(changed, UNKNOWN)]
    if isinstance(first, Ptr) and name in words.owners:
        return [(own_page(state, first.obj), UNKNOWN)]
    if isinstance(first, Ptr) and name in words.unpins:
        frame.engine.note_put(first.obj, state.find(first.obj))
        note_put(frame, state, first.obj)
        return [(drop_pins(state, first.obj), UNKNOWN)]
    counts = [v for v in values if isinstance(v, Place) and v.field in words.refcount_fields]
    if counts and name in TAKE_REF:
        taken = take_pin(state, counts[0].obj, Pin.REFERENCE, NOT_TAIL)
        return [(taken, Num(1)), (state, Num(0))]
    if counts and name in DROP_REF:
        return [(drop_pins(state, counts[0].obj), UNKNOWN)]
    if name in words.never_hugetlb and isinstance(first, Ptr) and state.find(first.obj).hugetlb:
        return [(state, Num(0))]
    if name in words.counting.hugetlb and isinstance(first, Ptr):
        return _ask_hugetlb(frame, state, call, first)
    return _enter(frame, mark_used(frame, state, call, values), name, call, values)


def _ask_hugetlb(frame: Frame, state: State, call: c.Call, page: Ptr) -> Results:
    """Ask whether a page is a hugetlb page: one that is held stays what it is."""
    mine = state.find(page.obj)
    if mine.hugetlb is not None:
        return [(state, Num(int(mine.hugetlb), open=True))]
    results = _enter(frame, state, stop_name(call), call, (page,))
    if not mine.held or Position.TAIL not in mine.positions:
        return results  # of a head or folio nothing that is asked here hangs on it
    answers: Results = []
    for s, value in results:
        if isinstance(value, Unknown):
            answers.append((know_hugetlb(s, page.obj, is_one=True), Num(1, open=True)))
            answers.append((know_hugetlb(s, page.obj, is_one=False), Num(0, open=True)))
        else:
            answers.append((s, value))
    return answers


def _test_bit(frame: Frame, state: State, bit: Value, place: Value) -> Results:
    if not (isinstance(bit, Symbol) and isinstance(place, Place)):
        return [(state, UNKNOWN)]
    if place.field not in frame.words.flags_fields:
        return [(state, UNKNOWN)]
    for flags, subset in ((frame.words.head_flags, HEAD), (frame.words.tail_flags, TAIL)):
        if bit.name in flags:
            return [
                (s, Num(int(truth), doubt | place.doubt, frozenset({place.obj}) | place.doubt))
                for s, truth, doubt in split(state, place.obj, subset)
            ]
    return [(state, Unknown(about=frozenset({place.obj})))]


def _change_bit(
    frame: Frame, state: State, bit: Value, place: Value, subset: frozenset[Position]
) -> State | None:
    """Return the state after the head or tail flag of a page was written, None for another."""
    words = frame.words
    if not (isinstance(bit, Symbol) and isinstance(place, Place)):
        return None
    if place.field not in words.flags_fields or not state.find(place.obj).tracked:
        return None
    if bit.name in words.head_flags:
        changed = state.with_positions(place.obj, subset)
        mine = changed.find(place.obj)
        making = subset == HEAD and Pin.EXCLUSIVE in mine.pins
        return changed.with_object(place.obj, replace(mine, making=making))
    if bit.name in words.tail_flags:
        return state.with_positions(place.obj, TAIL if subset == HEAD else subset)
    return None


def _ask(state: State, name: str, call: c.Call) -> Results:
    """Ask a predicate: the same answer for the same argument along a path."""
    text = describe(call.args[0]) if call.args else ""
    known = state.facts.get((name, text))
    if known is not None:
        return [(state, Num(int(known)))]
    yes, no = state.copy(), state.copy()
    yes.facts[name, text] = True
    no.facts[name, text] = False
    return [(yes, Num(1)), (no, Num(0))]


def _lock(state: State, name: str, call: c.Call, words: Vocabulary) -> State:
    """Take or drop a lock: one that matters is known by its function or by how it is spelled."""
    held = state.copy()
    spelled = describe(call.args[0]).lstrip("&") if call.args else ""
    found = {ending for ending in words.lock_endings if spelled.endswith(ending)}
    for fact in ((LOCKED, word) for word in (*found, name)):
        if name in words.unlocks:
            held.facts.pop(fact, None)
        elif fact[1] != name or name in words.locks_by_name:
            held.facts[fact] = True
    if name in words.unlocks and re.search(words.page_table_lock, spelled):
        return drop_entries(held)
    return held


def _is_held(state: State, lock: str) -> bool:
    return not lock or (LOCKED, lock) in state.facts


def _pin(frame: Frame, state: State, obj: ObjectId, word: PinWord, call: c.Call) -> Results:
    if word.when == "true":
        taken = take_pin(state, obj, Pin(word.kind), word.positions)
        if word.heads:
            taken = pin_head(taken, obj, Pin(word.kind))
        if any((LOCKED, lock) in state.facts for lock in frame.words.whole_under):
            taken, _ = join_groups(taken, obj, frozenset(find_ancestors(obj)[:1]))
        elif Pin(word.kind) is Pin.REFERENCE:
            mark_taken(frame, taken, obj, call)
        return [(taken, Num(1)), (state, Num(0))]
    if word.when == "zero":
        taken = pin_head(take_pin(state, obj, Pin(word.kind), word.positions), obj, Pin(word.kind))
        return [(taken, Num(0)), (state, Unknown(signs="-"))]
    if word.when == "always" and word.kind != "keep":
        taken = take_pin(state, obj, Pin(word.kind), word.positions)
        return [(pin_head(taken, obj, Pin(word.kind)) if word.heads else taken, UNKNOWN)]
    mine = state.find(obj)
    if mine.pins:  # a further hold of what is held
        pin = Pin.REFERENCE if word.kind == "keep" else Pin(word.kind)
        return [(take_pin(state, obj, pin, None), UNKNOWN)]
    return [(state, UNKNOWN)]


def _enter(
    frame: Frame, state: State, name: str, call: c.Call, values: tuple[Value, ...]
) -> Results:
    """Walk a function of the tree with the pages it is handed."""
    if not name or name in frame.words.dump:
        # what prints a page has to take any: that it does is asked of it alone
        return [(forget_written(state, values), UNKNOWN)]
    # a pfn matters to who makes a page of it
    makes = frame.engine.makes(name)
    pages = [
        obj
        for v in values
        if (obj := object_of(v)) is not None and (makes or not isinstance(v, Token))
    ]
    tracked = [obj for obj in pages if state.find(obj).tracked]
    if not tracked and name not in frame.engine.makers and not _answers(frame, state, values):
        return [(forget_written(state, values), UNKNOWN)]
    callee = frame.engine.meant(name, frame.function.path)
    if callee is None:
        if tracked:
            frame.engine.note_site(frame.function, name, call.span, decided=False)
        return [(forget_written(state, values), UNKNOWN)]
    step = PathStep(frame.function.name, call.span.at_path, call.span.at_line)
    results, hazards, decided = frame.engine.enter(state, callee, values, frame.depth + 1)
    for hazard in hazards:
        frame.note(hazard.behind(step, hazard.obj))
    if tracked:
        frame.engine.note_site(frame.function, name, call.span, decided=decided)
    return results


def _answers(frame: Frame, state: State, values: tuple[Value, ...]) -> bool:
    """Say whether a call may answer through a flag it is pointed at, where pages are at hand."""
    flags = frame.flags
    return any(isinstance(v, Ref) and v.name in flags for v in values) and any(
        mine.tracked for mine in state.objects.values()
    )
