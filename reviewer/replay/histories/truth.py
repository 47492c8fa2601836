"""Runs the histories of a truth table on the reference model and says each value that differs.

The form of the file is that of the tables recorded on real kernels: ``steps`` in order, each
with the operations of processes on a 2 MiB range and what the kernel answered after them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reviewer.model.errors import BadInputError
from reviewer.replay.interpreter.interp import make_machine
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, PageLayout, Pages, extract_layout
from reviewer.replay.memory.words import Memory
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.scheme.migration import migrate
from reviewer.replay.scheme.operations import OPERATIONS, operate
from reviewer.replay.scheme.processes import HPAGE_PMD_NR
from reviewer.replay.scheme.steps import perform
from reviewer.replay.scheme.tables import CLAIMED, HEAD_FLAGS, kpagecount, kpageflags, runs, stored
from reviewer.replay.scheme.world import World
from reviewer.replay.source.calls import drops_zeros
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.stepping.thread import Body, Oops, Undecided

FIRST_PFN = 0xCF800
BLOCKS = 8
SMALL = 2048
PAGES = HPAGE_PMD_NR  # of the range, and of the page looked at


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what the kernel said, or a step that could not be run."""

    scenario: str
    step: str
    value: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.scenario}: {self.step}: {self.value}: {self.expected} is {self.got}"


def make_world(layout: PageLayout = REFERENCE_LAYOUT, first_pfn: int = FIRST_PFN) -> World:
    """Return an empty world of a few huge pages and some small ones, all free."""
    blocks = tuple(i * HPAGE_PMD_NR for i in range(BLOCKS))
    small = range(BLOCKS * HPAGE_PMD_NR, BLOCKS * HPAGE_PMD_NR + SMALL)
    memory = Memory()
    pages = Pages(memory, layout, first_pfn, small.stop)
    pages.place()
    for page in range(small.stop):
        pages.poke(page, "_mapcount", -1)
    memory.seal()
    return World(Scheme(pages), blocks, small)


class Engine(Protocol):
    """A world of processes, and what runs it and answers for it."""

    world: World
    claimed: int
    """The bits of kpageflags it answers for."""

    def perform(self, body: Body) -> int:
        """Run one operation to its end."""
        ...

    def kpagecount(self, first: int, count: int) -> tuple[int, ...]:
        """Return what /proc/kpagecount says of pages."""
        ...

    def kpageflags(self, first: int, count: int) -> tuple[int, ...]:
        """Return what /proc/kpageflags says of pages; bits that are not claimed may be missing."""
        ...


class ModelEngine:
    """The reference model: its steps move the counters, its formulas answer."""

    def __init__(self, layout: PageLayout = REFERENCE_LAYOUT) -> None:
        self.world = make_world(layout)
        # what tails say of the head's flags is up to the tree's reader, not to its layout
        self.claimed = CLAIMED if layout == REFERENCE_LAYOUT else CLAIMED & ~HEAD_FLAGS

    def perform(self, body: Body) -> int:
        """Run one operation to its end."""
        return perform(body)

    def kpagecount(self, first: int, count: int) -> tuple[int, ...]:
        """Return what the model says of pages."""
        return kpagecount(self.world.scheme, first, count)

    def kpageflags(self, first: int, count: int) -> tuple[int, ...]:
        """Return the claimed bits."""
        world = self.world
        return tuple(kpageflags(world.pages, first + i, world.zero_pages()) for i in range(count))


def make_model_engine(code: CodeSource) -> ModelEngine:
    """Return the reference model with the counters a tree's struct page has."""
    machine = make_machine(code)
    engine = ModelEngine(extract_layout(machine.types, code.find_enumerator))
    engine.world.scheme.split_drops_zeros = drops_zeros(code)
    return engine


def make_source_engine(code: CodeSource) -> SourceEngine:
    """Return an engine on a tree's own source."""
    return SourceEngine(code, FIRST_PFN, BLOCKS, SMALL)


def iter_differences(
    table: Mapping[str, object], make: Callable[[], Engine] = ModelEngine
) -> Iterator[Difference]:
    """Run every history of the table, each on a fresh engine.

    Raises:
        BadInputError: the table has not the form of a truth table.

    """
    steps = table.get("steps")
    if not isinstance(steps, list):
        raise BadInputError("truth table: no list 'steps'; give a file in the form of truth/*.json")
    history = _History(make)
    for step in steps:
        if not isinstance(step, dict):
            raise BadInputError("truth table: a step is no object; give a file as in truth/*.json")
        yield from history.run(step)


