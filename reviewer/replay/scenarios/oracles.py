"""What must hold at the end of an execution, and of what a reader was told.

The assertions of the tree judge themselves. Here stand the others: counters in their range,
and a count that some moment of the execution would justify.
"""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.model.witness import Schedule
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, Pages
from reviewer.replay.memory.words import Memory
from reviewer.replay.scenarios.actors import make_initial
from reviewer.replay.scenarios.scenario import Scenario
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.steps import perform
from reviewer.replay.stepping.program import Oracle, SharedMemory

LOWEST_TYPE = -100
"""A ``_mapcount`` below this is a page type (PageBuddy and the like), no count."""

COUNT_READERS = frozenset(
    {"kpagecount_read", "page_mapcount", "__page_mapcount", "folio_precise_page_mapcount"}
)
"""Functions whose answer is how often the page is mapped."""


def make_counter_oracle(pages: Pages) -> Oracle:
    """Return the oracle that no counter of any page left its range."""

    def judge(memory: SharedMemory, results: Sequence[int | None]) -> str:
        del memory, results
        for page in range(pages.count):
            count = pages.peek(page, "_mapcount")
            if LOWEST_TYPE < count < -1:
                return f"page[{page}]._mapcount is {count}"
            if pages.peek(page, "_refcount") < 0:
                return f"page[{page}]._refcount is {pages.peek(page, '_refcount')}"
        return ""

    return judge


def mapped_counts(scenario: Scenario) -> range:
    """Return how often the walker's page is mapped, least to most, while the actors run.

    The operations are run in order on the model, in a memory of their own.
    """
    memory = Memory()
    pages = Pages(memory, REFERENCE_LAYOUT, scenario.first_pfn, scenario.pages)
    pages.place()
    world = make_initial(pages, scenario)
    seen = [world.mappings(scenario.page)]
    for thread in scenario.threads:
        for op in thread.operations:
            perform(operate(world, op.process, op.name, op.first, op.count, op.arg))
            seen.append(world.mappings(scenario.page))
    return range(min(seen), max(seen) + 1)


def describe_wrong_counts(
    entry: str, returns: Sequence[tuple[int, Schedule]], allowed: range
) -> tuple[str, ...]:
    """Say which answers no moment of the execution justifies, each with a schedule."""
    if entry not in COUNT_READERS:
        return ()
    span = f"{allowed.start} to {allowed.stop - 1}"
    return tuple(
        f"{entry}() can answer {value} where the page is mapped {span} times ({schedule})"
        for value, schedule in returns
        if value not in allowed
    )
