"""What the replay brings back: a schedule that fails, or how far it looked without one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Whether an execution of the scenario reaches the failure."""

    NEVER = "never"
    SOMETIMES = "sometimes"
    ALWAYS = "always"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which thread runs at each step; printed as ``0x12 1x3 0`` (thread x repeat)."""

    threads: tuple[int, ...]

    def __str__(self) -> str:
        runs: list[list[int]] = []
        for thread in self.threads:
            if runs and runs[-1][0] == thread:
                runs[-1][1] += 1
            else:
                runs.append([thread, 1])
        return " ".join(f"{t}x{n}" if n > 1 else str(t) for t, n in runs)

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read what ``str`` prints.

        Raises:
            ValueError: a word is not ``thread`` or ``threadxcount``.
        """
        threads: list[int] = []
        for word in text.split():
            thread, _, count = word.partition("x")
            threads += [int(thread)] * (int(count) if count else 1)
        return cls(tuple(threads))


@dataclass(frozen=True, slots=True)
class Step:
    """One executed step: the thread, the function and line it is in, and what it did.

    ``text`` is for a person ("load page[0].flags = 0x10000"); ``actor`` is the thread's name.
    """

    thread: int
    actor: str
    function: str
    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Witness:
    """The answer of one replay. ``trace`` and ``oops`` belong to the failing schedule.

    ``reason`` says what stopped an undecided run, or the bound a ``never`` holds within.
    ``model`` says which parts ran as the tree's own source and which as the reference model.
    """

    outcome: Outcome
    scenario: str
    schedule: Schedule | None
    trace: tuple[Step, ...]
    oops: str
    states: int
    executions: int
    reason: str = ""
    model: str = ""

    @property
    def steps(self) -> int:
        """Length of the failing schedule, 0 without one."""
        return len(self.schedule.threads) if self.schedule else 0
