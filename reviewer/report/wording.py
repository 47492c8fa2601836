"""The sentences every report says in the same words: verdict, chain, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reviewer.model.facts import Skipped
from reviewer.model.finding import Finding, Origin
from reviewer.model.location import Location
from reviewer.model.review import Review
from reviewer.model.rule import Confidence, Severity
from reviewer.model.witness import Outcome, Witness
from reviewer.report.printable import printable

STANDING = (Origin.INTRODUCED, Origin.EXPOSED, Origin.MOVED)
ANSWERABLE = (Origin.INTRODUCED, Origin.EXPOSED)

_ORIGINS = {
    Origin.INTRODUCED: "introduced by this series",
    Origin.EXPOSED: "an old caller exposed by this series",
    Origin.MOVED: "moved by this series",
    Origin.PREEXISTING: "already in the tree",
    Origin.FIXED_LATER: "fixed by a later patch of the series",
}


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of every report: what the series does first, worst first."""
    origins, severities, confidences = list(Origin), list(Severity), list(Confidence)
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                origins.index(f.origin),
                -severities.index(f.severity),
                -confidences.index(f.confidence),
                f.patch.counter if f.patch else 0,
                f.primary,
                f.rule,
                f.fingerprint,
            ),
        )
    )


def standing(review: Review) -> tuple[Finding, ...]:
    """Return the findings the series answers for; all of them when a tree was reviewed."""
    ordered = sort_findings(review.findings)
    if review.series is None:
        return ordered
    return tuple(f for f in ordered if f.origin in STANDING)


def background(review: Review) -> tuple[Finding, ...]:
    """Return the findings the series does not answer for: old ones, and those fixed later."""
    stands = standing(review)
    return tuple(f for f in sort_findings(review.findings) if f not in stands)


def describe_origin(origin: Origin) -> str:
    """Return the origin in words for a person."""
    return _ORIGINS[origin]


def verdict(review: Review) -> str:
    """Return the one line that says what the review came to."""
    found = standing(review)
    subject = review.series.title if review.series else ", ".join(review.scope) or "the tree"
    subject = printable(subject)
    if found:
        text = f"{count(len(found), 'finding')} in {subject}"
        replayed = sum(1 for f in found if reproduced(f.witness))
        if replayed:
            text += f", {replayed} reproduced by replay"
    else:
        text = f"no finding in {subject}"
    old = len(background(review))
    if old:
        text += f"; {old} not of this series"
    if review.skipped:
        text += f"; {count(len(review.skipped), 'place')} not analysed"
    return text


def reproduced(witness: Witness | None) -> bool:
    """Say whether the witness shows the failure."""
    return witness is not None and witness.outcome in (Outcome.SOMETIMES, Outcome.ALWAYS)


def chain(finding: Finding, *, longest: int = 0) -> tuple[str, ...]:
    """Return the functions of the call path, the middle left out where it is over ``longest``."""
    names = [printable(step.function) for step in finding.call_path]
    if longest and len(names) > longest:
        kept = (longest - 1) // 2
        names = [*names[: longest - 1 - kept], "...", *names[len(names) - kept :]]
    return tuple(names)


def fold_chain(names: Sequence[str], *, width: int, indent: str) -> list[str]:
    """Return ``a -> b -> c`` in lines of at most ``width``, broken before an arrow."""
    lines: list[str] = []
    line = indent
    for number, name in enumerate(names):
        word = name if number == 0 else f" -> {name}"
        if len(line) + len(word) > width and line.strip():
            lines.append(line)
            line = f"{indent}  {word.lstrip()}"
        else:
            line += word
    return [*lines, line] if line.strip() else lines


def describe_witness(witness: Witness) -> str:
    """Return one sentence on what the replay found, and how far it looked."""
    looked = f"{count(witness.executions, 'execution')}, {count(witness.states, 'state')}"
    if reproduced(witness):
        how = "in every execution" if witness.outcome is Outcome.ALWAYS else "in some executions"
        return f"fails {how} ({count(witness.steps, 'step')}; {looked} explored)"
    if witness.outcome is Outcome.NEVER:
        bound = f"; bound: {printable(witness.reason)}" if witness.reason else ""
        return f"does not fail ({looked} explored{bound})"
    return f"undecided: {printable(witness.reason) or 'no reason given'} ({looked} explored)"


def count_skipped(skipped: Iterable[Skipped]) -> tuple[tuple[str, str, int], ...]:
    """Return (stage, reason, how many), the most frequent reason first within its stage."""
    counts = Counter((s.stage, s.reason) for s in skipped)
    rows = [(stage, reason, number) for (stage, reason), number in counts.items()]
    return tuple(sorted(rows, key=lambda row: (row[0], -row[2], row[1])))


def place(location: Location) -> str:
    """Return ``path:line in function()`` in printable text."""
    text = f"{printable(location.path)}:{location.line}"
    return f"{text} in {printable(location.function)}()" if location.function else text


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 finding`` or ``2 findings``; ``plural`` where an s does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
