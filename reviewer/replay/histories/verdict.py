"""A scenario of histories as a witness: the first rule that does not hold, and what led there."""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome, Step, Witness
from reviewer.replay.histories.accounting import Accounting, AccountingRow, run_accounting
from reviewer.replay.machine.machine import CodeSource
from reviewer.replay.scenarios.scenario import Scenario

HISTORY_PATH = "(history)"
"""What a step of a history says for the path of its source."""


def replay_histories(
    code: CodeSource, scenario: Scenario, call_path: Sequence[PathStep]
) -> Witness:
    """Run the histories and judge them; nothing is said of a path none of them runs."""
    found = run_accounting(code, scenario.histories)
    names = {name for _, name in found.ran}
    wanted = [step.function for step in call_path]
    if not names.intersection(wanted):
        reason = f"no history runs {' or '.join(wanted)}"
        return _witness(scenario, found, Outcome.UNDECIDED, reason)
    broken = [row for row in found.rows if row.broken]
    if broken:
        # what needs no second process is the better witness
        row = min(broken, key=lambda row: row.raced)
        outcome = Outcome.SOMETIMES if row.raced else Outcome.ALWAYS
        return _witness(scenario, found, outcome, describe(row), row)
    open_ends = [row for row in found.rows if row.undecided]
    if open_ends:
        return _witness(scenario, found, Outcome.UNDECIDED, describe(open_ends[0]))
    return _witness(scenario, found, Outcome.NEVER, f"{len(scenario.histories)} histories")


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
        len(scenario.histories),
        reason=reason,
        model="the tree's own rmap, split, fault and free functions; page tables by the model",
        first_pfn=scenario.first_pfn,
        bound=None,
    )


def _trace(rows: Sequence[AccountingRow], last: AccountingRow) -> tuple[Step, ...]:
    """Return the steps of the history up to the row, each in the column of its process."""
    history = [row for row in rows if row.history == last.history]
    steps: list[Step] = []
    processes: list[str] = []
    for row in history[: history.index(last) + 1]:
        _, process, operation, rest = row.step.split(" ", 3)
        if process not in processes:
            processes.append(process)
        text = f"{operation} {rest}" + "".join(f"; {rule}" for rule in row.broken)
        thread = processes.index(process)
        steps.append(Step(thread, process, operation, HISTORY_PATH, 0, text))
    return tuple(steps)
