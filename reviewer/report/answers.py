"""What a draft says of a finding: the quote, a question, the chain, the proof, in ten lines.

The question and the chain come first; what room they leave goes to the interleaving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from reviewer.model.finding import Finding
from reviewer.model.series import Mail, Patch
from reviewer.report.interleaving import render_columns, select_steps
from reviewer.report.printable import printable
from reviewer.report.quotes import Quote, find_quote
from reviewer.report.wording import chain, fold_chain, reproduced

WIDTH = 72
TABLE_WIDTH = 78
OWN_LINES = 10  # a finding; blank lines and quotes not counted
_INTRO = "A replay of this path in the patched tree ends like this:"
_UNVERIFIED = "(Unverified: found by reading the code, not reproduced.)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a draft says of one finding, as lines; ``quote`` with its ``>`` marks."""

    quote: tuple[str, ...]
    question: tuple[str, ...]
    path: tuple[str, ...]
    proof: tuple[str, ...]


def answer_patch(patch: Patch, findings: Sequence[Finding]) -> tuple[Answer, ...]:
    """One answer for each place and rule, in the order of the lines quoted."""
    chosen = [(find_quote(patch, group[0]), group) for group in _group(findings)]
    chosen.sort(key=lambda pair: (pair[0].at, pair[0].best) if pair[0] else (1 << 30, 0))
    answers = []
    quoted: Quote | None = None
    for quote, group in chosen:
        marks = _mark(quote, quoted) if quote is not None else ()
        quoted = quote or quoted
        answers.append(answer_findings(marks, group))
    return tuple(answers)


def _group(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Join findings of one rule in one function, the best proven and shortest first."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        place = (finding.rule, finding.primary.path, finding.primary.function)
        groups.setdefault(place, []).append(finding)
    for group in groups.values():
        group.sort(key=lambda f: (not reproduced(f.witness), len(f.call_path), f.fingerprint))
    return list(groups.values())


def _mark(quote: Quote, before: Quote | None) -> tuple[str, ...]:
    """Return the quote with ``>`` marks and its file's name, less what stands above already."""
    if before is not None and quote == before:
        return ()
    head: list[str] = []
    if before is None or before.path != quote.path:
        head.append(quote.hunk.file_line)
    lines = quote.lines
    if before is not None and (before.path, before.at) == (quote.path, quote.at):
        said = max(before.indices, default=-1)
        lines = tuple(quote.hunk.lines[i] for i in quote.indices if i > said)
    return tuple(f"> {line}" if line else ">" for line in (*head, *lines))


def answer_findings(quote: tuple[str, ...], group: Sequence[Finding], *, title: str = "") -> Answer:
    """Return what to say of findings that share a place, in at most OWN_LINES lines."""
    finding = group[0]
    question = _own(title)[:1] + _own(finding.question or finding.message)
    others = sorted({f.call_path[0].function for f in group if f.call_path})
    others = [name for name in others if name != finding.call_path[0].function]
    if others:
        question += _own(f"The same from {', '.join(f'{name}()' for name in others[:3])}.")
    question = question[: OWN_LINES - 2]
    path = fold_chain(chain(finding), width=WIDTH, indent="  ")
    room = OWN_LINES - len(question)
    if len(path) > min(3, room - 1):
        path = fold_chain(chain(finding, longest=4), width=WIDTH, indent="  ")[: room - 1]
    proof = _proof(finding, room - len(path))
    return Answer(quote, tuple(question), tuple(path), tuple(proof))


def _proof(finding: Finding, room: int) -> list[str]:
    """Return the interleaving in at most ``room`` lines, or "unverified"."""
    witness = finding.witness
    if witness is None or not reproduced(witness):
        return [_UNVERIFIED]
    rows = room - 2  # less the introduction and the heading
    if rows < 2:  # a table of one row shows no race
        return ["(Reproduced by a replay of this path.)"]
    chosen = select_steps(witness, most=min(rows, 5))
    table = render_columns(
        witness,
        chosen,
        width=TABLE_WIDTH - 2,
        functions=False,
        entry=finding.call_path[0].function if finding.call_path else "",
        merge_end=len(chosen) + 1 > rows,
    )
    return [_INTRO, *(f"  {row}" for row in table)]


def _own(text: str) -> list[str]:
    """Own prose at 72 columns; a line that would read as a quote is set in by a space."""
    safe = printable(text)
    lines = wrap(safe, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f" {line}" if line.startswith((">", "From ", "|")) else line for line in lines]


def answer_cover(
    cover: Mail, patches: Sequence[tuple[Patch, Sequence[Finding]]]
) -> tuple[Answer, ...]:
    """Return the answers for one reply to the cover letter, under its line for each patch.

    A patch the cover letter does not list is named in a line of ours.
    """
    lines = cover.body.split("\n")
    placed = []
    for patch, findings in patches:
        listed = (i for i, line in enumerate(lines) if line.strip() == patch.subject)
        place = next(listed, len(lines))
        for number, group in enumerate(_group(findings)):
            quote = (f"> {lines[place]}",) if place < len(lines) and not number else ()
            title = f"Patch {patch.counter}, {patch.subject}:"
            named = "" if place < len(lines) else title
            placed.append((place, answer_findings(quote, group, title=named)))
    return tuple(answer for _, answer in sorted(placed, key=lambda pair: pair[0]))
