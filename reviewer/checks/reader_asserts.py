"""A function that only reads asserts on its argument, though callers hold no pin and cannot.

It reasons on findings: those whose pages meet the same assertion of one reader are one problem
of the reader. A patch that made it demand more answers for them; its old callers did nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from reviewer.analysis.knowledge import Knowledge
from reviewer.model.finding import Finding, Origin, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.rule import Confidence, Rule

Reader = Callable[[Finding], PathStep | None]
MANY = 6


def find(knowledge: Knowledge, rule: Rule, findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding for each reader whose assertion unpinned pages reach."""
    return [built for built, _ in gather(rule, findings, lambda f: find_reader(knowledge, f))]


def find_reader(
    knowledge: Knowledge, finding: Finding, changed: frozenset[tuple[str, str]] = frozenset()
) -> PathStep | None:
    """Return the reader that is asked on a finding's path; None where more is done than reading.

    It is the function that asserts; with ``changed`` (path and name) the nearest above it that
    a patch changed. From where the page is handed on down to it everything must only read: a
    setter may ask through what readers use, too.
    """
    for number in range(len(finding.call_path) - 1, 0, -1):
        step = finding.call_path[number]
        if step.function == finding.primary.function or not _only_reads(knowledge, step):
            break
        if not changed or (step.path, step.function) in changed:
            above = takewhile(
                lambda s: s.function != finding.primary.function,
                reversed(finding.call_path[:number]),
            )
            return step if all(_only_reads(knowledge, s) for s in above) else None
    return None


def _only_reads(knowledge: Knowledge, step: PathStep) -> bool:
    function = knowledge.code.find_function(step.function, step.path)
    return function is not None and knowledge.only_reads(function)


def gather(
    rule: Rule, findings: Iterable[Finding], reader_of: Reader
) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """Return the readers' findings in the order of the tree, each with those it stands for."""
    found: dict[tuple[str, str], list[tuple[PathStep, Finding]]] = defaultdict(list)
    for finding in findings:
        if finding.reason is not Reason.STABILITY or len(finding.call_path) < 2:
            continue
        reader = reader_of(finding)
        if reader is not None:
            found[reader.path, reader.function].append((reader, finding))
    results = []
    for _, pairs in sorted(found.items()):
        mine = sorted((f for _, f in pairs), key=lambda f: (f.primary, f.fingerprint))
        results.append((_build(rule, pairs[0][0], mine), tuple(mine)))
    return results


def _build(rule: Rule, reader: PathStep, findings: Sequence[Finding]) -> Finding:
    """Build the reader's finding; a caller with a path from an entry point is shown first."""
    best = max((f.confidence for f in findings), key=list(Confidence).index)
    shown = next(f for f in findings if f.confidence is best)
    places = list(dict.fromkeys(f.primary for f in findings))
    callers = list(dict.fromkeys(f"{p.function}() in {p.path}" for p in places))
    more = f", and {len(callers) - MANY} more" if len(callers) > MANY else ""
    asserts, assertion = shown.call_path[-1].function, shown.evidence[0].text
    names = {"helper": reader.function, "asserts": asserts, "assertion": assertion}
    through = "" if asserts == reader.function else f" through {asserts}()"
    return replace(
        shown,
        rule=rule.id,
        severity=rule.severity,
        confidence=min(rule.confidence, best, key=list(Confidence).index),
        message=(
            f"{reader.function}() only reads, and asserts {assertion}{through} on its argument. "
            f"These call it on a page that is not pinned: {', '.join(callers[:MANY])}{more}. "
            "A tail argument is legal there, for the head is computed; between that and the "
            "assertion the page can be freed or split, and no test of the caller's can help."
        ),
        question=rule.question.format(**names, callers=", ".join(callers[:MANY])),
        primary=Location(reader.path, reader.line, reader.function),
        related=tuple(places),
        remedies=tuple(remedy.format(**names) for remedy in rule.remedies),
        key=(reader.function,),
    )


def fold_exposed(rule: Rule, findings: Sequence[Finding], reader_of: Reader) -> tuple[Finding, ...]:
    """Put the callers that a patch exposed together into one finding of the reader it changed."""
    folded: list[Finding] = []
    gone: set[str] = set()
    exposed: dict[object, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.origin is Origin.EXPOSED:
            exposed[finding.patch].append(finding)
    for mine in exposed.values():
        for built, stood in gather(rule, mine, reader_of):
            folded.append(built)
            gone |= {f.fingerprint for f in stood}
    return (*(f for f in findings if f.fingerprint not in gone), *folded)
