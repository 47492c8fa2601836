"""Atomic operations on counters in a counting walk, and what is noted of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.counts.notes import Event, Note
from reviewer.analysis.counts.state import Results, State
from reviewer.analysis.counts.values import UNKNOWN, Count, Counter, Num, Value, find_base
from reviewer.model import ctree as c

if TYPE_CHECKING:
    from reviewer.analysis.counts.walk import Frame

_RAISES = frozenset({"inc", "add", "inc_and_test", "inc_return", "add_return", "fetch_inc"})
_DROPS = frozenset({"dec", "sub", "dec_and_test", "sub_and_test", "dec_return", "sub_return"})
_TESTS_ZERO = frozenset({"dec_and_test", "sub_and_test"})
_RETURNS = frozenset({"inc_return", "add_return", "dec_return", "sub_return"})


def make_event(
    frame: Frame,
    state: State,
    kind: str,
    what: str,
    sign: int,
    subject: tuple[object, ...],
    span: c.Span,
    field: str = "",
) -> Event:
    """Return something that happened here to a page's counter, a statistic or a flag."""
    huge = state.is_huge(subject) or any(f[0] == "huge" for f in state.facts)
    return Event(kind, what, sign, subject, frame.function.name, span, span, field, True, huge)


def change_counter(
    frame: Frame, state: State, op: str, call: c.Call, counter: Counter, others: list[Value]
) -> Results:
    """Read, set or move a counter: ``op`` is the atomic operation without its prefix."""
    word = frame.words.counters[counter.field]
    subject, span = counter.subject, call.span
    small = state.is_small(subject)
    if op == "read":
        frame.note(Note("read", span, frame.function.name, op, counter, small=small))
        return [(state, Count(word.unit, word.start < 0, subject, span))]
    if op == "set":
        value = others[-1] if others else UNKNOWN
        frame.note(Note("set", span, frame.function.name, op, counter, value, small))
        given = value.value if isinstance(value, Num) else word.start
        event = make_event(frame, state, "set", word.unit, given, subject, span, counter.field)
        return [(state.after(event), UNKNOWN)]
    sign = _sign(op, others)
    if sign == 0:
        return [(state, UNKNOWN)]
    frame.note(Note("read", span, frame.function.name, op, counter, small=small))
    change = make_event(frame, state, "change", word.unit, sign, subject, span, counter.field)
    note_order(frame, state, change)
    note_moved(frame, op, call, frozenset({change}), small=small)
    done = state.after(change)
    if op in _TESTS_ZERO and word.start < 0:
        frame.note(Note("test", span, frame.function.name, op, counter, small=small))
    if op in ("inc_and_test", "add_negative") and word.start < 0:
        turn = replace(change, kind="turn")
        return [(done.after(turn), Num(1)), (done, Num(0))]
    if op in _RETURNS:
        return [(done, Count(word.unit, word.start < 0, subject, span, moved=sign))]
    return [(done, UNKNOWN)]


def _sign(op: str, others: list[Value]) -> int:
    number = next((v.value for v in others if isinstance(v, Num)), None)
    if op in _RAISES:
        return -1 if number is not None and number < 0 else 1
    if op in _DROPS:
        return 1 if number is not None and number < 0 else -1
    if op == "add_negative":
        return 1 if number is not None and number > 0 else -1
    return 0


def note_order(frame: Frame, state: State, change: Event) -> None:
    """Note a page's count raised while the whole compound page's was dropped on this path."""
    if change.what != "page" or change.sign < 0 or change.huge:
        return
    base = find_base(change.subject)
    if not _is_own(frame, base):
        return  # a page the helper made: it is another one each time the helper is called
    dropped = [
        e
        for e in state.events
        if (e.kind, e.what, e.sign) == ("change", "whole", -1) and find_base(e.subject) == base
    ]
    if dropped:
        events = frozenset({change, *dropped})
        frame.note(Note("order", change.where, frame.function.name, events=events))


def _is_own(frame: Frame, base: tuple[object, ...]) -> bool:
    if base[0] != "made":
        return True
    function = frame.function
    assert isinstance(base[3], int)
    return base[2] == function.path and function.line <= base[3] <= function.end_line


def note_moved(
    frame: Frame,
    name: str,
    call: c.Call,
    changes: frozenset[Event],
    *,
    small: bool,
    chosen: bool = False,
) -> None:
    """Note which counters a call moves; ``chosen`` says that a flag it passes made it so."""
    frame.note(
        Note(
            "moved", call.span, frame.function.name, name,
            small=small, events=changes, bounded=chosen,
        )
    )  # fmt: skip
