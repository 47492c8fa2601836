"""Many runs of a random strategy, summed up like an exploration. Proves nothing by silence."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from reviewer.model.witness import Schedule
from reviewer.replay.explore.exploration import Exploration, Found, Limits
from reviewer.replay.explore.schedulers.drive import drive
from reviewer.replay.explore.schedulers.pct import Pct
from reviewer.replay.explore.schedulers.walk import RandomWalk
from reviewer.replay.stepping.program import Failure, Oracle, Program, Scheduler

RUNS = 100
PCT_DEPTH = 3

STRATEGIES = ("exhaustive", "random", "pct")


def sample(
    program: Program,
    strategy: str,
    seed: int,
    limits: Limits,
    oracle: Oracle | None = None,
    progress: Callable[[int], None] | None = None,
) -> Exploration:
    """Run the program ``RUNS`` times by a strategy ("random" or "pct"), seeds counted up.

    ``limits.states`` bounds the steps of all runs together.
    """
    failures: dict[Failure, Found] = {}
    finals: dict[tuple[int | None, ...], Schedule] = {}
    steps = 0
    length = 64
    ends = monotonic() + limits.seconds
    stopped = f"{RUNS} runs"
    run = 0
    for run in range(RUNS):
        if steps >= limits.states or monotonic() >= ends:
            stopped = "states" if steps >= limits.states else "seconds"
            break
        scheduler = _make(strategy, seed + run, len(program.threads), length)
        done = drive(program, scheduler, limits.steps, oracle=oracle)
        length = max(length, len(done.schedule.threads))
        steps += len(done.schedule.threads)
        if done.failure is not None:
            known = failures.get(done.failure)
            if known is None or len(done.schedule.threads) < len(known.schedule.threads):
                switches = _switches(done.schedule)
                failures[done.failure] = Found(done.failure, done.schedule, switches)
        elif not done.stopped_by:
            finals.setdefault(done.results, done.schedule)
        if progress is not None and run % 16 == 0:
            progress(run)
    order = sorted(failures.values(), key=lambda found: len(found.schedule.threads))
    return Exploration(
        failures=tuple(order),
        finals=finals,
        states=steps,
        transitions=steps,
        executions=run + 1,
        interpreted=steps,
        bound=-1,
        stopped_by=f"{stopped} ({strategy}, seeds from {seed})",
        contended=frozenset(),
    )


def _make(strategy: str, seed: int, threads: int, length: int) -> Scheduler:
    if strategy == "pct":
        return Pct(seed, threads, PCT_DEPTH, length)
    return RandomWalk(seed)


def _switches(schedule: Schedule) -> int:
    """Count the switches: an upper bound of the preemptions."""
    pairs = zip(schedule.threads, schedule.threads[1:], strict=False)
    return sum(1 for one, other in pairs if one != other)
