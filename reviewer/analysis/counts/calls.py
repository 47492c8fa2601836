"""Calls of a counting walk: atomic operations on counters, statistics, tests, and helpers."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from reviewer.analysis.counts.atomic import change_counter, make_event, note_moved, note_order
from reviewer.analysis.counts.notes import Account, Event, Exit, Note
from reviewer.analysis.counts.state import Results, State
from reviewer.analysis.counts.values import (
    NOBODY,
    UNKNOWN,
    Count,
    Counter,
    Num,
    Page,
    Symbol,
    Value,
    find_base,
    join_counts,
    rename_value,
)
from reviewer.analysis.counts.values import rename as rename_subject
from reviewer.analysis.spelling import TRANSPARENT
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts
from reviewer.model.pagestate import Position

if TYPE_CHECKING:
    from reviewer.analysis.counts.walk import Frame

_ATOMIC = re.compile(r"(?:raw_|arch_)?atomic_(?P<op>[a-z_]+?)(?:_relaxed|_acquire|_release)?$")
_SET_BIT = re.compile(r"(?:arch_)?_*(?:test_and_)?set_bit$")
# Spelled as calls by the reader of C; their value is one of their arguments'.
_ONE_OF = frozenset({"max", "min", "max_t", "min_t", "clamp", "clamp_t"})


def evaluate_call(frame: Frame, state: State, call: c.Call) -> Results:
    """Evaluate a call on one path."""
    name = call.callee.name if isinstance(call.callee, c.Name) else ""
    if name in frame.counting.vocabulary.stop:
        return []  # nothing runs after it
    paths = frame.arguments(state, call)
    return [r for s, values in paths for r in _apply(frame, s, name, call, values)]


def _apply(
    frame: Frame, state: State, name: str, call: c.Call, values: tuple[Value, ...]
) -> Results:
    words = frame.words
    if name in TRANSPARENT and values:
        return [(state, values[0])]
    if name in _ONE_OF:
        return [(state, _one_of(values))]
    counters = [v for v in values if isinstance(v, Counter)]
    atomic = _ATOMIC.match(name)
    if atomic and counters:
        others: list[Value] = [v for v in values if not isinstance(v, Counter)]
        return change_counter(frame, state, atomic["op"], call, counters[0], others)
    symbols = [v.name for v in values if isinstance(v, Symbol)]
    statistics = [s for s in symbols if frame.counting.functions.is_statistic(s)]
    if statistics and frame.counting.functions.changes_statistic(name):
        event = make_event(frame, state, "statistic", statistics[0], 0, NOBODY, call.span)
        return [(state.after(event), UNKNOWN)]
    if symbols and _SET_BIT.match(name):
        bit = make_event(frame, state, "flag", symbols[0], 1, NOBODY, call.span)
        done = state.after(bit)
        return [(done, Num(0)), (done, Num(1))] if "test" in name else [(done, UNKNOWN)]
    if name in words.hugetlb_files:
        return [(state.knowing(("huge", NOBODY)), Num(1)), (state, Num(0))]
    if name in words.watched:
        _note_watched(frame, state, name, call, values)
        return [(state, UNKNOWN)]
    if name in frame.counting.vocabulary.sources:
        return [_made(frame, state, name, call.span)]
    return _enter(frame, state, name, call, values)


def _one_of(values: tuple[Value, ...]) -> Value:
    counts = [v for v in values if isinstance(v, Count)]
    return reduce(join_counts, counts) if counts else UNKNOWN


def _made(frame: Frame, state: State, name: str, span: c.Span) -> tuple[State, Value]:
    subject = ("made", name, span.at_path, span.at_line)
    return state.forgetting(subject), Page(subject)


def _note_watched(
    frame: Frame, state: State, name: str, call: c.Call, values: tuple[Value, ...]
) -> None:
    page = values[0] if values else UNKNOWN
    bounded = any(fact[0] == "below" for fact in state.facts)
    frame.note(
        Note(
            "call", call.span, frame.function.name, name, page,
            events=state.events, bounded=bounded,
        )
    )  # fmt: skip


def _enter(
    frame: Frame, state: State, name: str, call: c.Call, values: tuple[Value, ...]
) -> Results:
    pages = [v for v in values if isinstance(v, Page)]
    if len(values) == 1 and pages:
        if name in frame.words.hugetlb:
            known = state.knowing(("huge", find_base(pages[0].subject)))
            return [(known, Num(1)), (state, Num(0))]
        if name in frame.words.orders | frame.words.sizes:
            number = int(name in frame.words.sizes)
            if state.is_small(pages[0].subject):
                return [(state, Num(number))]
            return [(state, UNKNOWN)]
    callee = frame.counting.meant(name, frame.function.path) if name else None
    if callee is None:
        return [(state, UNKNOWN)]
    if len(values) == 1 and pages and not frame.counting.functions.is_counting(callee):
        tested = _test(frame, state, callee, pages[0])
        if tested is not None:
            return tested
    if (
        not frame.counting.functions.is_followed(callee, bool(pages))
        or frame.depth >= frame.counting.depth
    ):
        return [(state, UNKNOWN)]
    return _follow(frame, state, callee, call, values)


def _test(frame: Frame, state: State, callee: FunctionFacts, page: Page) -> Results | None:
    """Ask a test of position: where no part of a compound page passes it, it is small."""
    answers = frame.counting.answers(callee)
    if answers is None:
        return None
    base = find_base(page.subject)
    if state.is_small(page.subject):
        only = answers[Position.ORDER0]
        return [(state, UNKNOWN if only is None else Num(int(only)))]
    compound = (answers[Position.HEAD], answers[Position.TAIL])
    results: Results = []
    for truth in (True, False):
        # a folio is never a tail, and what asserts on tails answers nothing for them
        excluded = compound[0] is (not truth) and compound[1] in (not truth, None)
        after = state.knowing(("small", base)) if excluded else state
        results.append((after, Num(int(truth))))
    return results


def _follow(
    frame: Frame, state: State, callee: FunctionFacts, call: c.Call, values: tuple[Value, ...]
) -> Results:
    """Walk a helper with what it is handed, and take over what it did."""
    names: dict[tuple[object, ...], tuple[object, ...]] = {}
    handed: list[Value] = []
    for value in values:
        given = value
        if isinstance(given, Page | Counter | Count):
            canonical = ("param", len(names))
            known = next((k for k, v in names.items() if v == given.subject), canonical)
            names[known] = given.subject
            given = replace(given, subject=known)
        handed.append(replace(given, handed=True) if isinstance(given, Count) else given)
    facts = frozenset(
        (fact, inside)
        for inside, outside in names.items()
        for fact in ("small", "huge")
        if (fact, find_base(outside)) in state.facts
    )
    account = frame.counting.account(callee, tuple(handed), facts, frame.depth + 1)
    if account is None or not account.exits:
        return [(state, UNKNOWN)]
    frame.take_notes(account, callee, names, call.span)
    changes = _changes(account, names, call.span)
    if changes:
        small = any(state.is_small(outside) for outside in names.values())
        whole = {e for e in changes if e.what == "whole"}
        chosen = bool(whole) and _is_chosen(frame, callee, tuple(handed), facts)
        note_moved(frame, callee.name, call, changes, small=small, chosen=chosen)
    results: Results = []
    for way in _join(account.exits):
        events = {_behind(e, names, call.span) for e in way.events}
        for event in sorted(events, key=repr):
            if event.kind == "change":
                note_order(frame, state, event)
        after = state.copy()
        if any(e.kind == "turn" for e in events):
            after.events = frozenset(e for e in state.events if e.kind != "asked")
        after.events |= events
        value = rename_value(way.value, names)
        if isinstance(value, Count) and not value.handed:
            value = replace(value, born=call.span)
        results.append((after, value))
    return results


def _changes(
    account: Account, names: dict[tuple[object, ...], tuple[object, ...]], where: c.Span
) -> frozenset[Event]:
    return frozenset(
        _behind(e, names, where)
        for way in account.exits
        for e in way.events
        if e.kind == "change" and not e.huge
    )


def _is_chosen(
    frame: Frame,
    callee: FunctionFacts,
    handed: tuple[Value, ...],
    facts: frozenset[tuple[str, object]],
) -> bool:
    """Say whether a flag that is passed chooses the compound page's counter over the page's."""
    for number, value in enumerate(handed):
        if value not in (Num(0), Num(1)):
            continue
        flipped = (*handed[:number], Num(int(value == Num(0))), *handed[number + 1 :])
        other = frame.counting.account(callee, flipped, facts, frame.depth + 1)
        if other is not None and not any(
            e.what == "whole" for e in _changes(other, {}, callee_span(frame))
        ):
            return True
    return False


def callee_span(frame: Frame) -> c.Span:
    """Return a place for events that only their units are asked of."""
    return frame.shape.body.span


def _behind(
    event: Event, names: dict[tuple[object, ...], tuple[object, ...]], where: c.Span
) -> Event:
    return replace(event, subject=rename_subject(event.subject, names), where=where, direct=False)


def _join(exits: tuple[Exit, ...]) -> list[Exit]:
    """Keep ways apart that a caller can tell apart: their values, and what they did."""
    return list(dict.fromkeys(Exit(e.value, e.events, frozenset()) for e in exits))
