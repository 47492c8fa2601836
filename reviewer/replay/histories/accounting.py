"""The accounting of a tree: one history of maps and unmaps on its own source, and what it leaves.

Nothing runs beside it. Each row says what the counters, the statistics and the split queue
are after a step; ``find_broken`` names the rules a row breaks, ``compare`` the rows in which
two trees differ: the evidence for a counter that a patch no longer keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reviewer.replay.machine.machine import CodeSource
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.tables import runs
from reviewer.replay.scheme.world import HPAGE_PMD_NR
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.stepping.thread import Oops, Undecided

FIRST_PFN = 0xCF800
SMALL = 16
STATISTICS = (
    "NR_ANON_MAPPED",
    "NR_FILE_MAPPED",
    "NR_ANON_THPS",
    "NR_SHMEM_PMDMAPPED",
    "NR_FILE_PMDMAPPED",
)

EVENTS = ("THP_DEFERRED_SPLIT_PAGE", "THP_SPLIT_PMD")

Operation = tuple[str, str, int, int]

HISTORIES: tuple[tuple[str, tuple[Operation, ...]], ...] = (
    (
        "anonymous huge page",
        (
            ("P", "mmap_anon", 0, 512),
            ("P", "fault_write", 0, 1),
            ("P", "fork", 1, 0),
            ("C1", "mprotect_ro", 5, 1),
            ("C1", "munmap", 0, 100),
            ("P", "mprotect_ro", 7, 1),
            ("P", "munmap", 0, 100),
            ("C1", "exit", 0, 0),
            ("P", "munmap", 100, 412),
        ),
    ),
    (
        "huge page mapped whole twice",
        (
            ("P", "mmap_anon", 0, 512),
            ("P", "fault_write", 0, 1),
            ("P", "fork", 1, 0),
            ("C1", "mprotect_ro", 5, 1),
            ("C1", "exit", 0, 0),
            ("P", "munmap", 0, 512),
        ),
    ),
    (
        "shared memory",
        (
            ("P", "mmap_shmem", 0, 512),
            ("P", "fault_write", 0, 1),
            ("P", "fork", 1, 0),
            ("C1", "munmap", 0, 512),
            ("P", "munmap", 0, 512),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class AccountingRow:
    """What holds after a step: names and values. ``broken`` are the rules it breaks."""

    history: str
    step: str
    values: tuple[tuple[str, str], ...]
    broken: tuple[str, ...]


def run_accounting(code: CodeSource) -> tuple[AccountingRow, ...]:
    """Run every history on a tree's own source; one that cannot go on ends with its reason."""
    rows: list[AccountingRow] = []
    for name, operations in HISTORIES:
        rows.extend(_run(code, name, operations))
    return tuple(rows)


def compare(
    before: Sequence[AccountingRow], after: Sequence[AccountingRow]
) -> tuple[tuple[AccountingRow | None, AccountingRow | None], ...]:
    """Return the pairs of rows in which two trees differ."""
    old = {(row.history, row.step): row for row in before}
    new = {(row.history, row.step): row for row in after}
    keys = [*old, *(key for key in new if key not in old)]
    return tuple((old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k))


def _run(code: CodeSource, name: str, operations: Sequence[Operation]) -> Iterator[AccountingRow]:
    try:
        engine = SourceEngine(code, FIRST_PFN, 2, SMALL)
    except Undecided as event:
        yield AccountingRow(name, "set up", (("undecided", event.reason),), ())
        return
    for index, (process, operation, first, count) in enumerate(operations):
        step = f"{index + 1}. {process} {operation} {first} {count}"
        try:
            engine.perform(operate(engine.world, process, operation, first, count, 1))
            yield _row(engine, name, step)
        except Undecided as event:
            yield AccountingRow(name, step, (("undecided", event.reason),), ())
            return
        except Oops as event:
            where = f"{event.path}:{event.line}"
            yield AccountingRow(name, step, (), (f"dies of {event.text} at {where}",))
            return


def _row(engine: SourceEngine, name: str, step: str) -> AccountingRow:
    counts = engine.kpagecount(0, HPAGE_PMD_NR)
    statistics = engine.statistics(STATISTICS)
    queued = engine.split_queue_length()
    values = [("kpagecount", _spell(counts)), ("deferred split", str(queued))]
    values += [(key, str(value)) for key, value in statistics.items()]
    events = engine.statistics(EVENTS, "vm_event")
    values += [(key, str(value)) for key, value in events.items()]
    return AccountingRow(name, step, tuple(values), tuple(_broken(engine, counts, statistics)))


def _spell(counts: Sequence[int]) -> str:
    return " ".join(f"{at}-{at + n - 1}:{value}" for at, n, value in runs(counts))


def _broken(
    engine: SourceEngine, counts: Sequence[int], statistics: dict[str, int]
) -> Iterator[str]:
    """Name the rules that do not hold: counts that say what is mapped, statistics that return."""
    world = engine.world
    mapped = [world.mappings(page) for page in range(HPAGE_PMD_NR)]
    wrong = [page for page in range(HPAGE_PMD_NR) if counts[page] != mapped[page]]
    if wrong:
        page = wrong[0]
        yield f"page[{page}] is mapped {mapped[page]} times, kpagecount says {counts[page]}"
    for key, value in statistics.items():
        if value < 0 or (value and not any(mapped)):
            yield f"{key} is {value} with {sum(m > 0 for m in mapped)} pages mapped"
    if engine.split_queue_length() and not any(mapped):
        yield "a page that nobody maps waits for a split"
