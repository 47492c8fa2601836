"""A scenario of histories as a witness: the first rule that does not hold, and what led there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome, Step, Witness
from reviewer.replay.histories.accounting import Accounting, AccountingRow, run_accounting
from reviewer.replay.histories.rules import reader_of
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.reach import ACCOUNTING, find_reach
from reviewer.replay.scenarios.scenario import Scenario
from reviewer.replay.source.driver import Driver

HISTORY_PATH = "(history)"
"""What a step of a history says for the path of its source."""


def replay_histories(
    code: CodeSource, scenario: Scenario, call_path: Sequence[PathStep]
) -> Witness:
    """Run the histories of a scenario and judge them for a call path."""
    driver = find_driver(code, call_path)
    return judge(run_accounting(code, scenario.histories, driver), scenario, call_path)


def find_driver(code: CodeSource, call_path: Sequence[PathStep]) -> Driver | None:
    """Return the driver whose functions a call path ends in, None where it ends in mm's own.

    mm's own are what the histories run of any tree; whether anything else is a driver that
    can be run, running it will tell.
    """
    last = call_path[-1]
    if (last.path, last.function) in find_reach(code, ACCOUNTING):
        return None
    return Driver(last.path, tuple(step.function for step in call_path if step.path == last.path))


def judge(
    found: Accounting,
    scenario: Scenario,
    call_path: Sequence[PathStep],
    excused: frozenset[str] = frozenset(),
) -> Witness:
    """Judge histories for a call path; nothing is said where none runs its last function.

    ``excused`` are rules that are broken anyway (see ``broken_rules``). What only one reader
    tells wrongly counts where the path goes through that reader.
    """
    wanted = {step.function for step in call_path}
    if call_path[-1].function not in {name for _, name in found.ran}:
        reason = f"no history runs {call_path[-1].function}"
        needed = next((row.undecided for row in found.rows if row.undecided), "")
        reason += f": {needed}" if needed else ""
        return _witness(scenario, found, Outcome.UNDECIDED, reason)
    broken = []
    for row in found.rows:
        rules = [rule for rule in row.broken if rule not in excused]
        mine = tuple(rule for rule in rules if reader_of(rule) in wanted | {""})
        if mine:
            broken.append(replace(row, broken=mine))
    if broken:
        # what needs no second process is the better witness
        row = min(broken, key=lambda row: row.raced)
        return _witness(scenario, found, outcome_of(row), describe(row), row)
    open_ends = [row for row in found.rows if row.undecided]
    if open_ends:
        return _witness(scenario, found, Outcome.UNDECIDED, describe(open_ends[0]))
    number = len({row.history for row in found.rows})
    return _witness(
        scenario, found, Outcome.NEVER, f"{number} {'history' if number == 1 else 'histories'}"
    )


def broken_rules(found: Accounting) -> frozenset[str]:
    """Return every rule some row breaks."""
    return frozenset(rule for row in found.rows for rule in row.broken)


def outcome_of(row: AccountingRow | None) -> Outcome:
    """Return what one row amounts to."""
    if row is None or row.undecided:
        return Outcome.UNDECIDED
    if row.broken:
        return Outcome.SOMETIMES if row.raced else Outcome.ALWAYS
    return Outcome.NEVER


def describe(row: AccountingRow) -> str:
    """Return the row's place and what is wrong there."""
    return f"{row.history}, step {row.step}: {row.undecided or '; '.join(row.broken)}"


def _witness(
    scenario: Scenario,
    found: Accounting,
    outcome: Outcome,
    reason: str,
    row: AccountingRow | None = None,
) -> Witness:
    return Witness(
        outcome,
        scenario.id,
        None,
        _trace(found.rows, row) if row is not None else (),
        "",
        len(found.rows),
        len({row.history for row in found.rows}),
        reason=reason,
        model=f"the tree's own rmap, split, fault and free functions{found.driver}; "
        "page tables by the model",
        first_pfn=scenario.first_pfn,
        bound=None,
    )


def _trace(rows: Sequence[AccountingRow], last: AccountingRow) -> tuple[Step, ...]:
    """Return the steps of the history up to the row, each in the column of its process."""
    steps: list[Step] = []
    processes: list[str] = []
    for row in (row for row in rows if row.history == last.history):
        _, process, operation, rest = row.step.split(" ", 3)
        if process not in processes:
            processes.append(process)
        broken = "".join(f"; {rule}" for rule in last.broken) if row.step == last.step else ""
        text = f"{operation} {rest}{broken}"
        thread = processes.index(process)
        steps.append(Step(thread, process, operation, HISTORY_PATH, 0, text))
        if row.step == last.step:
            break
    return tuple(steps)
