"""Actors that run the tree's own rmap, split and free functions beside the reader."""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.replay.actors import run_operation
from reviewer.replay.machine import Machine
from reviewer.replay.mixed import MixedThread
from reviewer.replay.scenario import ScenarioOperation
from reviewer.replay.source_scheme import SourceScheme
from reviewer.replay.thread import Body, Oops, Undecided
from reviewer.replay.world import World


def make_source_actor(
    machine: Machine, world: World, name: str, operations: Sequence[ScenarioOperation], *, cpu: int
) -> tuple[MixedThread, str] | None:
    """Return a thread that does the operations, and what in them stayed with the model.

    It is tried alone first, before the memory is sealed: None when the tree's functions need
    something that is not modelled, so that the reference model acts instead.
    """
    scheme = SourceScheme(machine, world.pages, world.index)
    start = world.copy()
    start.scheme = scheme

    def body() -> Body:
        private = start.copy()
        for operation in operations:
            yield from run_operation(private, operation)
        return 0

    thread = MixedThread(machine, name, body, cpu=cpu)
    mark = machine.memory.mark()
    try:
        _run_alone(thread)
    except Undecided:
        return None
    except Oops:
        pass  # it dies of itself: that is for the explorer to find
    finally:
        machine.memory.rollback(mark)
    return thread, ", ".join(sorted(scheme.by_model))


def _run_alone(thread: MixedThread) -> None:
    thread.start()
    while thread.kind is not None:
        if not thread.is_ready():
            raise Undecided("waits for a lock that nobody will release")
        thread.step()
