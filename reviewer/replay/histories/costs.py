"""What counting costs: atomic operations and cache lines per operation, for two schemes.

The seed's claim, counted on the model: the straightforward scheme counts in each page, the
seed's counts a mapping of the whole in one word. Cache lines are 64 bytes of struct page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reviewer.replay.histories.truth import make_world
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, PageLayout
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.processes import HPAGE_PMD_ORDER
from reviewer.replay.scheme.steps import iter_accesses, perform
from reviewer.replay.scheme.world import World
from reviewer.replay.stepping.thread import AccessKind, Body

CACHE_LINE = 64


@dataclass(frozen=True, slots=True)
class Cost:
    """``atomics`` are atomic read-modify-write operations, ``lines`` distinct cache lines."""

    operation: str
    scheme: str
    atomics: int
    lines: int


def _layout(*without: str) -> PageLayout:
    """Return the layout of 6.1 without some names, and without PG_anon_exclusive.

    That flag is years younger than the seed and costs both schemes the same.
    """
    gone = {*without, "PG_anon_exclusive"}
    return PageLayout(
        REFERENCE_LAYOUT.size,
        {k: v for k, v in REFERENCE_LAYOUT.places.items() if k not in gone},
        {k: v for k, v in REFERENCE_LAYOUT.flags.items() if k not in gone},
    )


STRAIGHTFORWARD = _layout("compound_mapcount", "PG_double_map")
"""Without a compound count the model counts in each page."""

SEED = _layout()

Operation = tuple[str, Callable[[World], None], Callable[[World], Body]]


def _before(*operations: tuple[str, str, int, int]) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        for process, name, first, count in operations:
            perform(operate(world, process, name, first, count, 1))

    return prepare


_MAPPED = (("P", "mmap_anon", 0, 512), ("P", "fault_write", 0, 1))
_SHARED = (*_MAPPED, ("P", "fork", 1, 0))


def _allocate(world: World) -> None:
    perform(world.alloc(HPAGE_PMD_ORDER, "anon"))


_MEASURED: tuple[Operation, ...] = (
    ("map a new page by PMD", _allocate, lambda w: w.map_new_anon(0, HPAGE_PMD_ORDER, 0)),
    ("fork (map again by PMD)", _before(*_MAPPED), lambda w: operate(w, "P", "fork", 1)),
    ("unmap a PMD, others left", _before(*_SHARED), lambda w: operate(w, "C1", "munmap", 0, 512)),
    ("split a PMD, none left", _before(*_MAPPED), lambda w: operate(w, "P", "mprotect_ro", 5, 1)),
    (
        "split a PMD, others left",
        _before(*_SHARED),
        lambda w: operate(w, "C1", "mprotect_ro", 5, 1),
    ),
    (
        "unmap one PTE",
        _before(*_SHARED, ("C1", "mprotect_ro", 5, 1)),
        lambda w: operate(w, "C1", "munmap", 7, 1),
    ),
    ("read page_mapcount of a tail", _before(*_SHARED), lambda w: w.scheme.page_mapcount(397)),
)


def measure() -> tuple[Cost, ...]:
    """Count each operation under both schemes, on one huge page of 512."""
    found = []
    for name, prepare, make in _MEASURED:
        for scheme, layout in (("each page", STRAIGHTFORWARD), ("seed", SEED)):
            world = make_world(layout)
            prepare(world)
            accesses = list(iter_accesses(make(world)))
            atomics = sum(1 for access in accesses if access.kind is AccessKind.RMW)
            lines = len({access.address // CACHE_LINE for access in accesses})
            found.append(Cost(name, scheme, atomics, lines))
    return tuple(found)


def render_costs(costs: tuple[Cost, ...]) -> str:
    """Return the table: one line an operation, both schemes side by side."""
    width = max(len(cost.operation) for cost in costs)
    lines = [f"{'':{width}}  {'each page':>20}  {'seed':>20}"]
    lines.append(f"{'':{width}}  {'atomics':>10}{'lines':>10}  {'atomics':>10}{'lines':>10}")
    for plain, seed in zip(costs[::2], costs[1::2], strict=True):
        lines.append(
            f"{plain.operation:{width}}  {plain.atomics:>10}{plain.lines:>10}"
            f"  {seed.atomics:>10}{seed.lines:>10}"
        )
    return "\n".join(lines) + "\n"
