"""What a counting walk notes: changes and statistics in order, and what is asked of a count."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.analysis.counts.values import UNKNOWN, Subject, Value
from reviewer.model.ctree import Span


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a path.

    ``kind`` is "change" of a counter, "turn" (the change was the first or the last one),
    "statistic" (one was changed), "asked" (whether to change it was decided) or "flag" (a bit
    was set). ``what`` is the counter's unit, or the statistic's or flag's name; ``field`` the
    counter. ``where`` is the call of the walked function in which it happened, ``site`` its own
    place. ``direct`` says that the two are one. ``huge`` says that the page is a hugetlb page.
    """

    kind: str
    what: str
    sign: int
    subject: Subject
    function: str
    site: Span
    where: Span
    field: str = ""
    direct: bool = True
    huge: bool = False

    def __hash__(self) -> int:
        return hash(
            (self.kind, self.what, self.sign, self.site.line)
        )  # cheap: sets of these abound


@dataclass(frozen=True, slots=True)
class Note:
    """A use of counts in an expression.

    ``kind`` is "compare", "divide", "subtract", "read" (a counter was read or changed here),
    "test" (a change was asked whether it came to zero), "set" (a counter was given a value)
    or "call" (a function that the rules watch). ``small`` says that the page is known to be no
    part of a compound page. ``via`` is the helper it stands in, where a caller's page was used.
    """

    kind: str
    span: Span
    function: str
    op: str = ""
    left: Value = UNKNOWN
    right: Value = UNKNOWN
    small: bool = False
    via: str = ""
    events: frozenset[Event] = frozenset()
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out of a function: its value, what happened, and what the pages are known to be.

    ``facts`` are ("small", page), ("huge", page) and ("below", variable).
    """

    value: Value
    events: frozenset[Event]
    facts: frozenset[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Account:
    """All a counting walk learnt of one function called with certain arguments."""

    exits: tuple[Exit, ...]
    notes: frozenset[Note]
    complete: bool = True
