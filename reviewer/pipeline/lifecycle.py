"""Runs the standard lifecycle on the tree before and after a series, and says what differs.

It costs seconds, so it runs only where the series changes a function it can run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.finding import PathStep
from reviewer.model.review import ReplayRow
from reviewer.model.vocabulary import CountingWords
from reviewer.pipeline.accounts import Accounts
from reviewer.pipeline.drivers import find_drivers
from reviewer.pipeline.options import Progress
from reviewer.replay.histories.accounting import AccountingRow, compare
from reviewer.replay.histories.verdict import outcome_of
from reviewer.replay.lifecycle import LIMITS, compare_lifecycles, run_lifecycle
from reviewer.replay.reach import ACCOUNTING, READERS, find_reach
from reviewer.replay.scenarios.scenario import find_scenarios, load_scenario
from reviewer.replay.source.driver import Driver

SCENARIO = "accounting"
Key = tuple[str, str]


def find_differences(
    before: CodeBase,
    after: CodeBase,
    changed: frozenset[Key],
    progress: Progress,
    accounts: Accounts,
    words: CountingWords,
) -> tuple[ReplayRow, ...]:
    """Return the rows in which two trees differ; ``changed`` are the functions that do."""
    rows: list[ReplayRow] = []
    counts = _touches(before, ACCOUNTING, changed)
    if counts:
        rows += compare_accounting(before, after, accounts)
    paths = {path for path, _ in changed}
    for driver in either_drivers(before, after, words):
        if counts or driver.path in paths:
            rows += compare_accounting(before, after, accounts, driver)
    entries = [name for name in READERS if _touches(before, (name,), changed)]
    return (*rows, *compare_readers(before, after, entries, progress))


def either_drivers(before: CodeBase, after: CodeBase, words: CountingWords) -> tuple[Driver, ...]:
    """Return the drivers of two trees: one that only one of them has is run on both."""
    found = {
        driver.path: driver for code in (after, before) for driver in find_drivers(code, words)
    }
    return tuple(found.values())


def compare_readers(
    before: CodeBase, after: CodeBase, entries: Sequence[str], progress: Progress
) -> tuple[ReplayRow, ...]:
    """Return what readers die of, or are told, before and after, where it differs."""
    rows: list[ReplayRow] = []
    for number, name in enumerate(entries):
        progress("readers before and after", number, len(entries))
        found = after.find_function(name) or before.find_function(name)
        steps = (PathStep(name, found.path if found is not None else "", 0),)
        rows += compare_lifecycles(
            run_lifecycle(before, LIMITS, entries=steps),
            run_lifecycle(after, LIMITS, entries=steps),
        )
    return tuple(rows)


def _touches(before: CodeBase, names: tuple[str, ...], changed: frozenset[Key]) -> bool:
    """Say whether a change can matter; what is new is reached from what is changed, or begins."""
    if not changed:
        return False
    if any(name in names for _, name in changed):
        return True
    return not changed.isdisjoint(find_reach(before, names))


def compare_accounting(
    before: CodeBase, after: CodeBase, accounts: Accounts, driver: Driver | None = None
) -> Iterator[ReplayRow]:
    """Yield the first row of each history that differs, and how many more do."""
    scenario = load_scenario(find_scenarios(), SCENARIO)
    trees = [accounts.of(code, scenario, driver).rows for code in (before, after)]
    found: dict[str, list[tuple[AccountingRow | None, AccountingRow | None]]] = {}
    for old, new in compare(*trees):
        row = new or old
        assert row is not None
        found.setdefault(row.history, []).append((old, new))
    yield from map(_make_row, found.values())


def _make_row(pairs: list[tuple[AccountingRow | None, AccountingRow | None]]) -> ReplayRow:
    """Tell of one history: prefer the row in which a rule breaks, or is kept again."""
    loud = [pair for pair in pairs if any(row is not None and row.broken for row in pair)]
    old, new = (loud or pairs)[0]
    row = new or old
    assert row is not None
    more = f"; {len(pairs) - 1} more steps differ" if len(pairs) > 1 else ""
    detail = f"{row.history}, step {row.step}: {'; '.join(_iter_changes(old, new))}{more}"
    return ReplayRow(SCENARIO, outcome_of(old), outcome_of(new), detail)


def _iter_changes(old: AccountingRow | None, new: AccountingRow | None) -> Iterator[str]:
    was = old or AccountingRow("", "")
    now = new or AccountingRow("", "")
    yield from (f"undecided: {row.undecided}" for row in (was, now) if row.undecided)
    yield from now.broken
    yield from (f"no longer: {rule}" for rule in was.broken if rule not in now.broken)
    names = dict(now.values)
    for name, value in was.values:
        if name in names and names[name] != value:
            yield f"{name} {value}, then {names[name]}"
