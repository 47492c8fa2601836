"""A review as plain text for a terminal: short unless asked, no colour, no escape sequence."""

from __future__ import annotations

from textwrap import wrap

from reviewer.model.finding import Finding, Origin
from reviewer.model.review import Review
from reviewer.report import wording
from reviewer.report.dismissed import count_dismissed, describe_expired, iter_dismissed
from reviewer.report.interleaving import render_columns, select_steps
from reviewer.report.printable import printable, printable_block

WIDTH = 80
TABLE_WIDTH = 94  # of an interleaving, which is never wrapped
SHORT_STEPS = 8
SHORT_OOPS = 5


def render_text(review: Review, *, verbose: bool = False) -> str:
    """Return the report; ``verbose`` adds every step, oops line and place not analysed."""
    lines = [f"mm-review: {wording.verdict(review)}"]
    lines += _render_setting(review, verbose=verbose)
    for number, finding in enumerate(wording.standing(review), start=1):
        lines += ["", *_render_finding(finding, number, verbose=verbose)]
    lines += _render_background(review, verbose=verbose)
    lines += _render_replays(review)
    lines += _render_uses(review, verbose=verbose)
    lines += _render_skipped(review, verbose=verbose)
    lines += _render_dismissals(review, verbose=verbose)
    stats = review.stats
    lines += [
        "",
        f"looked at {wording.count(stats.functions, 'function')}, "
        f"{wording.count(stats.call_sites, 'call site')}: "
        f"{stats.decided} decided, {stats.undecided} undecided",
    ]
    return "\n".join(lines) + "\n"


def _render_setting(review: Review, *, verbose: bool) -> list[str]:
    """Say what was reviewed: series, base, and what its mails lack."""
    lines = []
    series = review.series
    if series is not None:
        missing = ", ".join(str(number) for number in series.missing)
        patches = wording.count(len(series.patches), "patch", "patches")
        lines.append(f"  series   v{series.revision}, {patches}")
        if missing:
            lines[-1] += f" of {series.expected}; missing: {missing}"
        if series.completed_from:
            lines += _fold("  partial  ", f"completed from {series.completed_from}")
        if series.superseded_by:
            lines += _fold("  note     ", f"a newer revision exists: {series.superseded_by}")
        for crash in series.crashes:
            what = f"patch {crash.counter}" if crash.counter else "the series"
            lines += _fold("  crash    ", f"reported in reply to {what}: {crash.headline}")
        if verbose and series.grouped_because:
            lines.append(f"  grouped  {printable(series.grouped_because)}")
    if review.base is not None:
        lines.append(f"  base     {printable(review.base.commit)} ({printable(review.base.how)})")
    if verbose and review.configuration:
        lines += _fold("  config   ", ", ".join(review.configuration))
    return lines


def _render_finding(finding: Finding, number: int, *, verbose: bool) -> list[str]:
    lines = [
        f"{number}. {printable(finding.rule)}: severity {finding.severity}, "
        f"confidence {finding.confidence}, {finding.origin}",
        *_fold("   ", finding.message),
    ]
    lines.append(f"   at {wording.place(finding.primary)}")
    if finding.patch is not None:
        lines += _fold(
            "   patch    ", f"{finding.patch.counter}: {printable(finding.patch.subject)}"
        )
    lines += _render_path(finding, verbose=verbose)
    for state in finding.states:
        lines += _fold("   state    ", state)
    for guard in finding.guards or ("none seen on the path",):
        lines += _fold("   guard    ", guard)
    for line in finding.evidence:
        needs = f" (with {', '.join(line.needs)})" if line.needs else ""
        lines += _fold("   demands  ", f"{line.path}:{line.line}: {line.text.strip()}{needs}")
    if verbose:
        lines += [f"   related  {wording.place(place)}" for place in finding.related]
    lines += _render_witness(finding, verbose=verbose)
    for remedy in finding.remedies:
        lines += _fold("   remedy   ", remedy)
    if verbose:
        lines.append(f"   id       {finding.fingerprint}")
    return lines


def _render_path(finding: Finding, *, verbose: bool) -> list[str]:
    names = wording.chain(finding)
    if not names:
        return []
    lines = [f"   path     {' -> '.join(names)}"]  # one line: people search for it
    if verbose:
        lines += [
            f"            {printable(s.path)}:{s.line}: {printable(s.function)}()"
            for s in finding.call_path
        ]
    return lines


