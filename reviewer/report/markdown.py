"""A review as Markdown for trackers: hostile text cannot open a link, a tag or a fence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reviewer.model.finding import Finding, Origin
from reviewer.model.review import Review
from reviewer.report import wording
from reviewer.report.dismissed import describe_expired, iter_dismissed
from reviewer.report.interleaving import render_columns, select_steps
from reviewer.report.printable import printable, printable_block

TABLE_WIDTH = 100
KEY_STEPS = 8


def render_markdown(review: Review) -> str:
    """Return the report in CommonMark with GitHub's tables."""
    lines = [f"# mm-review: {escape(_title(review))}", "", f"**{escape(wording.verdict(review))}**"]
    if review.base is not None:
        lines += ["", f"Base: {_code(review.base.commit)} ({escape(review.base.how)})"]
    for number, finding in enumerate(wording.standing(review), start=1):
        lines += ["", *_finding(finding, number)]
    lines += _background(review)
    if review.replays:
        lines += ["", "## Before and after the series", ""]
        lines += _table(
            ("Scenario", "Before", "After", "What differs"),
            [(r.scenario, str(r.before), str(r.after), r.detail) for r in review.replays],
        )
    if review.skipped:
        lines += ["", "## Not analysed", ""]
        rows = [(str(n), stage, why) for stage, why, n in wording.count_skipped(review.skipped)]
        lines += _table(("Places", "Stage", "Why"), rows)
    lines += _dismissals(review)
    stats = review.stats
    lines += [
        "",
        f"Looked at {wording.count(stats.functions, 'function')} and "
        f"{wording.count(stats.call_sites, 'call site')}: {stats.decided} decided, "
        f"{stats.undecided} undecided.",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return one line in which no character has a meaning to Markdown or HTML."""
    safe = re.sub(r"([\\`*\[\]<>|~&@]|(?<!\w)_|_(?!\w))", r"\\\1", printable(text))
    safe = re.sub(r"^(\s*\d*)([-+=#.)])", r"\1\\\2", safe)  # list, heading, rule
    return re.sub(r"(?i)\b(https?|ftp|www)(?=[:.])", r"\1&#8203;", safe)  # no automatic link


def _title(review: Review) -> str:
    return review.series.title if review.series else ", ".join(review.scope) or "the tree"


def _finding(finding: Finding, number: int) -> list[str]:
    lines = [
        f"## {number}. {escape(finding.rule)}",
        "",
        f"Severity {finding.severity}, confidence {finding.confidence}, "
        f"{wording.describe_origin(finding.origin)}.",
        "",
        escape(finding.message),
        "",
        f"- Where: {_code(wording.place(finding.primary))}",
    ]
    if finding.patch is not None:
        lines.append(f"- Patch {finding.patch.counter}: {escape(finding.patch.subject)}")
    if finding.call_path:
        lines.append(f"- Path: {_code(' -> '.join(wording.chain(finding)))}")
    lines += [f"- State: {escape(state)}" for state in finding.states]
    lines += [f"- Guard: {escape(guard)}" for guard in finding.guards]
    for line in finding.evidence:
        needs = f" (with {escape(', '.join(line.needs))})" if line.needs else ""
        lines.append(f"- Demands: {_code(f'{line.path}:{line.line}: {line.text.strip()}')}{needs}")
    lines += [f"- Way out: {escape(remedy)}" for remedy in finding.remedies]
    lines += ["", escape(finding.question)] if finding.question else []
    return [*lines, "", *_witness(finding)]


def _witness(finding: Finding) -> list[str]:
    witness = finding.witness
    if witness is None:
        return ["No replay: unverified."]
    sentence = f"{wording.describe_witness(witness)}"
    lines = [f"Replay of {_code(witness.scenario)}: {escape(sentence)}."]
    chosen = select_steps(witness, most=KEY_STEPS) if wording.reproduced(witness) else ()
    entry = finding.call_path[0].function if finding.call_path else ""
    if chosen:
        lines += ["", *_fence(render_columns(witness, chosen, width=TABLE_WIDTH, entry=entry))]
    if witness.oops:
        lines += ["", *_fence(printable_block(witness.oops).splitlines())]
    return lines


def _background(review: Review) -> list[str]:
    found = wording.background(review)
    if not found:
        return []
    lines = ["", "## Not of this series", ""]
    for finding in found:
        by = ""
        if finding.origin is Origin.FIXED_LATER and finding.fixed_by is not None:
            by = f" by patch {finding.fixed_by.counter}"
        where = " -> ".join(wording.chain(finding)) or wording.place(finding.primary)
        lines.append(f"- {finding.origin}{by}: {escape(finding.rule)}, {_code(where)}")
    return lines


def _dismissals(review: Review) -> list[str]:
    rows = list(iter_dismissed(review))
    expired = describe_expired(review)
    if not rows and not expired:
        return []
    lines = ["", "## Dismissed", ""]
    lines += _table(("What", "Why"), rows) if rows else []
    return [*lines, *(("", *(f"- {escape(line)}" for line in expired)) if expired else ())]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows]


def _code(text: str) -> str:
    """Return a code span that the text cannot close."""
    safe = printable(text)
    runs = [len(run) for run in re.findall(r"`+", safe)]
    mark = "`" * (max(runs, default=0) + 1)
    pad = " " if safe.startswith("`") or safe.endswith("`") else ""
    return f"{mark}{pad}{safe}{pad}{mark}"


def _fence(lines: list[str]) -> list[str]:
    """Return a code block with a fence longer than any in the text."""
    runs = [len(run) for line in lines for run in re.findall(r"`+", line)]
    mark = "`" * max(3, max(runs, default=0) + 1)
    return [f"{mark}text", *lines, mark]
