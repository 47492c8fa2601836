"""A page reaches a demand on its position that it does not meet, or may not meet any more.

Position and stability are one piece of reasoning: the walk says what was claimed of a page
and what pinned it; the rules say which of the two they are about and how the claim was come by.
"""

from __future__ import annotations

from collections.abc import Iterable

from reviewer.analysis.hazards import DemandKind, Hazard
from reviewer.analysis.knowledge import Knowledge
from reviewer.checks import wording
from reviewer.checks.grouping import Group, is_weak, iter_groups
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Evidence, Finding, Origin
from reviewer.model.location import Location
from reviewer.model.rule import Confidence, Rule


def _meets(rule: Rule, group: Group) -> bool:
    match = rule.match
    kinds = match.get("demand", [DemandKind.ASSERTION])
    return (
        isinstance(kinds, list)
        and group.kind in kinds
        and match.get("loose", False) == group.made.loose
        and match.get("reason", group.reason) == group.reason
        and match.get("derived", group.derived) == group.derived
        and bool(match.get("fatal", group.fatal)) == group.fatal
    )


def find(knowledge: Knowledge, rules: Iterable[Rule], function: FunctionFacts) -> list[Finding]:
    """Return the findings of these rules on the pages that come into being in ``function``."""
    rules = tuple(rules)
    findings = []
    for group in iter_groups(knowledge, function):
        rule = next((r for r in rules if _meets(r, group)), None)
        if rule is not None:
            findings.append(_build(knowledge, rule, group))
    return findings


def _build(knowledge: Knowledge, rule: Rule, group: Group) -> Finding:
    hazard = group.shown
    entry = knowledge.entry_path(group.function)
    path = (*entry.steps, *hazard.chain)
    place = group.place
    demand = hazard.demand
    needs = knowledge.needs(hazard)
    names = wording.names(group, hazard, demand)
    confidence = rule.confidence
    if not entry.what or is_weak(hazard):
        confidence = Confidence.LOW
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=confidence,
        origin=Origin.PREEXISTING,
        reason=group.reason,
        message=wording.message(group, hazard),
        question=rule.question.format(**names),
        primary=Location(place.path, place.line, place.function),
        related=(
            Location(group.made.path, group.made.line, group.made.function),
            Location(demand.spelled.path, demand.spelled.line, demand.function),
        ),
        call_path=path,
        guards=(*wording.guards(knowledge, path), *wording.entry_note(entry)),
        states=wording.states(group, hazard),
        evidence=_evidence(knowledge, group, hazard, needs),
        remedies=tuple(remedy.format(**names) for remedy in rule.remedies),
        key=_key(group),
    )


def _key(group: Group) -> tuple[str, ...]:
    """Return what tells the problem apart in its function, without any line."""
    if group.derived in ("pinned", "stale"):
        return (group.made.word, group.derived)
    return (group.made.word, *(step.function for step in group.steps))


def _evidence(
    knowledge: Knowledge, group: Group, shown: Hazard, needs: tuple[str, ...]
) -> tuple[Evidence, ...]:
    """Return the assertion shown first, then the others the same page can meet there."""
    first = Evidence(shown.demand.spelled.path, shown.demand.spelled.line, shown.demand.text, needs)
    others = {
        Evidence(h.demand.spelled.path, h.demand.spelled.line, h.demand.text, knowledge.needs(h))
        for h in group.hazards
    }
    rest = sorted(others - {first}, key=lambda e: (e.path, e.line, e.text))
    return (first, *rest)
