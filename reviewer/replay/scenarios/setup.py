"""Builds what a scenario needs on a tree: machine, pages, reader and actors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from reviewer.model.finding import PathStep
from reviewer.model.source import SourceTree
from reviewer.replay.interpreter.entrypoints import make_reader
from reviewer.replay.interpreter.interp import make_machine
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.pages import Pages, extract_layout
from reviewer.replay.scenarios.actors import make_actor, make_initial
from reviewer.replay.scenarios.oracles import mapped_counts
from reviewer.replay.scenarios.scenario import Scenario, ScenarioThread
from reviewer.replay.scenarios.source_actors import make_source_actor, make_source_world
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.source.migration import SourceScheme
from reviewer.replay.stepping.program import Program
from reviewer.replay.stepping.thread import Thread, Undecided


class TreeCode(CodeSource, Protocol):
    """A code base together with the tree it reads (``CodeBase``)."""

    source: SourceTree


@dataclass(frozen=True, slots=True)
class Setup:
    """A scenario ready to run. ``reader`` is the index of the thread that reads.

    ``mapped`` is how often the walker's page is mapped, at least and at most. ``model`` says
    which part is the tree's own source and which the reference model.
    """

    code: TreeCode
    scenario: Scenario
    machine: Machine
    pages: Pages
    program: Program
    reader: int
    mapped: range
    model: str


def make_setup(
    code: TreeCode, scenario: Scenario, entry: PathStep, *, source_actors: bool = False
) -> Setup:
    """Make the machine and its threads.

    With ``source_actors`` the actors run the tree's own functions where they can be run.

    Raises:
        Undecided: the tree lacks something that is needed, or the entry cannot be set up.

    """
    if source_actors:
        try:
            return _make(code, scenario, entry, by_source=True)
        except Undecided:
            pass  # then the reference model acts, and the answer says so
    return _make(code, scenario, entry, by_source=False)


def _make(code: TreeCode, scenario: Scenario, entry: PathStep, *, by_source: bool) -> Setup:
    machine = make_machine(code)
    layout = extract_layout(machine.types, code.find_enumerator)
    machine.make_pages(scenario.first_pfn, scenario.pages)
    pages = Pages(machine.memory, layout, scenario.first_pfn, scenario.pages)
    if by_source:
        world = make_source_world(machine, pages, scenario)
    else:
        world = make_initial(pages, scenario)
    threads: list[Thread] = []
    reader = 0
    answer: Callable[[int | None], int | None] = lambda result: result  # noqa: E731 - default
    for cpu, thread in enumerate(scenario.threads):
        name = _name(thread, entry)
        if thread.operations:
            if by_source:
                threads.append(make_source_actor(machine, world, name, thread.operations, cpu=cpu))
            else:
                threads.append(make_actor(world, name, thread.operations))
            continue
        pfn = scenario.first_pfn + scenario.page
        reads = make_reader(machine, entry.function, pfn, name=name, cpu=cpu, near=entry.path)
        threads.append(reads.thread)
        reader, answer = cpu, reads.answer
    machine.memory.seal()
    mapped = mapped_counts(scenario)

    def answers(results: Sequence[int | None]) -> Sequence[int | None]:
        return tuple(answer(r) if i == reader else r for i, r in enumerate(results))

    model = f"{entry.function}() and all it calls: the tree's own source"
    if len(threads) > 1:
        model += f"; the other threads: {_actors(world.scheme)}"
    program = Program(tuple(threads), machine.memory, answers)
    return Setup(code, scenario, machine, pages, program, reader, mapped, model)


def _name(thread: ScenarioThread, entry: PathStep) -> str:
    """Name a thread after what it does: ``kpageflags_read``, ``munmap by P``."""
    if not thread.operations:
        return entry.function
    named = [f"{operation.name} by {operation.process}" for operation in thread.operations]
    return ", ".join(dict.fromkeys(named))


def _actors(scheme: Scheme) -> str:
    """Say whose steps the actors make."""
    if not isinstance(scheme, SourceScheme):
        return "the reference model"
    own = "the tree's own rmap and allocator functions, page tables and lists by the model"
    missing = ", ".join(sorted(scheme.by_model))
    return f"{own}, and {missing} too" if missing else own
