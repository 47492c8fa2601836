"""Scenarios as data, and what the model's own reader can be told in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reviewer.model.errors import BadInputError
from reviewer.model.witness import Schedule
from reviewer.replay.explore.exploration import Exploration, Limits
from reviewer.replay.explore.schedulers.drive import drive
from reviewer.replay.explore.schedulers.given import Given
from reviewer.replay.explore.systematic import Explorer
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, Pages
from reviewer.replay.memory.words import Memory
from reviewer.replay.scenarios.actors import make_actor, make_initial
from reviewer.replay.scenarios.scenario import (
    Scenario,
    find_scenarios,
    load_scenario,
    parse_scenario,
)
from reviewer.replay.stepping.program import Program
from reviewer.replay.stepping.thread import AssertionFired, Body, ScriptedThread, Thread


def scenario_names() -> list[str]:
    names = sorted(path.stem for path in find_scenarios().glob("*.toml"))
    return [name for name in names if load_scenario(find_scenarios(), name).threads]


def model_program(scenario: Scenario, *, asserts: bool = False) -> Program:
    memory = Memory()
    pages = Pages(memory, REFERENCE_LAYOUT, scenario.first_pfn, scenario.pages)
    pages.place()
    world = make_initial(pages, scenario)
    memory.seal()

    def count() -> Body:
        return (yield from world.scheme.page_mapcount(scenario.page))

    def assert_head() -> Body:
        head = yield from world.scheme.compound_head(scenario.page)
        flags = yield world.scheme.steps.load("PageHead", head, "flags")
        if head != scenario.page and not flags & world.scheme.head_bit:
            address = pages.address(head)
            raise AssertionFired("VM_BUG_ON_PAGE(!PageHead(page))", address, "x.h", 1, "PageHead")
        return 0

    threads: list[Thread] = []
    for thread in scenario.threads:
        if thread.operations:
            threads.append(make_actor(world, thread.name, thread.operations))
        else:
            threads.append(ScriptedThread(thread.name, assert_head if asserts else count))
    return Program(tuple(threads), memory)


def values(found: Exploration) -> dict[int, Schedule]:
    return {k[0]: v for k, v in found.finals.items() if k[0] is not None}


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_of_the_corpus_runs_and_begins_with_its_result(name: str) -> None:
    scenario = load_scenario(find_scenarios(), name)
    assert scenario.id == name
    first = (find_scenarios() / f"{name}.toml").read_text().splitlines()[0]
    assert first.lower().startswith(f"# result: {scenario.result}")
    found = Explorer(model_program(scenario), Limits()).explore()
    assert found.stopped_by == ""
    assert found.bound == 2
    assert not found.failures
    assert found.finals


def test_while_a_pmd_is_split_a_reader_is_told_what_the_real_kernel_told() -> None:
    scenario = load_scenario(find_scenarios(), "split-pmd-under-reader")
    program = model_program(scenario)
    found = Explorer(program, Limits(preemptions=None)).explore()
    assert found.bound is None
    told = values(found)
    assert set(told) >= {1, 2}
    assert set(told) == {0, 1, 2}  # 0: _mapcount read before it rose, the whole's after it fell
    for value, schedule in told.items():
        assert drive(program, Given(schedule), 10_000).results[0] == value


def test_the_seeds_race_needs_one_preemption_and_few_states() -> None:
    scenario = load_scenario(find_scenarios(), "free-under-reader")
    found = Explorer(model_program(scenario, asserts=True), Limits()).explore()
    assert [f.failure.text for f in found.failures] == ["VM_BUG_ON_PAGE(!PageHead(page))"]
    assert found.failures[0].preemptions == 1
    assert found.finals
    assert found.states < 200


def bad_texts() -> Iterator[str]:
    head = 'id = "x"\nsummary = "y"\nresult = "never"\n'
    yield "id = "
    yield head
    yield head.replace('id = "x"', "id = 7") + '[[threads]]\nname = "CPU 0"\n'
    yield head + "page = -1\n" + '[[threads]]\nname = "CPU 0"\n'
    yield head + "[[threads]]\n"
    yield head + '[[threads]]\nname = "CPU 0"\noperations = ["P frobnicate"]\n'
    yield head + '[[threads]]\nname = "CPU 0"\noperations = ["P munmap x"]\n'
    yield head + '[[threads]]\nname = "CPU 0"\noperations = "P munmap 0 1"\n'
    yield head + "threads = [1]\n"


@pytest.mark.parametrize("text", list(bad_texts()))
def test_what_is_no_scenario_is_one_line_of_bad_input(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_scenario(text, "bad.toml")
    assert "bad.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="free-under-reader"):
        load_scenario(find_scenarios(), "nothing-like-it")
