"""Builds what a scenario needs on a tree: machine, pages, reader and actors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from reviewer.model.finding import PathStep
from reviewer.model.source import SourceTree
from reviewer.replay.actors import make_actor, make_initial
from reviewer.replay.interp import make_machine
from reviewer.replay.machine import CodeSource, Machine
from reviewer.replay.oracles import mapped_counts
from reviewer.replay.pages import Pages, extract_layout
from reviewer.replay.program import Program
from reviewer.replay.readers import make_reader
from reviewer.replay.scenario import Scenario
from reviewer.replay.source_actors import make_source_actor
from reviewer.replay.thread import Thread


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
    machine = make_machine(code)
    layout = extract_layout(machine.types, code.find_enumerator)
    machine.make_pages(scenario.first_pfn, scenario.pages)
    pages = Pages(machine.memory, layout, scenario.first_pfn, scenario.pages)
    world = make_initial(pages, scenario)
    threads: list[Thread] = []
    actors: set[str] = set()
    reader = 0
    answer: Callable[[int | None], int | None] = lambda result: result  # noqa: E731 - default
    for cpu, thread in enumerate(scenario.threads):
        if thread.operations:
            made = None
            if source_actors:
                made = make_source_actor(machine, world, thread.name, thread.operations, cpu=cpu)
            if made is None:
                threads.append(make_actor(world, thread.name, thread.operations))
                actors.add("the reference model")
            else:
                threads.append(made[0])
                actors.add(_own_functions(made[1]))
            continue
        pfn = scenario.first_pfn + scenario.page
        reads = make_reader(
            machine, entry.function, pfn, name=thread.name, cpu=cpu, near=entry.path
        )
        threads.append(reads.thread)
        reader, answer = cpu, reads.answer
    machine.memory.seal()
    mapped = mapped_counts(scenario)

    def answers(results: Sequence[int | None]) -> Sequence[int | None]:
        return tuple(answer(r) if i == reader else r for i, r in enumerate(results))

    model = f"{entry.function}() and all it calls: the tree's own source"
    if actors:
        model += f"; the other threads: {' and '.join(sorted(actors))}"
    program = Program(tuple(threads), machine.memory, answers)
    return Setup(code, scenario, machine, pages, program, reader, mapped, model)


def _own_functions(by_model: str) -> str:
    own = "the tree's own rmap and allocator functions, page tables and lists by the model"
    return f"{own}, and {by_model} too" if by_model else own
