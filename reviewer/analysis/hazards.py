"""What a walk brings back: demands that a page did not meet, and calls it was handed to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reviewer.analysis.values import ObjectId
from reviewer.model.ctree import Span
from reviewer.model.finding import PathStep, Reason
from reviewer.model.pagestate import Pin, Position


@dataclass(frozen=True, slots=True)
class Demand:
    """An assertion on where a page points.

    ``spelled`` is where its condition stands, ``stops`` where the BUG() is. ``text`` is the
    condition as the kernel prints it. ``fatal`` is false for a warning.
    """

    function: str
    text: str
    spelled: Span
    stops: Span
    fatal: bool


@dataclass(frozen=True, slots=True)
class Hazard:
    """A demand that the object does not meet, at the end of a chain of calls.

    ``claimed`` is where the object pointed when it was derived; for a position hazard these
    are the positions that fail, for a stability hazard those that would pass. ``chain`` runs
    from the walked function to the one that asserts, each with the line it goes on from.
    """

    obj: ObjectId
    reason: Reason
    claimed: frozenset[Position]
    pin: Pin
    demand: Demand
    chain: tuple[PathStep, ...]

    def behind(self, step: PathStep, obj: ObjectId) -> Hazard:
        """Return the hazard as the caller sees it: one step further, on its own object."""
        return replace(self, chain=(step, *self.chain), obj=obj)


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call that handed a page on: to whom, where, and in what states the page was."""

    caller: str
    callee: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Made:
    """Where a page object came from: the word of the vocabulary and the call of it.

    ``argument`` is the first argument as written.
    """

    word: str
    function: str
    path: str
    line: int
    argument: str = ""
