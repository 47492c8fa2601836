"""The accounting of a tree: histories of maps and unmaps on its own source, and what they leave.

Each row says what the counters, the statistics and the split queue are after a step, and
which rules the step broke: at its end (see ``rules``), at a moment of it that a reader could
see, or because another process did something in the middle (see ``moments``). Two trees are
compared row by row: the evidence for a counter that a patch no longer keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reviewer.replay.histories.moments import run_interrupted, run_watched
from reviewer.replay.histories.rules import iter_broken
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.scenarios.scenario import History, HistoryStep, ScenarioOperation
from reviewer.replay.scheme.processes import HPAGE_PMD_NR
from reviewer.replay.scheme.tables import runs
from reviewer.replay.source.driver import Driver
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.source.pagemap import read_exclusive
from reviewer.replay.stepping.thread import Oops, Undecided

FIRST_PFN = 0xCF800
BLOCKS = 3
SMALL = 32
STATISTICS = (
    "NR_ANON_MAPPED",
    "NR_FILE_MAPPED",
    "NR_ANON_THPS",
    "NR_SHMEM_PMDMAPPED",
    "NR_FILE_PMDMAPPED",
)

EVENTS = ("THP_DEFERRED_SPLIT_PAGE", "THP_SPLIT_PMD")


@dataclass(frozen=True, slots=True)
class AccountingRow:
    """What holds after a step: names and values. ``broken`` are the rules it breaks.

    ``raced``: it takes another process in the middle to break them. ``undecided`` says what
    the step needs that is not modelled; the history ends there.
    """

    history: str
    step: str
    values: tuple[tuple[str, str], ...] = ()
    broken: tuple[str, ...] = ()
    raced: bool = False
    undecided: str = ""


@dataclass(frozen=True, slots=True)
class Accounting:
    """The rows of a tree, and the functions of it that ran, as (path, name).

    ``driver`` names the driver that took part, for a reader.
    """

    rows: tuple[AccountingRow, ...]
    ran: frozenset[tuple[str, str]]
    driver: str = ""


def run_accounting(
    code: CodeSource, histories: Sequence[History], driver: Driver | None = None
) -> Accounting:
    """Run the histories on a tree's own source; one that cannot go on ends with its reason.

    Those that a driver takes part in are run if there is one, the others if there is none.
    """
    rows: list[AccountingRow] = []
    ran: set[tuple[str, str]] = set()
    for history in histories:
        if bool(history.given) != (driver is not None):
            continue
        name = history.name if driver is None else f"{history.name}: {driver.path}"
        try:
            engine = SourceEngine(code, FIRST_PFN, BLOCKS, SMALL)
            if driver is not None:
                engine.add_driver(driver, dict(history.given))
        except Undecided as event:
            rows.append(AccountingRow(name, "set up", undecided=str(event)))
            continue
        rows.extend(_run(engine, name, history.steps))
        ran |= engine.machine.functions()
    return Accounting(tuple(rows), frozenset(ran), f", {driver.path}" if driver else "")


def compare(
    before: Sequence[AccountingRow], after: Sequence[AccountingRow]
) -> tuple[tuple[AccountingRow | None, AccountingRow | None], ...]:
    """Return the pairs of rows in which two trees differ."""
    old = {(row.history, row.step): row for row in before}
    new = {(row.history, row.step): row for row in after}
    keys = [*old, *(key for key in new if key not in old)]
    return tuple((old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k))


def _run(
    engine: SourceEngine, history: str, steps: Sequence[HistoryStep]
) -> Iterator[AccountingRow]:
    for number, step in enumerate(steps, start=1):
        name = f"{number}. {_spell(step)}"
        try:
            broken = _perform(engine, step)
            yield _row(engine, history, name, broken, raced=step.beside is not None)
        except Undecided as event:
            yield AccountingRow(history, name, undecided=str(event))
            return
        except Oops as event:
            dies = f"dies of {event.text} at {event.path}:{event.line}"
            yield AccountingRow(history, name, broken=(dies,))
            return


def _perform(engine: SourceEngine, step: HistoryStep) -> tuple[str, ...]:
    """Do a step; return what was wrong in the middle of it, or by an interruption."""
    if step.beside is None:
        return run_watched(engine, step.operation)
    return run_interrupted(engine, step.operation, step.beside)


def _row(
    engine: SourceEngine, history: str, step: str, broken: tuple[str, ...], *, raced: bool
) -> AccountingRow:
    counts = _read_counts(engine)
    values = [("kpagecount", _spell_counts(counts))]
    values.append(("deferred split", str(engine.split_queue_length())))
    values += [(key, str(value)) for key, value in engine.statistics(STATISTICS).items()]
    events = engine.statistics(EVENTS, "vm_event")
    values += [(key, str(value)) for key, value in events.items()]
    values += _exclusive(engine)
    if engine.world.driver is not None:
        values.append(("the driver's answer", str(engine.world.driver.answer)))
    left = tuple(iter_broken(engine, counts))
    return AccountingRow(
        history, step, tuple(values), (*broken, *left), raced=raced and bool(broken) and not left
    )


def _read_counts(engine: SourceEngine) -> dict[int, int]:
    """Return what kpagecount says of the first huge page, and of others where any is mapped."""
    mapped = {page // HPAGE_PMD_NR for page in engine.world.count_mappings()} & set(range(BLOCKS))
    counts: dict[int, int] = {}
    for block in sorted(mapped | {0}):
        start = block * HPAGE_PMD_NR
        counts |= dict(enumerate(engine.kpagecount(start, HPAGE_PMD_NR), start))
    return counts


def _spell_counts(counts: dict[int, int]) -> str:
    """Spell counts of huge pages as "0-511:1": each by the numbers of its pages."""
    starts = [page for page in counts if page % HPAGE_PMD_NR == 0]
    return " ".join(
        f"{start + at}-{start + at + number - 1}:{value}"
        for start in starts
        for at, number, value in runs(counts[start + i] for i in range(HPAGE_PMD_NR))
    )


def _exclusive(engine: SourceEngine) -> Iterator[tuple[str, str]]:
    """Yield what pagemap tells each process of the huge page it maps by a PMD."""
    world = engine.world
    for name, process in world.processes.items():
        if process.pmd is None or world.kind_of(process.pmd.page) != "anon":
            continue
        try:
            told = read_exclusive(engine, process.pmd.page)
        except Undecided as event:
            yield f"PM_MMAP_EXCLUSIVE of {name}", str(event)
            continue
        if told is not None:
            spelled = " ".join(f"{at}-{at + n - 1}:{value}" for at, n, value in runs(told))
            yield f"PM_MMAP_EXCLUSIVE of {name}", spelled


def _spell(step: HistoryStep) -> str:
    beside = f" while {_spell_operation(step.beside)}" if step.beside is not None else ""
    return _spell_operation(step.operation) + beside


def _spell_operation(operation: ScenarioOperation) -> str:
    return f"{operation.process} {operation.name} {operation.first} {operation.count}"
