"""The standard lifecycle on two trees: what a reader dies of, or is told, before and after.

Rows that differ are a review's evidence. A row is one scenario with one entry point; the
readers are those the tree before or after has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewer.model.finding import PathStep
from reviewer.model.review import ReplayRow
from reviewer.model.witness import Outcome, Witness
from reviewer.replay.explore.exploration import Limits
from reviewer.replay.run import ReplayRequest, replay
from reviewer.replay.scenarios.setup import TreeCode

SCENARIOS = (
    "split-pmd-under-reader",
    "double-map-under-reader",
    "unmap-under-reader",
    "free-under-reader",
)

ENTRIES = (
    PathStep("kpagecount_read", "fs/proc/page.c", 0),
    PathStep("kpageflags_read", "fs/proc/page.c", 0),
)

LIMITS = Limits(states=3_000, preemptions=1)
"""One preemption shows every race of two threads that needs one switch, in little time."""


@dataclass(frozen=True, slots=True)
class LifecycleRow:
    """A scenario with an entry point on one tree; ``told`` are the values it can return."""

    scenario: str
    entry: str
    outcome: Outcome
    dies_of: str
    told: tuple[int, ...]


def run_lifecycle(
    code: TreeCode,
    limits: Limits = LIMITS,
    progress: Callable[[int], None] | None = None,
    *,
    entries: Sequence[PathStep] = ENTRIES,
    scenarios: Sequence[str] = SCENARIOS,
) -> tuple[LifecycleRow, ...]:
    """Run every scenario with every entry point the tree has."""
    rows = []
    for entry in entries:
        if code.find_function(entry.function, entry.path) is None:
            continue
        for scenario in scenarios:
            witness = replay(code, ReplayRequest((entry,), scenario), limits, progress)
            told = tuple(value for value, _ in witness.returns)
            row = LifecycleRow(scenario, entry.function, witness.outcome, dies_of(witness), told)
            rows.append(row)
    return tuple(rows)


def dies_of(witness: Witness) -> str:
    """Return what the kernel says it was dumped for, or its BUG line, "" if it lives."""
    for word in ("page dumped because: ", "kernel BUG at ", "BUG: "):
        for line in witness.oops.splitlines():
            if line.startswith(word):
                return line.removeprefix(word)
    return ""


def compare_lifecycles(
    before: tuple[LifecycleRow, ...], after: tuple[LifecycleRow, ...]
) -> tuple[ReplayRow, ...]:
    """Return the rows that differ, in the order of the tree after."""
    known = {(row.scenario, row.entry): row for row in before}
    found = []
    for row in after:
        old = known.pop((row.scenario, row.entry), None)
        if old is None:
            detail = f"{row.entry}: not in the tree before; {_spell(row)}"
            found.append(ReplayRow(row.scenario, Outcome.UNDECIDED, row.outcome, detail))
        elif old != row:
            detail = f"{row.entry}: {_spell(old)}, then {_spell(row)}"
            found.append(ReplayRow(row.scenario, old.outcome, row.outcome, detail))
    for old in known.values():
        detail = f"{old.entry}: {_spell(old)}; not in the tree after"
        found.append(ReplayRow(old.scenario, old.outcome, Outcome.UNDECIDED, detail))
    return tuple(found)


def _spell(row: LifecycleRow) -> str:
    if row.dies_of:
        return f"dies of {row.dies_of}"
    return "returns " + " ".join(f"{value:#x}" for value in row.told) if row.told else "no answer"
