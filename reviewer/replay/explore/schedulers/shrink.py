"""Makes a failing schedule shorter while it keeps failing in the same way.

Runs of steps are dropped, largest first (Zeller, Hildebrandt: "Simplifying and isolating
failure-inducing input", TSE 2002), and neighbouring runs of one thread joined by moving a run
over the other thread's. Each candidate is run for real, so what comes out was seen to fail.
"""

from __future__ import annotations

from reviewer.model.witness import Schedule
from reviewer.replay.explore.schedulers.drive import drive
from reviewer.replay.explore.schedulers.given import Given
from reviewer.replay.stepping.program import Execution, Failure, Oracle, Program

Runs = list[tuple[int, int]]


def shrink(
    program: Program,
    schedule: Schedule,
    failure: Failure,
    *,
    oracle: Oracle | None = None,
    attempts: int = 300,
) -> Schedule:
    """Return a schedule that ends in the same failure and is no longer than the given one.

    ``attempts`` bounds the runs spent.
    """
    search = _Shrink(program, failure, oracle, attempts)
    best = search.run(schedule)
    if best is None:
        return schedule
    changed = True
    while changed and search.attempts > 0:
        changed = False
        for candidate in _candidates(best):
            made = search.run(candidate)
            if made is not None and _size(made) < _size(best):
                best = made
                changed = True
                break
            if search.attempts <= 0:
                break
    return best


class _Shrink:
    def __init__(
        self, program: Program, failure: Failure, oracle: Oracle | None, attempts: int
    ) -> None:
        self._program = program
        self._failure = failure
        self._oracle = oracle
        self._seen: set[Schedule] = set()
        self.attempts = attempts

    def run(self, schedule: Schedule) -> Schedule | None:
        """Return the schedule as it ran, if it fails as it should."""
        if schedule in self._seen or self.attempts <= 0:
            return None
        self._seen.add(schedule)
        self.attempts -= 1
        made: Execution = drive(
            self._program,
            Given(schedule, skip=True),
            len(schedule.threads),
            oracle=self._oracle,
        )
        return made.schedule if made.failure == self._failure else None


def _size(schedule: Schedule) -> tuple[int, int]:
    return (len(schedule.threads), len(_runs(schedule)))


def _runs(schedule: Schedule) -> Runs:
    runs: Runs = []
    for thread in schedule.threads:
        if runs and runs[-1][0] == thread:
            runs[-1] = (thread, runs[-1][1] + 1)
        else:
            runs.append((thread, 1))
    return runs


def _join(runs: Runs) -> Schedule:
    return Schedule(tuple(thread for thread, count in runs for _ in range(count)))


def _candidates(schedule: Schedule) -> list[Schedule]:
    """Return shorter or less switching schedules, the boldest first."""
    runs = _runs(schedule)
    found = [_join(runs[:i] + runs[i + 1 :]) for i in range(len(runs))]
    for i, (thread, count) in enumerate(runs):
        drop = count // 2
        while drop:
            found.append(_join([*runs[:i], (thread, count - drop), *runs[i + 1 :]]))
            drop //= 2
    found += [
        _join([*runs[:i], runs[i + 1], runs[i], *runs[i + 2 :]]) for i in range(len(runs) - 1)
    ]
    return found
