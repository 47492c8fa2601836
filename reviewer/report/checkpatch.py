"""A review as lines: checkpatch's ``--terse`` form, and b4's check results."""

from __future__ import annotations

from reviewer.model.codec import to_json
from reviewer.model.finding import Finding
from reviewer.model.review import Review
from reviewer.model.rule import Severity
from reviewer.report import wording
from reviewer.report.printable import printable

_WORDS = {
    Severity.HIGH: "ERROR",
    Severity.MEDIUM: "WARNING",
    Severity.LOW: "CHECK",
    Severity.NOTE: "CHECK",
}


def render_checkpatch(review: Review) -> str:
    """Return ``path:line: ERROR: message [rule]``, a line each, as checkpatch --terse does.

    Only findings the series answers for; an empty text is a clean review.
    """
    lines = [
        f"{printable(f.primary.path)}:{f.primary.line}: {_WORDS[f.severity]}: "
        f"{printable(f.message)} [{printable(f.rule)}]"
        for f in wording.standing(review)
    ]
    return "".join(f"{line}\n" for line in lines)


def render_b4_lines(review: Review, *, counter: int = 0) -> str:
    """Return what ``b4.prep-perpatch-check-cmd`` reads: a line a warning, ``ERROR:`` fails.

    ``counter`` keeps the findings of one patch (0: all of them).
    """
    lines = [f"{'ERROR: ' if _fails(f) else ''}{_summary(f)}" for f in _of_patch(review, counter)]
    return "".join(f"{line}\n" for line in lines)


def render_b4_checks(review: Review, *, counter: int = 0) -> bytes:
    """Return the JSON list of b4's review checks: tool, status, summary, url, details."""
    found = _of_patch(review, counter)
    skipped = len(review.skipped)
    details = "\n".join(f"{_summary(f)}: {' -> '.join(wording.chain(f))}" for f in found)
    if skipped:
        details += f"\n{wording.count(skipped, 'place')} not analysed"
    status = "fail" if any(_fails(f) for f in found) else "warn" if found or skipped else "pass"
    summary = wording.count(len(found), "finding") if found else "no finding"
    if skipped:
        summary += f", {wording.count(skipped, 'place')} not analysed"
    check = {
        "tool": "mm-review",
        "status": status,
        "summary": summary,
        "url": "",
        "details": details.strip(),
    }
    return to_json([check])


def _of_patch(review: Review, counter: int) -> tuple[Finding, ...]:
    return tuple(
        f
        for f in wording.standing(review)
        if not counter or (f.patch is not None and f.patch.counter == counter)
    )


def _fails(finding: Finding) -> bool:
    return finding.severity is Severity.HIGH


def _summary(finding: Finding) -> str:
    place = f"{printable(finding.primary.path)}:{finding.primary.line}"
    return f"{place}: {printable(finding.message)} [{printable(finding.rule)}]"
