"""What the reduction saves: the same answers from fewer states; and how fast it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.replay.explore.exploration import Exploration, Limits
from reviewer.replay.explore.systematic import Explorer
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, Pages
from reviewer.replay.memory.words import Memory
from reviewer.replay.scenarios.actors import make_actor, make_initial
from reviewer.replay.scenarios.scenario import find_scenarios, load_scenario
from reviewer.replay.stepping.program import Program
from reviewer.replay.stepping.thread import Body, ScriptedThread, Thread


def explore(name: str, limits: Limits) -> Exploration:
    scenario = load_scenario(find_scenarios(), name)
    memory = Memory()
    pages = Pages(memory, REFERENCE_LAYOUT, scenario.first_pfn, scenario.pages)
    pages.place()
    world = make_initial(pages, scenario)
    memory.seal()

    def count() -> Body:
        return (yield from world.scheme.page_mapcount(scenario.page))

    threads: list[Thread] = [
        make_actor(world, thread.name, thread.operations)
        if thread.operations
        else ScriptedThread(thread.name, count)
        for thread in scenario.threads
    ]
    return Explorer(Program(tuple(threads), memory), limits).explore()


@pytest.mark.parametrize(
    ("name", "ratio"), [("unmap-under-reader", 5), ("split-pmd-under-reader", 50)]
)
def test_the_reduction_keeps_every_answer_and_most_states_away(name: str, ratio: int) -> None:
    full = explore(name, Limits(preemptions=1, reduce=False, states=200_000))
    less = explore(name, Limits(preemptions=1))
    assert full.stopped_by == less.stopped_by == ""
    assert set(full.finals) == set(less.finals)
    assert full.states > ratio * less.states


@pytest.mark.bench
def test_bound_2_of_a_free_under_a_reader(benchmark: Callable[..., Exploration]) -> None:
    found = benchmark(explore, "free-under-reader", Limits(preemptions=2))
    assert found.bound == 2
