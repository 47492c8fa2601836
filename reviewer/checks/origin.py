"""What a series has to do with each finding, read off the trees before and after each patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reviewer.model.finding import Finding, Origin, PatchRef, Reason

Findings = Mapping[str, Finding]  # by fingerprint


@dataclass(frozen=True, slots=True)
class TreeFindings:
    """The findings of the tree after one patch; of the base where ``patch`` is None.

    ``changed`` are the functions that the patch changed, by path and name.
    """

    patch: PatchRef | None
    findings: Findings
    changed: frozenset[tuple[str, str]] = frozenset()


def place_findings(trees: Sequence[TreeFindings]) -> tuple[Finding, ...]:
    """Give each finding of any tree its origin and the patch that brought it.

    ``trees`` holds the base first, then the tree after each patch. A finding of the base that
    the series removes is not reported: it is no longer there to be reviewed.
    """
    if len(trees) == 1:
        return tuple(trees[0].findings.values())
    base, end = trees[0].findings, trees[-1].findings
    placed = [
        replace(finding, origin=Origin.PREEXISTING)
        for fingerprint, finding in end.items()
        if fingerprint in base
    ]
    later = dict.fromkeys(f for tree in trees[1:] for f in tree.findings if f not in base)
    placed += [_place(trees, fingerprint) for fingerprint in later]
    return tuple(placed)


def _place(trees: Sequence[TreeFindings], fingerprint: str) -> Finding:
    """Place a finding the base does not have."""
    present = [fingerprint in tree.findings for tree in trees]
    last = len(present) - 1 - present[::-1].index(True)
    gone = last + 1 if last + 1 < len(trees) else None
    # the run of trees it stands in at last: it may have come and gone before
    first = last
    while present[first - 1]:
        first -= 1
    brought = trees[first].patch
    finding = replace(trees[first].findings[fingerprint], patch=brought)
    if gone is not None:
        return replace(finding, origin=Origin.FIXED_LATER, fixed_by=trees[gone].patch)
    origin = _find_origin(trees[first - 1], trees[first], finding)
    return replace(finding, origin=origin)


def _find_origin(before: TreeFindings, after: TreeFindings, finding: Finding) -> Origin:
    """Say whether the code is new, was moved, or stood there and now meets a new demand."""
    gone = (old for key, old in before.findings.items() if key not in after.findings)
    if any(_same_elsewhere(old, finding) for old in gone):
        return Origin.MOVED
    return Origin.EXPOSED if _is_exposed(finding, after.changed) else Origin.INTRODUCED


def _is_exposed(finding: Finding, changed: frozenset[tuple[str, str]]) -> bool:
    """Say whether the patch left the code at fault alone, and changed what that code asks.

    The code at fault is what a page runs through from where it comes from to the place where
    it is to be mended; what is asked stands below. A patch that takes a guard or a pin out of the
    code at fault brings the problem itself, and so does one that brings the page to it.
    """
    path = [(step.path, step.function) for step in finding.call_path]
    primary = (finding.primary.path, finding.primary.function)
    if finding.reason is Reason.ACCOUNTING:  # what it calls is not on its path
        return primary not in changed
    last = max((n for n, step in enumerate(path) if step == primary), default=len(path) - 1)
    sources = {(place.path, place.function) for place in finding.related[:1]}
    first = min((n for n, step in enumerate(path) if step in sources), default=last)
    return changed.isdisjoint(path[first : last + 1]) and not changed.isdisjoint(path[last + 1 :])


def _same_elsewhere(old: Finding, new: Finding) -> bool:
    """Say whether it is one problem that stands in another file or function now."""
    return (
        old.rule == new.rule
        and old.key[:1] == new.key[:1]
        and old.key[-1:] == new.key[-1:]
        and bool(old.call_path and new.call_path)
        and old.call_path[-1].function == new.call_path[-1].function
        and (old.primary.path == new.primary.path) != (old.primary.function == new.primary.function)
    )
