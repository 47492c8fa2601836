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


class PageKind(StrEnum):
    """What one ``struct page`` is in the simulated memory, from its flags and its head word."""

    ORDER0 = "order0"
    HEAD = "head"
    TAIL = "tail"
    FREED = "freed"


@dataclass(frozen=True, slots=True)
class PageRun:
    """``count`` pages from index ``first`` on that look alike.

    ``counters`` are the stored (raw) values by the kernel's name, in a fixed order; a counter
    that lies in page[1] for the whole compound page is listed with the head.
    """

    first: int
    count: int
    kind: PageKind
    counters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SourceText:
    """A function's text as the replay ran it; ``line`` is the number of its first line."""

    path: str
    line: int
    function: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One executed step: the thread, the function and line it is in, and what it did.

    ``text`` is for a person ("load page[0].flags = 0x10000"); ``actor`` is the thread's name.
    ``access`` is "load", "store", "rmw" or "wait" (empty: no shared memory touched), ``place``
    what it touched ("page[0].flags"), ``page`` that page's index. ``after`` are the pages that
    look different after the step.
    """

    thread: int
    actor: str
    function: str
    path: str
    line: int
    text: str
    access: str = ""
    place: str = ""
    page: int | None = None
    after: tuple[PageRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Witness:
    """The answer of one replay. ``trace`` and ``oops`` belong to the failing schedule.

    ``reason`` says what stopped an undecided run, or the bound a ``never`` holds within.
    ``model`` says which parts ran as the tree's own source and which as the reference model.
    ``pages`` are the pages before the first step of the trace, ``first_pfn`` the pfn of page 0,
    ``sources`` the functions the trace walks through. ``returns`` are the values a reader can
    be given, each with a schedule that shows it; ``preemptions`` is the failing schedule's.
    ``bound`` is the largest preemption bound that was exhausted (None: all interleavings, -1:
    none), ``stopped_by`` the limit that ended the search, empty if none did.
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
    pages: tuple[PageRun, ...] = ()
    first_pfn: int = 0
    sources: tuple[SourceText, ...] = ()
    returns: tuple[tuple[int, Schedule], ...] = ()
    preemptions: int = 0
    bound: int | None = -1
    stopped_by: str = ""

    @property
    def steps(self) -> int:
        """Length of the failing schedule, 0 without one."""
        return len(self.schedule.threads) if self.schedule else 0
