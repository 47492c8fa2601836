"""The accounting of each tree of a review, run once: findings and the lifecycle ask for it."""

from __future__ import annotations

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.finding import Finding, PathStep
from reviewer.model.witness import Witness
from reviewer.pipeline.options import Progress
from reviewer.replay.histories.accounting import Accounting, run_accounting
from reviewer.replay.histories.verdict import broken_rules, find_driver, judge
from reviewer.replay.scenarios.scenario import Scenario, find_scenarios, load_scenario
from reviewer.replay.source.driver import Driver


class Accounts:
    """Runs histories on trees and keeps what came of it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._known: dict[tuple[int, str, Driver | None], tuple[CodeBase, Accounting]] = {}

    def find_scenario(self, name: str) -> Scenario | None:
        """Return the scenario if it is one of histories."""
        scenario = load_scenario(find_scenarios(), name)
        return scenario if scenario.histories else None

    def of(self, code: CodeBase, scenario: Scenario, driver: Driver | None = None) -> Accounting:
        """Return the accounting of a tree, or what a driver of it makes of pages."""
        key = (id(code), scenario.id, driver)
        known = self._known.get(key)
        if known is None:
            self._progress("accounting", len(self._known), 0)
            known = self._known[key] = (
                code,
                run_accounting(code, scenario.histories, driver),
            )
        return known[1]

    def judge(
        self, code: CodeBase, scenario: Scenario, finding: Finding, before: CodeBase | None
    ) -> Witness:
        """Judge a finding; what the tree before it breaks as well is no witness of it."""
        place = finding.primary
        path = (*finding.call_path, PathStep(place.function, place.path, place.line))
        driver = find_driver(code, path)
        known = frozenset[str]()
        if before is not None:
            known = broken_rules(self.of(before, scenario, driver))
        return judge(self.of(code, scenario, driver), scenario, path, known)