def _render_witness(finding: Finding, *, verbose: bool) -> list[str]:
    witness = finding.witness
    if witness is None:
        return ["   replay   none; unverified"]
    lines = _fold(
        "   replay   ", f"{printable(witness.scenario)}: {wording.describe_witness(witness)}"
    )
    if verbose and witness.model:
        lines += _fold("   model    ", witness.model)
    if not wording.reproduced(witness):
        return lines
    lines += _fold("   schedule ", str(witness.schedule), verbose=verbose)
    everything = range(len(witness.trace))
    chosen = everything if verbose else select_steps(witness, most=SHORT_STEPS)
    entry = finding.call_path[0].function if finding.call_path else ""
    table = render_columns(witness, chosen, width=TABLE_WIDTH, entry=entry)
    lines += ["", *(f"     {row}" for row in table), ""]
    hidden = len(witness.trace) - len(chosen)
    if hidden > 0:
        lines.insert(-1, f"     ({wording.count(hidden, 'step')} not shown; -v)")
    oops = printable_block(witness.oops).splitlines()
    lines += [f"     {line}".rstrip() for line in (oops if verbose else oops[:SHORT_OOPS])]
    if len(oops) > SHORT_OOPS and not verbose:
        lines.append(f"     ({len(oops) - SHORT_OOPS} more lines; -v)")
    return [*lines, ""] if oops else lines


def _render_background(review: Review, *, verbose: bool) -> list[str]:
    found = wording.background(review)
    if not found:
        return []
    lines = ["", "not of this series:"]
    for finding in found:
        path = " -> ".join(wording.chain(finding, longest=0 if verbose else 5))
        where = path or wording.place(finding.primary)
        by = ""
        if finding.origin is Origin.FIXED_LATER and finding.fixed_by is not None:
            by = f" (patch {finding.fixed_by.counter})"
        lines.append(f"  {finding.origin}{by} [{printable(finding.rule)}] {where}")
    return lines


def _render_replays(review: Review) -> list[str]:
    if not review.replays:
        return []
    lines = ["", "replays before and after the series:"]
    for row in review.replays:
        mark = "  " if row.before == row.after else "! "
        detail = f"  {printable(row.detail)}" if row.detail else ""
        lines.append(f"{mark}{printable(row.scenario)}: {row.before} -> {row.after}{detail}")
    return lines


def _render_uses(review: Review, *, verbose: bool) -> list[str]:
    if not review.uses:
        return []
    open_ones = sum(1 for use in review.uses if use.undecided)
    uses = wording.count(len(review.uses), "use")
    where = " in what the series touches" if review.series is not None else ""
    lines = ["", f"{uses} of page helpers{where}, {open_ones} undecided"]
    if not verbose:
        return lines
    for use in review.uses:
        why = f" (undecided: {use.undecided})" if use.undecided else ""
        lines += _fold("  ", f"{use.path}:{use.line}: {use.function}() -> {use.helper}(){why}")
    return lines


def _render_skipped(review: Review, *, verbose: bool) -> list[str]:
    if not review.skipped:
        return []
    lines = ["", "not analysed:"]
    if not verbose:
        for stage, reason, number in wording.count_skipped(review.skipped):
            lines += _fold("  ", f"{number} x {stage}: {reason}")
        return lines
    for item in sorted(review.skipped, key=lambda s: (s.stage, s.path, s.function, s.reason)):
        place = f"{item.path}: {item.function}()" if item.function else item.path
        lines += _fold("  ", f"{item.stage}: {place}: {item.reason}")
    return lines


def _render_dismissals(review: Review, *, verbose: bool) -> list[str]:
    counted = count_dismissed(review)
    expired = describe_expired(review)
    if not counted and not expired:
        return []
    lines = ["", *_fold("", counted)] if counted else [""]
    if verbose:
        for what, why in iter_dismissed(review):
            lines += _fold("  ", f"{what}: {why}")
    for line in expired:
        lines += _fold("", line)
    return lines


def _fold(head: str, text: str, *, verbose: bool = True) -> list[str]:
    """Wrap hostile text behind ``head``; not verbose: one line, cut."""
    safe = printable(text)
    width = WIDTH - len(head)
    if not verbose and len(safe) > width:
        return [f"{head}{safe[: width - 3]}..."]
    folded = wrap(safe, width, break_long_words=False, break_on_hyphens=False) or [""]
    return [head + folded[0], *(" " * len(head) + line for line in folded[1:])]
