"""The values of a counting walk: pages by how they were come by, counters, and what was counted.

A *subject* names the page a value is about: a parameter, a page made at a place, the head of
another, or one of several beside another. No claim is made where it points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reviewer.model.ctree import Span
from reviewer.model.vocabulary import Unit

# ("param", 0) | ("made", word, path, line) | ("head", Subject) | ("each", Subject)
Subject = tuple[object, ...]
NOBODY: Subject = ("made", "", "", 0)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Any value."""


@dataclass(frozen=True, slots=True)
class Num:
    """A known integer."""

    value: int


@dataclass(frozen=True, slots=True)
class Some:
    """A number of at least one: a count of what happened in a loop."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A statistic or a flag bit, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """A pointer to a page or folio."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class HeadWord:
    """What a page's ``compound_head`` holds: its head, and one bit."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class Counter:
    """The address of a counter of a page."""

    field: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Count:
    """A number read from counters.

    ``raw`` says that it is still as stored, so that a counter that starts at -1 shows one
    less than it counts. ``moved`` is the sign of the change whose result it is, 0 for a read.
    ``born`` is where it was read, ``handed`` says that a caller read it. ``mixed`` says that
    other numbers were added to it.
    """

    unit: Unit
    raw: bool
    subject: Subject
    born: Span
    moved: int = 0
    handed: bool = False
    mixed: bool = False


Value = Unknown | Num | Some | Symbol | Page | HeadWord | Counter | Count
UNKNOWN = Unknown()


def find_base(subject: Subject) -> Subject:
    """Return the page a subject was derived from: all of them share one compound page."""
    while subject[0] in ("head", "each"):
        inner = subject[1]
        assert isinstance(inner, tuple)
        subject = inner
    return subject


def is_part(subject: Subject, kind: str) -> bool:
    """Say whether "head" or "each" stands anywhere in the derivation."""
    while subject[0] in ("head", "each"):
        if subject[0] == kind:
            return True
        inner = subject[1]
        assert isinstance(inner, tuple)
        subject = inner
    return False


def head_of(subject: Subject) -> Subject:
    """Return the head of a page; that of a head is itself."""
    return subject if subject[0] == "head" else ("head", subject)


def each_of(subject: Subject) -> Subject:
    """Return the pages beside a page; those beside these are they again."""
    return subject if subject[0] == "each" else ("each", subject)


def rename(subject: Subject, names: Mapping[Subject, Subject]) -> Subject:
    """Return the subject as the caller names it."""
    if subject[0] in ("head", "each"):
        inner = subject[1]
        assert isinstance(inner, tuple)
        renamed = rename(inner, names)
        return head_of(renamed) if subject[0] == "head" else each_of(renamed)
    return names.get(subject, subject)


def rename_value(value: Value, names: Mapping[Subject, Subject]) -> Value:
    """Return the value as the caller names its page."""
    if isinstance(value, Page | HeadWord | Counter | Count):
        return replace(value, subject=rename(value.subject, names))
    return value


def join_counts(first: Count, second: Count) -> Count:
    """Return what two ways through a function count: the one that takes in the other.

    A function that answers for one page on one way and for all on another answers for all.
    """
    order = (Unit.WHOLE, Unit.PAGE, Unit.TOTAL)
    if first.unit not in order or second.unit not in order:
        return first
    wide = max(first, second, key=lambda count: order.index(count.unit))
    if first.unit == second.unit and is_part(second.subject, "each"):
        wide = second
    return replace(wide, raw=first.raw and second.raw)
