"""The ways out of a counting function, as its callers see them."""

from __future__ import annotations

from dataclasses import replace

from reviewer.analysis.counts.notes import Event, Exit
from reviewer.analysis.counts.values import (
    UNKNOWN,
    Count,
    Counter,
    Page,
    Subject,
    Value,
    head_of,
    join_counts,
)
from reviewer.model.vocabulary import Unit


def join_exits(exits: tuple[Exit, ...]) -> tuple[Exit, ...]:
    """Let a function that counts count one thing: what takes in all it returns.

    One that returns a page or the head of it returns its head.
    """
    pages = {e.value for e in exits}
    heads = {Page(head_of(p.subject)) for p in pages if isinstance(p, Page)}
    if len(pages) > 1 and len(heads) == 1 and all(isinstance(p, Page) for p in pages):
        return tuple(replace(e, value=next(iter(heads)), facts=frozenset()) for e in exits)
    exits = _join_ways(exits)
    counts = [e.value for e in exits if isinstance(e.value, Count)]
    if not counts:
        return exits
    joined = counts[0]
    for count in counts[1:]:
        joined = join_counts(joined, count)
    if joined.unit is Unit.REFERENCES and any(c.unit is not Unit.REFERENCES for c in counts):
        return exits
    return tuple(replace(e, value=joined) for e in exits)


def _join_ways(exits: tuple[Exit, ...]) -> tuple[Exit, ...]:
    """Let a function that returns nothing and keeps its own statistics have one way out.

    Whether its first and last mappings were followed by a statistic is asked of itself.
    """
    turns = any(e.kind == "turn" for way in exits for e in way.events)
    if not turns or any(way.value != UNKNOWN for way in exits):
        return exits
    kept = ("change", "flag", "set")
    events = frozenset(e for way in exits for e in way.events if e.kind in kept)
    return (Exit(UNKNOWN, events, frozenset()),)


def shown(value: Value | Event) -> tuple[object, ...]:
    """Return a value or an event without the places it names."""
    match value:
        case Count(unit=unit, raw=raw, subject=subject):
            return unit, raw, _shown_subject(subject)
        case Event(kind=kind, what=what, sign=sign, subject=subject, field=field, huge=huge):
            where = "" if kind == "asked" else what
            return kind, where, sign, _shown_subject(subject), field, huge
        case Page(subject=subject) | Counter(subject=subject):
            return type(value).__name__, _shown_subject(subject)
    return (value,)


def _shown_subject(subject: Subject) -> tuple[object, ...]:
    if subject[0] in ("head", "each"):
        inner = subject[1]
        assert isinstance(inner, tuple)
        return (subject[0], _shown_subject(inner))
    return subject[:2]
