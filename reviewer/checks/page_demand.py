"""A page reaches an assertion on its position that it does not meet, or may not meet any more.

Position and stability are one piece of reasoning: the walk says what was claimed of a page
and what pinned it; the rules say which of the two they are about and how the claim was come by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reviewer.analysis.hazards import Hazard, Made
from reviewer.analysis.knowledge import Knowledge
from reviewer.checks import wording
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Evidence, Finding, Origin, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.pagestate import Position
from reviewer.model.rule import Confidence, Rule


@dataclass(frozen=True, slots=True)
class Group:
    """The hazards of one page at one call: what a reviewer would call one problem.

    ``steps`` is the chain up to the first function of another file: the code that hands the
    page on, and the helper it hands it to.
    """

    function: FunctionFacts
    made: Made
    steps: tuple[PathStep, ...]
    hazards: tuple[Hazard, ...]

    @property
    def reason(self) -> Reason:
        """Position wins: a page that fails on its claim fails without a race."""
        reasons = {h.reason for h in self.hazards}
        return Reason.POSITION if Reason.POSITION in reasons else Reason.STABILITY

    @property
    def derived(self) -> str:
        """Say how the claim was come by: "head" was computed, "tested" was asked for."""
        mine = [h for h in self.hazards if h.reason is self.reason]
        return "head" if any(h.obj[0] == "head" for h in mine) else "tested"

    @property
    def fatal(self) -> bool:
        """Say whether one of the assertions is a BUG()."""
        return any(h.demand.fatal for h in self.hazards)

    @property
    def shown(self) -> Hazard:
        """The hazard to tell of: the reason's own, a BUG() before a warning, nearest first."""
        mine = [h for h in self.hazards if h.reason is self.reason]
        return min(
            mine,
            key=lambda h: (
                not h.demand.fatal,
                h.obj[0] != self.derived,
                len(h.chain),
                h.demand.text,
                h.chain,
            ),
        )


def _prefix(hazard: Hazard, home: str) -> tuple[PathStep, ...]:
    """Return the chain through the first function that stands in another file."""
    chain = hazard.chain
    for number in range(1, len(chain)):
        if hazard.chain[number].path != home:
            return chain[: number + 1]
    return chain


def iter_groups(knowledge: Knowledge, function: FunctionFacts) -> Iterator[Group]:
    """Yield the problems of the pages that come into being in ``function``."""
    groups: dict[tuple[object, ...], list[Hazard]] = defaultdict(list)
    for hazard in knowledge.hazards(function):
        steps = _prefix(hazard, function.path)
        # a call is told apart by names: its line moves with every edit above it
        key = (knowledge.made(hazard).word, tuple(step.function for step in steps))
        groups[key].append(hazard)
    for _, hazards in sorted(groups.items(), key=lambda item: repr(item[0])):
        first = min(hazards, key=lambda h: h.chain)
        steps = _prefix(first, function.path)
        yield Group(function, knowledge.made(first), steps, tuple(hazards))


def _meets(rule: Rule, group: Group) -> bool:
    match = rule.match
    return (
        match.get("reason") == group.reason
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
    hands_on = group.steps[-2] if len(group.steps) > 1 else group.steps[-1]
    demand = hazard.demand
    needs = knowledge.needs(hazard)
    names = wording.names(group, hazard, demand)
    confidence = rule.confidence
    # whether a page that is no tail is compound often hangs on what is not followed: an order,
    # a flag handed down, a variable of another name
    no_tail = hazard.reason is Reason.POSITION and Position.TAIL not in hazard.claimed
    if not entry.what or no_tail:
        confidence = Confidence.LOW
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=confidence,
        origin=Origin.PREEXISTING,
        reason=group.reason,
        message=wording.message(group, hazard),
        question=rule.question.format(**names),
        primary=Location(hands_on.path, hands_on.line, hands_on.function),
        related=(
            Location(group.made.path, group.made.line, group.made.function),
            Location(demand.spelled.path, demand.spelled.line, demand.function),
        ),
        call_path=path,
        guards=(*wording.guards(knowledge, path), *wording.entry_note(entry)),
        states=wording.states(group, hazard),
        evidence=_evidence(knowledge, group, hazard, needs),
        remedies=tuple(remedy.format(**names) for remedy in rule.remedies),
        key=(group.made.word, *(step.function for step in group.steps)),
    )


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
