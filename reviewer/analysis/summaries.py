"""Keeps what functions do with the pages they are handed, so that order of asking plays no part.

A call back into a function that is being walked with the same arguments is answered by what is
known of it so far, at first nothing, and the walk is repeated until its exits no longer grow (a
least fixpoint). Whatever was worked out on such an answer is not kept: asked for by itself it
may be more. A kept answer costs each walk that uses it the steps it took, once, so that the
bound on a walk does not hang on what was walked before either.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from reviewer.analysis.hazards import Hazard
from reviewer.analysis.values import ObjectId, ObjectState, Value

STEPS = 150_000
DEPTH = 24
ROUNDS = 8  # a walk that still grows after so many is not decided


class TooLong(Exception):  # noqa: N818 - it ends one walk, it is no error of the input
    """A walk spent its steps."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out: the value returned, the pages, and what variables it was pointed at hold.

    ``written`` are parameter numbers with the value that stands behind the pointer.
    """

    value: Value
    objects: tuple[tuple[ObjectId, ObjectState], ...]
    written: tuple[tuple[int, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a function does with the pages it was handed, in its own names for them."""

    exits: tuple[Exit, ...]
    hazards: tuple[Hazard, ...]
    decided: bool


NOTHING = Summary((), (), decided=True)  # it is not known to return, nor to assert


@dataclass(frozen=True, slots=True)
class _Kept:
    """``met`` are the questions asked on the way, ``used`` those among them that are kept."""

    summary: Summary
    met: frozenset[int]
    used: frozenset[int]
    height: int
    steps: int


@dataclass(slots=True)
class _Open:
    """A question that is being worked on; ``rests_on`` are open ones it called back into."""

    number: int
    summary: Summary = NOTHING
    called_back: bool = False
    cut: bool = False
    height: int = 0
    steps: int = 0
    met: set[int] = field(default_factory=set)
    used: set[int] = field(default_factory=set)
    rests_on: set[int] = field(default_factory=set)


class Summaries:
    """The answers of one tree. A question is a function with its abstract arguments."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._kept: dict[int, _Kept] = {}
        self._open: list[_Open] = []
        self._paid: set[int] = set()
        self._spent = 0
        self._most = STEPS

    def start(self, most: int | None = None) -> None:
        """Begin a walk that may take so many steps, STEPS if it is not said."""
        self._most = STEPS if most is None else most
        self._open.clear()
        self._paid.clear()
        self._spent = 0

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            TooLong: the walk has spent its share.
        """
        if self._open:
            self._open[-1].steps += steps
        self._charge(steps)

    def _charge(self, steps: int) -> None:
        self._spent += steps
        if self._spent > self._most:
            raise TooLong

    def cut(self) -> None:
        """Note that calls nest too deep here: what rests on it holds at this depth only."""
        for question in self._open:
            question.cut = True

    def find(self, key: Hashable, depth: int) -> Summary | None:
        """Return the answer at hand for a question asked at this depth, None without one.

        Raises:
            TooLong: the answer takes more steps than the walk has left.
        """
        number = self._numbers.setdefault(key, len(self._numbers))
        for question in self._open:
            if question.number == number:
                question.called_back = True
                self._open[-1].rests_on.add(number)
                # what it asserts is noted where it is walked
                return replace(question.summary, hazards=())
        kept = self._kept.get(number)
        if kept is None or depth + kept.height > DEPTH:
            return None
        if any(question.number in kept.met for question in self._open):
            return None  # it calls back into what is being walked
        self._pay(number, kept)
        return kept.summary

    def _pay(self, number: int, kept: _Kept) -> None:
        owed = (kept.used | {number}) - self._paid
        self._paid |= owed
        if self._open:
            above = self._open[-1]
            above.met |= kept.met | {number}
            above.used |= kept.used | {number}
            above.height = max(above.height, kept.height + 1)
        self._charge(sum(self._kept[other].steps for other in owed))

    def work_out(self, key: Hashable, walk: Callable[[], Summary]) -> Summary:
        """Walk until the answer no longer grows, and keep it if it rests on no open question.

        Raises:
            TooLong: the walk has spent its share.
        """
        question = _Open(self._numbers.setdefault(key, len(self._numbers)))
        self._open.append(question)
        try:
            summary = _repeat(question, walk)
        finally:
            self._open.pop()
        question.rests_on.discard(question.number)
        self._close(question, summary)
        return summary

    def _close(self, question: _Open, summary: Summary) -> None:
        """Keep an answer if it holds wherever it is asked for; else its steps are the caller's."""
        number, used = question.number, set(question.used)
        keep = not question.rests_on and not question.cut
        if keep:
            self._kept[number] = _Kept(
                summary, frozenset(question.met), frozenset(used), question.height, question.steps
            )
            self._paid.add(number)
            used.add(number)
        if self._open:
            above = self._open[-1]
            above.met |= question.met | {number}
            above.used |= used
            above.height = max(above.height, question.height + 1)
            above.rests_on |= question.rests_on
            above.steps += 0 if keep else question.steps


def _repeat(question: _Open, walk: Callable[[], Summary]) -> Summary:
    for _ in range(ROUNDS):
        question.called_back = False
        summary = walk()
        grown = frozenset(summary.exits) != frozenset(question.summary.exits)
        question.summary = summary
        if not question.called_back or not grown:
            return summary
    return replace(summary, decided=False)
