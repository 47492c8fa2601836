"""What can be seen in the middle of an operation, and what happens if one is interrupted.

Both run the tree's own functions step by step. A reader looks at every moment, at once: it
must not see a page less mapped than it is before and after. The interruption is one
preemption at each place of the source that the operation passes: the other process does all
of its own there. (That is not every interleaving: loops are interrupted where they begin
and end.)
"""

from __future__ import annotations

from reviewer.replay.histories.rules import iter_broken, spell_times
from reviewer.replay.interpreter.mixed import MixedThread
from reviewer.replay.scenarios.actors import run_operation
from reviewer.replay.scenarios.scenario import ScenarioOperation
from reviewer.replay.scheme.world import World
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.stepping.thread import AccessKind, Undecided

WATCHED = 397
LOOKED_AT = 8  # pages whose counts are read after each interruption; all are at the end
DEFERRED = "THP_DEFERRED_SPLIT_PAGE"


def run_watched(engine: SourceEngine, operation: ScenarioOperation) -> tuple[str, ...]:
    """Do an operation while a reader looks; return what it must not have seen.

    Raises:
        Oops: the simulated kernel died of the operation.
        Undecided: the operation needs something that is not modelled.

    """
    world = engine.world
    before = world.mappings(WATCHED)
    thread = _start(engine, world, operation)
    least, where = before, ""
    queued = _events(engine)
    wrong = []
    looked_at = engine.peek_count(WATCHED)[1]
    while thread.kind is not None:
        matters = thread.address >> 3 in looked_at and thread.kind is not AccessKind.LOAD
        place = _place(thread) if matters else ""
        _step(thread)
        if before and matters:
            seen, looked_at = engine.peek_count(WATCHED)
            if seen is not None and seen < least:
                least, where = seen, place
        if _events(engine) != queued:
            queued = _events(engine)
            if not any(engine.kpagecount(0, engine.huge_pages)):
                wrong.append("a page that nobody maps is queued for a deferred split")
    if least < min(before, world.mappings(WATCHED)):
        wrong.append(
            f"page[{WATCHED}], mapped {spell_times(before)} before and "
            f"{spell_times(world.mappings(WATCHED))} after, is seen mapped "
            f"{spell_times(least)} in between ({where})"
        )
    return tuple(wrong)


def run_interrupted(
    engine: SourceEngine, operation: ScenarioOperation, beside: ScenarioOperation
) -> tuple[str, ...]:
    """Do both operations, and try the other one at each place of the first.

    The state afterwards is that of one after the other. Returned is what the first
    interruption that breaks a rule leaves.

    Raises:
        Oops: the simulated kernel died of an operation.
        Undecided: an operation needs something that is not modelled.

    """
    memory = engine.machine.memory
    start, mark = engine.world, memory.mark()

    def again() -> World:
        memory.rollback(mark)
        engine.world = start.copy()
        return engine.world

    wrong: tuple[str, ...] = ()
    for at, place in _places(_start(engine, again(), operation)):
        world = again()
        first = _start(engine, world, operation)
        for _ in range(at):
            _step(first)
        second = _start(engine, world, beside, cpu=1)
        if not _finish(second):
            continue  # it waits for a lock the first one holds: no such moment
        if not _finish(first):
            raise Undecided("waits for a lock that nobody will release")
        left = tuple(iter_broken(engine, dict(enumerate(engine.kpagecount(0, LOOKED_AT)))))
        if left:
            wrong = tuple(f"{rule}, if interrupted before {place}" for rule in left)
            break
    world = again()
    for each in (operation, beside):
        if not _finish(_start(engine, world, each)):
            raise Undecided("waits for a lock that nobody will release")
    return wrong


def _places(thread: MixedThread) -> list[tuple[int, str]]:
    """Run a thread; return the steps at which it first comes to a place, and last leaves it."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    number = 0
    while thread.kind is not None:
        place = _place(thread)
        first.setdefault(place, number)
        last[place] = number + 1
        _step(thread)
        number += 1
    at = {step: place for place, step in (*last.items(), *first.items()) if 0 < step < number}
    return sorted(at.items())


def _start(
    engine: SourceEngine, world: World, operation: ScenarioOperation, cpu: int = 0
) -> MixedThread:
    thread = MixedThread(
        engine.machine, operation.process, lambda: run_operation(world, operation), cpu=cpu
    )
    thread.start()
    return thread


def _step(thread: MixedThread) -> None:
    if not thread.is_ready():
        raise Undecided("waits for a lock that nobody will release")
    thread.step()


def _finish(thread: MixedThread) -> bool:
    """Run a thread to its end; say whether it got there."""
    while thread.kind is not None:
        if not thread.is_ready():
            return False
        thread.step()
    return True


def _place(thread: MixedThread) -> str:
    access = thread.access()
    return f"{access.path}:{access.line} in {access.function}()"


def _events(engine: SourceEngine) -> int:
    return engine.statistics((DEFERRED,), "vm_event").get(DEFERRED, 0)
