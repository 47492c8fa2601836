"""The checks by the name a rule's ``check`` gives, and a run of them on one tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from reviewer.analysis.knowledge import Knowledge
from reviewer.checks import (
    count_use,
    first_last,
    initialised,
    mapping_unit,
    page_demand,
    reader_asserts,
)
from reviewer.model.errors import BadInputError
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.rule import Rule


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of reasoning.

    ``subjects`` are the functions of a tree it has something to say of; ``find`` is asked
    about one of them, with all the rules of this check.
    """

    subjects: Callable[[Knowledge], Iterable[FunctionFacts]]
    find: Callable[[Knowledge, Iterable[Rule], FunctionFacts], list[Finding]]


CHECKS: dict[str, Check] = {
    "count-use": Check(count_use.subjects, count_use.find),
    "first-last": Check(count_use.subjects, first_last.find),
    "initialised": Check(initialised.subjects, initialised.find),
    "mapping-unit": Check(mapping_unit.subjects, mapping_unit.find),
    "page-demand": Check(Knowledge.subjects, page_demand.find),
}
# Checks that reason on what the others found in a whole tree.
OVERVIEWS: dict[str, Callable[[Knowledge, Rule, Iterable[Finding]], list[Finding]]] = {
    "reader-asserts": reader_asserts.find,
}


class Checking:
    """Some rules on one tree.

    Raises:
        BadInputError: a rule names a check that does not exist.
    """

    def __init__(self, knowledge: Knowledge, rules: Iterable[Rule]) -> None:
        self.knowledge = knowledge
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        self._overviews: list[Rule] = []
        for rule in rules:
            if rule.check in OVERVIEWS:
                self._overviews.append(rule)
                continue
            if rule.check not in CHECKS:
                known = ", ".join(sorted({*CHECKS, *OVERVIEWS}))
                raise BadInputError(
                    f"rules/{rule.id}.toml: no check '{rule.check}'; there is {known}"
                )
            self._rules[rule.check].append(rule)
        self._asked: dict[str, tuple[Rule, ...]] = {}
        self._subjects: dict[str, frozenset[FunctionFacts]] | None = None

    def subjects(self) -> tuple[FunctionFacts, ...]:
        """Return the functions some check has something to say of, in the order of the tree."""
        found = frozenset[FunctionFacts]().union(*self._by_check().values())
        return tuple(sorted(found, key=lambda f: (f.path, f.line, f.name)))

    def find(self, function: FunctionFacts, ids: Collection[str] | None = None) -> list[Finding]:
        """Run the rules on one function: all, or with ``ids`` the checks these belong to."""
        return [
            finding
            for name, subjects in self._by_check().items()
            if function in subjects
            and (ids is None or any(rule.id in ids for rule in self._rules[name]))
            for finding in CHECKS[name].find(self.knowledge, self._meant(name), function)
        ]

    def _meant(self, check: str) -> tuple[Rule, ...]:
        """Return the rules of a check that this tree is asked for, by how it counts."""
        if check not in self._asked:
            whole = self.knowledge.counting.functions.has_whole_count()
            needs = (r for r in self._rules[check] if whole or not r.match.get("needs_whole_count"))
            self._asked[check] = tuple(needs)
        return self._asked[check]

    def overlook(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return what the findings of a whole tree say together."""
        findings = tuple(findings)
        return [
            found
            for rule in self._overviews
            for found in OVERVIEWS[rule.check](self.knowledge, rule, findings)
        ]

    def _by_check(self) -> dict[str, frozenset[FunctionFacts]]:
        if self._subjects is None:
            self._subjects = {
                name: frozenset(CHECKS[name].subjects(self.knowledge))
                for name in sorted(self._rules)
            }
        return self._subjects
