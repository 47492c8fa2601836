"""What a walk brings back: demands that a page did not meet, and calls it was handed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from reviewer.analysis.values import ObjectId
from reviewer.model.ctree import Span
from reviewer.model.finding import PathStep, Reason
from reviewer.model.pagestate import Pin, Position


class DemandKind(StrEnum):
    """How a demand is made."""

    ASSERTION = "assertion"  # the code says so, and stops where it is not met
    FIELD = "field"  # a word is read that only the head of a compound page has
    CAST = "cast"  # a page is taken for a folio
    USE = "use"  # it is relied on, as any page is that one goes on with
    LOOK = "look"  # nothing is demanded: a head that was pinned is looked at again


@dataclass(frozen=True, slots=True)
class Demand:
    """What a line of the tree asks of a page: an assertion, or a use that only some pages allow.

    ``spelled`` is where it stands, ``stops`` where the BUG() of an assertion is. ``text`` is the
    condition as the kernel prints it, or the use as written. ``fatal`` is false for a warning.
    """

    function: str
    text: str
    spelled: Span
    stops: Span
    fatal: bool
    kind: DemandKind = DemandKind.ASSERTION


@dataclass(frozen=True, slots=True)
class Hazard:
    """A demand that the object does not meet, at the end of a chain of calls.

    ``claimed`` is where the object pointed when it was derived; for a position hazard these
    are the positions that fail, for a stability hazard those that would pass. ``chain`` runs
    from the walked function to the one that asserts, each with the line it goes on from.
    ``held`` is where the head computed from it was pinned, if it was not compared since;
    ``stale`` is where it ceased to be the head of its page.
    ``guarded`` says that a flag was found set on every path that may keep tails out.
    """

    obj: ObjectId
    reason: Reason
    claimed: frozenset[Position]
    pin: Pin
    demand: Demand
    chain: tuple[PathStep, ...]
    held: PathStep | None = None
    stale: PathStep | None = None
    guarded: bool = False

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

    ``argument`` is the first argument as written; ``parameter`` names the parameter of
    ``function`` where the page was handed in, ``loose`` says that nobody need hold it. ``head``
    says that it was computed as a head: what gave it never gives a tail.
    """

    word: str
    function: str
    path: str
    line: int
    argument: str = ""
    parameter: str = ""
    loose: bool = False
    head: bool = False
