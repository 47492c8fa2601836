"""What acts beside the reader: threads that run operations of the reference model.

The model is the actor wherever the tree's own functions are not run (see source_actors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scenarios.scenario import Scenario, ScenarioOperation
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.processes import HPAGE_PMD_NR
from reviewer.replay.scheme.steps import perform
from reviewer.replay.scheme.world import World
from reviewer.replay.stepping.thread import Body, ScriptedThread, TreeCall


def make_initial(pages: Pages, scenario: Scenario) -> World:
    """Bring the pages to the scenario's initial state by the reference model.

    The caller seals the memory then.
    """
    return make_world(Scheme(pages), scenario, None)


def make_world(scheme: Scheme, scenario: Scenario, call: Callable[[TreeCall], int] | None) -> World:
    """Bring a scheme's pages to the initial state; ``call`` runs functions of the tree."""
    pages = scheme.pages
    for page in range(pages.count):
        pages.poke(page, "_mapcount", -1)
    blocks = tuple(range(0, pages.count - HPAGE_PMD_NR + 1, HPAGE_PMD_NR))
    small = range(len(blocks) * HPAGE_PMD_NR, pages.count)
    first = scenario.head // HPAGE_PMD_NR
    world = World(scheme, blocks[first:] + blocks[:first], small, scenario.index)
    for operation in scenario.initial:
        perform(run_operation(world, operation), call)
    perform(world.drain(), call)
    return world


def make_actor(world: World, name: str, operations: Sequence[ScenarioOperation]) -> ScriptedThread:
    """Return a thread that does the operations, one after the other, from the world as it is."""
    start = world.copy()

    def body() -> Body:
        private = start.copy()
        for operation in operations:
            yield from run_operation(private, operation)
        return 0

    return ScriptedThread(name, body)


def run_operation(world: World, operation: ScenarioOperation) -> Body:
    """Do one operation of a scenario in a world."""
    return operate(
        world,
        operation.process,
        operation.name,
        operation.first,
        operation.count,
        operation.arg,
    )
