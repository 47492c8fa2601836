"""Review files as b4 reads them from ``.git/b4-review/<sha>/`` (b4, misc/agent-reviewer.md).

``identity.txt`` names the reviewer; ``NNNN.txt`` holds a note, then the patch's whole diff
quoted with the comments between its lines. A patch with nothing to say has no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reviewer.model.finding import Finding
from reviewer.model.review import Review
from reviewer.model.series import Patch
from reviewer.report import wording
from reviewer.report.answers import Answer, answer_findings
from reviewer.report.drafts import findings_of, parse_sender
from reviewer.report.quotes import find_quote


def iter_b4_review(review: Review, *, sender: str) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, bytes) of the review's files; nothing when there is nothing to say.

    Raises:
        BadInputError: ``sender`` is no mailbox.

    """
    me = parse_sender(sender)
    files = [
        (f"{patch.counter:04d}.txt", _render_patch(patch, found).encode("utf-8", "replace"))
        for patch, found in findings_of(review)
    ]
    if files:
        yield "identity.txt", f"{me.name or me.address} <{me.address}>\n".encode()
        yield from files


def _render_patch(patch: Patch, findings: Sequence[Finding]) -> str:
    rules = sorted({finding.rule for finding in findings})
    note = [f"{wording.count(len(findings), 'finding')}: {', '.join(rules)}", ""]
    comments: dict[int, list[str]] = {}
    for finding in findings:
        answer = answer_findings((), [finding])
        comments.setdefault(_find_line(patch, finding), []).extend(_comment(answer))
    lines = note + comments.pop(-1, [])
    diff = patch.diff.decode("utf-8", "replace").split("\n")
    if diff and not diff[-1]:
        diff.pop()
    for number, line in enumerate(diff):
        lines.append(f"> {line}" if line else ">")
        if number in comments:
            lines += ["", *comments[number]]
    return "\n".join(lines).rstrip("\n") + "\n"


def _comment(answer: Answer) -> list[str]:
    path = ["", *answer.path] if answer.path else []
    return [*answer.question, *path, "", *answer.proof, ""]


def _find_line(patch: Patch, finding: Finding) -> int:
    """Return the index of the diff's line the comment stands under, -1 without a hunk."""
    quote = find_quote(patch, finding, text=patch.diff.decode("utf-8", "replace"))
    return -1 if quote is None else quote.at + 1 + quote.best
