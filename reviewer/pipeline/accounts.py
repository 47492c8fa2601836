"""The accounting of each tree of a review, run once: findings and the lifecycle ask for it."""

from __future__ import annotations

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.finding import Finding, PathStep
from reviewer.model.witness import Witness
from reviewer.pipeline.options import Progress
from reviewer.replay.histories.accounting import Accounting, run_accounting
from reviewer.replay.histories.verdict import broken_rules, judge
from reviewer.replay.scenarios.scenario import Scenario, find_scenarios, load_scenario


class Accounts:
    """Runs histories on trees and keeps what came of it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._known: dict[tuple[int, str], tuple[CodeBase, Accounting]] = {}

    def find_scenario(self, name: str) -> Scenario | None:
        """Return the scenario if it is one of histories."""
        scenario = load_scenario(find_scenarios(), name)
        return scenario if scenario.histories else None

    def of(self, code: CodeBase, scenario: Scenario) -> Accounting:
        """Return the accounting of a tree."""
        key = (id(code), scenario.id)
        known = self._known.get(key)
        if known is None:
            self._progress("accounting", len(self._known), 0)
            known = self._known[key] = (code, run_accounting(code, scenario.histories))
        return known[1]

    def judge(
        self, code: CodeBase, scenario: Scenario, finding: Finding, before: CodeBase | None
    ) -> Witness:
        """Judge a finding; what the tree before it breaks as well is no witness of it."""
        known = broken_rules(self.of(before, scenario)) if before is not None else frozenset()
        place = finding.primary
        path = (*finding.call_path, PathStep(place.function, place.path, place.line))
        return judge(self.of(code, scenario), scenario, path, known)
