"""Asks the replay about findings: confidence is earned by a schedule that fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.finding import Finding
from reviewer.model.review import ReplayRow
from reviewer.model.rule import Confidence, Rule
from reviewer.model.witness import Outcome, Witness
from reviewer.pipeline.accounts import Accounts
from reviewer.pipeline.options import Progress
from reviewer.replay.run import ReplayRequest, replay

FAILS = (Outcome.SOMETIMES, Outcome.ALWAYS)
# Where the walker stands: where the scenario says, and on the head itself.
PAGES: tuple[int | None, ...] = (None, 0)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The findings with their witnesses, and each scenario before and after the series."""

    findings: tuple[Finding, ...]
    rows: tuple[ReplayRow, ...]


def confirm(
    findings: Iterable[Finding],
    rules: Mapping[str, Rule],
    *,
    before: CodeBase | None,
    after: CodeBase,
    progress: Progress,
    accounts: Accounts | None = None,
) -> Confirmation:
    """Replay each finding on the tree as it is at the end; beside it on the tree before.

    A schedule that fires the finding's own assertion earns high confidence, and so does a
    history that breaks a rule only since the series. A search that ended without one, within
    its bound, leaves low.
    """
    findings = tuple(findings)
    accounts = accounts or Accounts(progress)
    confirmed, rows = [], []
    for number, finding in enumerate(findings):
        progress("replays", number, len(findings))
        scenario = rules[finding.rule].scenario
        if not scenario:
            confirmed.append(finding)
            continue
        histories = accounts.find_scenario(scenario)
        if histories is not None:  # its rows are shown by the lifecycle
            witness = accounts.judge(after, histories, finding, before)
            confirmed.append(
                replace(finding, witness=witness, confidence=_counted(finding, witness))
            )
            continue
        witness = _witness(after, finding, scenario)
        confirmed.append(replace(finding, witness=witness, confidence=_earned(finding, witness)))
        if before is not None:
            earlier = _witness(before, finding, scenario)
            path = " -> ".join(step.function for step in finding.call_path)
            rows.append(ReplayRow(scenario, earlier.outcome, witness.outcome, path))
    progress("replays", len(findings), len(findings))
    return Confirmation(tuple(confirmed), tuple(dict.fromkeys(rows)))


def _witness(code: CodeBase, finding: Finding, scenario: str) -> Witness:
    """Replay until the finding's own assertion fires; else return the first answer."""
    answers = []
    asserts = tuple(evidence.text for evidence in finding.evidence)
    for page in PAGES:
        request = ReplayRequest(finding.call_path, scenario, page=page, asserts=asserts)
        witness = replay(code, request)
        if fires(finding, witness):
            return witness
        answers.append(witness)
        if witness.outcome is Outcome.UNDECIDED:
            break
    return next((w for w in answers if w.outcome not in FAILS), _beside(answers[0]))


def fires(finding: Finding, witness: Witness) -> bool:
    """Say whether the witness ends in an assertion that the finding names."""
    if witness.outcome not in FAILS:
        return False
    return any(evidence.text in witness.oops for evidence in finding.evidence)


def _beside(witness: Witness) -> Witness:
    """Return the answer about this finding where only something else fails in the scenario."""
    reason = "another assertion of the path fires first: " + witness.reason
    return replace(witness, outcome=Outcome.UNDECIDED, reason=reason)


def _counted(finding: Finding, witness: Witness) -> Confidence:
    """Return what histories earn: a broken rule is the evidence itself."""
    if witness.outcome in FAILS:
        return Confidence.HIGH
    return Confidence.LOW if witness.outcome is Outcome.NEVER else finding.confidence


def _earned(finding: Finding, witness: Witness) -> Confidence:
    if fires(finding, witness):
        return Confidence.HIGH
    if witness.outcome is Outcome.NEVER:
        return Confidence.LOW
    return finding.confidence