class _History:
    """The state between the steps; a history goes on while each step says so."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._scenario = ""
        self._engine = make()
        self._watched: int | None = None
        self._broken = False

    def run(self, step: Mapping[str, object]) -> Iterator[Difference]:
        name, text = str(step.get("scn", "")), str(step.get("step", ""))
        operations = _operations(step)
        maps = any(op[1].startswith("mmap_") for op in operations)
        if maps and not self._continues(name, operations):
            self._engine = self._make()
            self._watched = None
            self._broken = False
        self._scenario = name
        if self._broken:
            yield Difference(name, text, "history", "run", "not run: a step before it could not be")
            return
        try:
            for process, op, first, count, arg in operations:
                self._engine.perform(operate(self._world, process, op, first, count, arg))
        except (Undecided, Oops) as event:
            self._broken = True
            yield Difference(name, text, "history", "run", str(event))
            return
        yield from self._compare(name, text, step, self._watch(text, operations))

    @property
    def _world(self) -> World:
        return self._engine.world

    def _continues(
        self, scenario: str, operations: Sequence[tuple[str, str, int, int, int]]
    ) -> bool:
        """Say whether a mapping belongs to the history so far.

        Another process makes it, or the same one under the name the history goes by.
        """
        same = bool(scenario) and scenario == self._scenario
        return "P" in self._world.processes and (same or operations[0][0] != "P")

    def _watch(self, text: str, operations: Sequence[tuple[str, str, int, int, int]]) -> int | None:
        """Choose the page looked at: the first one P mapped, unless the text names another.

        A page that has moved is looked at where it is now.
        """
        if any(OPERATIONS.get(op[1]) is migrate for op in operations):
            self._watched = None
        if self._watched is None:
            index = operations[-1][2] if operations else 0
            for at in (0, index):
                found = self._world.page_at("P", at)
                if found is not None:
                    self._watched = self._world.head_of(found)
                    break
        named = re.search(r"view of (\w+) page", text) or re.match(r"(\w+) COWs: new page", text)
        found = self._world.page_at(named[1], 0) if named else None
        return self._watched if found is None else self._world.head_of(found)

    def _compare(
        self, name: str, text: str, step: Mapping[str, object], first: int | None
    ) -> Iterator[Difference]:
        counts, flags = _runs(step.get("kpagecount")), _runs(step.get("kpageflags"))
        raw = step.get("raw")
        if not (counts or flags or raw):
            return  # the step only does something
        if first is None:
            yield Difference(name, text, "page", "mapped", "nothing is mapped")
            return
        if counts:
            got = runs(self._engine.kpagecount(first, _length(counts)))
            if got != counts:
                yield Difference(name, text, "kpagecount", _spell(counts), _spell(got))
        if flags:
            claimed = self._engine.claimed
            wanted = _claimed(flags, claimed)
            seen = runs(v & claimed for v in self._engine.kpageflags(first, _length(flags)))
            if seen != wanted:
                yield Difference(name, text, "kpageflags", _spell(wanted, "#x"), _spell(seen, "#x"))
        if isinstance(raw, dict):
            have = stored(self._world.pages, first, _length(counts or flags) or PAGES)
            for key, value in raw.items():
                if key in have and have[key] != value:
                    yield Difference(name, text, key, str(value), str(have[key]))


def _length(found: Sequence[tuple[int, int, int]]) -> int:
    """Return how many pages runs are about."""
    return sum(count for _, count, _ in found)


def _operations(step: Mapping[str, object]) -> list[tuple[str, str, int, int, int]]:
    found = []
    operations = step.get("ops", [])
    if not isinstance(operations, list):
        raise BadInputError("truth table: ops is a list of [process, name, first, count, arg]")
    for op in operations:
        if not isinstance(op, list) or len(op) < 5:
            raise BadInputError("truth table: an operation is [process, name, first, count, arg]")
        first, count, arg = (_number(word) for word in op[2:5])
        found.append((str(op[0]), str(op[1]), first, count, arg))
    return found


def _runs(value: object) -> tuple[tuple[int, int, int], ...]:
    """Read runs that follow one another from page 0 on; none where the step does not say."""
    found: list[tuple[int, int, int]] = []
    if value is not None and not isinstance(value, list):
        raise BadInputError("truth table: kpagecount and kpageflags are lists of runs")
    for run in value or []:
        if not isinstance(run, list) or len(run) != 3:
            raise BadInputError("truth table: a run is [first page, count, value]")
        first, count, number = (_number(word) for word in run)
        if first != _length(found) or not 0 < count <= PAGES - first:
            raise BadInputError(
                f"truth table: the run {run} does not follow the one before it, or ends beyond "
                f"page {PAGES}"
            )
        found.append((first, count, number))
    return tuple(found)


def _number(word: object) -> int:
    try:
        return int(str(word), 0)
    except ValueError:
        raise BadInputError(f"truth table: {word!r} stands where a number must") from None


def _claimed(
    wanted: Sequence[tuple[int, int, int]], claimed: int
) -> tuple[tuple[int, int, int], ...]:
    return runs(value & claimed for _, count, value in wanted for _ in range(count))


def _spell(wanted: Sequence[tuple[int, int, int]], form: str = "d") -> str:
    return " ".join(f"{first}-{first + count - 1}:{value:{form}}" for first, count, value in wanted)
