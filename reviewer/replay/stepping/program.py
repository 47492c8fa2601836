"""What is explored: threads, the memory they share, and what one execution of them brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reviewer.model.witness import Schedule, Step
from reviewer.replay.stepping.thread import AssertionFired, Oops, Thread, Undecided


class SharedMemory(Protocol):
    """The part of the simulated memory the explorer needs; ``memory.words`` has the whole."""

    @property
    def digest(self) -> int:
        """A hash of the contents: equal contents, equal digest."""
        ...

    def mark(self) -> int:
        """Return a point ``rollback`` can go back to; 0 is the initial image."""
        ...

    def rollback(self, mark: int) -> None:
        """Undo every store made since the mark."""
        ...

    def load(self, address: int, size: int) -> int:
        """Return the unsigned value of ``size`` bytes."""
        ...

    def store(self, address: int, size: int, value: int) -> None:
        """Write the unsigned value of ``size`` bytes."""
        ...

    def written(self, mark: int) -> dict[int, int]:
        """Return the words stored to since the mark, by address, with what they hold now."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """Threads on one memory, which starts each execution at ``rollback(0)``.

    ``answer`` turns what the threads returned into what is asked of an execution (a reader's
    value lies in user memory, not in its return value); by default it is what they returned.
    """

    threads: tuple[Thread, ...]
    memory: SharedMemory
    answer: Callable[[Sequence[int | None]], Sequence[int | None]] = tuple


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an execution is a bad one, or cannot be judged.

    ``kind`` is "oops", "deadlock" or "oracle" (bad), or "undecided" (something is not
    modelled). ``thread`` is who met it (-1: nobody alone), ``text`` one line.
    """

    kind: str
    thread: int
    text: str
    path: str = ""
    line: int = 0
    function: str = ""
    page: int = 0  # address of the page an assertion dumps, 0: none

    @classmethod
    def from_oops(cls, thread: int, oops: Oops) -> Failure:
        """Keep what the simulated kernel said when it died."""
        page = oops.page if isinstance(oops, AssertionFired) else 0
        return cls("oops", thread, oops.text, oops.path, oops.line, oops.function, page)

    @classmethod
    def from_undecided(cls, thread: int, event: Undecided) -> Failure:
        """Keep what the run would have needed."""
        span = event.span
        where = (span.at_path, span.at_line) if span else ("", 0)
        return cls("undecided", thread, event.reason, *where, event.function)


@dataclass(frozen=True, slots=True)
class Execution:
    """One run: the schedule as it went, its steps, each thread's return value (None: none).

    ``stopped_by`` says what cut the run off before every thread ended ("" if nothing did).
    """

    schedule: Schedule
    trace: tuple[Step, ...]
    results: tuple[int | None, ...]
    failure: Failure | None
    digest: int = field(repr=False, default=0)
    stopped_by: str = ""


class Scheduler(Protocol):
    """A strategy: who makes the next step."""

    def choose(self, enabled: Sequence[int], threads: Sequence[Thread], last: int) -> int | None:
        """Return one of ``enabled``, or None to end the run here. ``last`` is -1 at first."""
        ...


Oracle = Callable[[SharedMemory, Sequence[int | None]], str]
"""Judges a run in which every thread ended: what is wrong in one line, or ""."""
