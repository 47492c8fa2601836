"""Replay of a given schedule: one more strategy."""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.model.witness import Schedule
from reviewer.replay.stepping.thread import Thread


class Given:
    """Follows a schedule; ends the run when it is used up or asks for who cannot run.

    With ``skip`` a step of a thread that cannot run is left out instead (for shrinking).
    """

    def __init__(self, schedule: Schedule, *, skip: bool = False) -> None:
        self._threads = schedule.threads
        self._skip = skip
        self._next = 0

    def choose(self, enabled: Sequence[int], threads: Sequence[Thread], last: int) -> int | None:
        """Return the thread the schedule names."""
        del threads, last
        while self._next < len(self._threads):
            thread = self._threads[self._next]
            self._next += 1
            if thread in enabled:
                return thread
            if not self._skip:
                return None
        return None
