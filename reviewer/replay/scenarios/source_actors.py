"""Actors that run the tree's own rmap, split and free functions beside the reader."""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.replay.interpreter.interp import call
from reviewer.replay.interpreter.mixed import MixedThread
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.pages import Pages
from reviewer.replay.scenarios.actors import make_world, run_operation
from reviewer.replay.scenarios.scenario import Scenario, ScenarioOperation
from reviewer.replay.scheme.world import World
from reviewer.replay.source.migration import SourceScheme
from reviewer.replay.stepping.thread import Body, Oops, TreeCall, Undecided


def make_source_world(machine: Machine, pages: Pages, scenario: Scenario) -> World:
    """Bring the pages to the scenario's initial state by the tree's own functions.

    What they prepare (a deferred list, a destructor) is what they look for when they free.

    Raises:
        Undecided: one of them needs something that is not modelled.

    """

    def run(wanted: TreeCall) -> int:
        return call(machine, wanted.function, wanted.args, near=wanted.near)

    return make_world(SourceScheme(machine, pages, scenario.index), scenario, run)


def make_source_actor(
    machine: Machine, world: World, name: str, operations: Sequence[ScenarioOperation], *, cpu: int
) -> MixedThread:
    """Return a thread that does the operations; the memory must not be sealed yet.

    It is tried alone first. That it dies of itself is for the explorer to find.

    Raises:
        Undecided: the tree's functions need something that is not modelled.

    """
    start = world.copy()

    def body() -> Body:
        private = start.copy()
        for operation in operations:
            yield from run_operation(private, operation)
        return 0

    thread = MixedThread(machine, name, body, cpu=cpu)
    mark = machine.memory.mark()
    try:
        _run_alone(thread)
    except Oops:
        pass
    finally:
        machine.memory.rollback(mark)
    return thread


def _run_alone(thread: MixedThread) -> None:
    thread.start()
    while thread.kind is not None:
        if not thread.is_ready():
            raise Undecided("waits for a lock that nobody will release")
        thread.step()
