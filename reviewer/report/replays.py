"""A replay run by hand, as text and as JSON (``schema`` 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reviewer.model.codec import to_json
from reviewer.model.review import SCHEMA, ReplayRow
from reviewer.model.witness import PageRun, SourceText, Step, Witness
from reviewer.report import wording
from reviewer.report.interleaving import render_columns, select_steps
from reviewer.report.jsondoc import ReturnDoc
from reviewer.report.printable import printable, printable_block

SHORT_STEPS = 12
TABLE_WIDTH = 96


@dataclass(frozen=True, slots=True)
class ReplayDoc:
    """One replay. ``steps`` is the schedule's length, ``explored`` counts states.

    ``returns`` are the values the reader can be given, ``answers`` the same with a schedule
    each. ``bound`` is the largest number of preemptions exhausted, null where all were tried.
    """

    schema: int
    scenario: str
    entry: str
    outcome: str
    schedule: str | None
    steps: int
    oops: str
    returns: tuple[int, ...]
    answers: tuple[ReturnDoc, ...]
    explored: int
    executions: int
    bound: int | None
    stopped_by: str
    reason: str
    model: str
    preemptions: int
    first_pfn: int
    pages: tuple[PageRun, ...]
    trace: tuple[Step, ...]
    sources: tuple[SourceText, ...]


@dataclass(frozen=True, slots=True)
class RowsDoc:
    """What differs between two trees, scenario by scenario."""

    schema: int
    rows: tuple[ReplayRow, ...]


def render_replay(
    witness: Witness, entry: str, output_format: str, *, verbose: bool = False
) -> str:
    """Render one replay."""
    if output_format == "json":
        return to_json(_document(witness, entry)).decode()
    return "".join(f"{line}\n" for line in _iter_lines(witness, entry, verbose=verbose))


def _document(witness: Witness, entry: str) -> ReplayDoc:
    return ReplayDoc(
        schema=SCHEMA,
        scenario=witness.scenario,
        entry=entry,
        outcome=witness.outcome,
        schedule=str(witness.schedule) if witness.schedule is not None else None,
        steps=witness.steps,
        oops=witness.oops,
        returns=tuple(value for value, _ in witness.returns),
        answers=tuple(ReturnDoc(value, str(shown)) for value, shown in witness.returns),
        explored=witness.states,
        executions=witness.executions,
        bound=witness.bound,
        stopped_by=witness.stopped_by,
        reason=witness.reason,
        model=witness.model,
        preemptions=witness.preemptions,
        first_pfn=witness.first_pfn,
        pages=witness.pages,
        trace=witness.trace,
        sources=witness.sources,
    )


def _iter_lines(witness: Witness, entry: str, *, verbose: bool) -> Sequence[str]:
    lines = [
        f"{printable(witness.scenario)}, {printable(entry)}: {witness.outcome}",
        f"  {wording.describe_witness(witness)}",
    ]
    if wording.reproduced(witness) and witness.reason:
        lines.append(f"  {printable(witness.reason)}")
    lines += [f"  ran: {printable(witness.model)}"] if witness.model else []
    for value, schedule in witness.returns:
        lines.append(f"  can return {value:#x} ({value}): schedule {schedule}")
    if witness.schedule is None:
        return lines
    lines.append(f"  schedule {witness.schedule}")
    everything = range(len(witness.trace))
    chosen = everything if verbose else select_steps(witness, most=SHORT_STEPS)
    table = render_columns(witness, chosen, width=TABLE_WIDTH, entry=entry)
    lines += ["", *(f"  {row}".rstrip() for row in table)]
    hidden = len(witness.trace) - len(chosen)
    if hidden > 0:
        lines.append(f"  ({wording.count(hidden, 'step')} not shown; -v)")
    oops = printable_block(witness.oops).splitlines()
    return [*lines, *([""] if oops else []), *(f"  {line}".rstrip() for line in oops)]


def render_rows(rows: Sequence[ReplayRow], output_format: str) -> str:
    """Render what differs between two trees."""
    if output_format == "json":
        return to_json(RowsDoc(SCHEMA, tuple(rows))).decode()
    lines = [
        f"{printable(row.scenario)}: {row.before} -> {row.after}  {printable(row.detail)}\n"
        for row in rows
    ]
    return "".join(lines) or "no row differs\n"
