"""What an exploration is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewer.model.witness import Schedule
from reviewer.replay.stepping.program import Failure


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to look. ``steps`` is per execution; ``preemptions`` None is no bound.

    ``reduce`` False tries a switch before every step, as a check on the reduction.
    """

    states: int = 60_000
    steps: int = 50_000
    seconds: float = 60.0
    preemptions: int | None = 2
    reduce: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A failure with a schedule that leads to it, and how many preemptions that one has."""

    failure: Failure
    schedule: Schedule
    preemptions: int


@dataclass(frozen=True, slots=True)
class Exploration:
    """What the search saw.

    ``finals`` maps the return values of the threads in executions that ended well to one
    schedule each. ``executions`` counts ends met (good and bad); ``bound`` is the largest
    preemption bound that was exhausted (None: all interleavings, -1: not even bound 0).
    ``stopped_by`` names the limit that ended the search, "" if none did.
    """

    failures: tuple[Found, ...]
    finals: dict[tuple[int | None, ...], Schedule]
    states: int
    transitions: int
    executions: int
    interpreted: int
    bound: int | None
    stopped_by: str
    contended: frozenset[int] = field(repr=False)
