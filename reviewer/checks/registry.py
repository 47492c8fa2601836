"""The checks by the name a rule's ``check`` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reviewer.analysis.knowledge import Knowledge
from reviewer.checks import page_demand
from reviewer.model.errors import BadInputError
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.rule import Rule

Check = Callable[[Knowledge, Iterable[Rule], FunctionFacts], list[Finding]]

CHECKS: dict[str, Check] = {"page-demand": page_demand.find}


def run_checks(
    knowledge: Knowledge, rules: Iterable[Rule], function: FunctionFacts
) -> list[Finding]:
    """Run every rule on the pages that come into being in one function.

    Raises:
        BadInputError: a rule names a check that does not exist.
    """
    by_check: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.check not in CHECKS:
            known = ", ".join(sorted(CHECKS))
            raise BadInputError(f"rules/{rule.id}.toml: no check '{rule.check}'; there is {known}")
        by_check.setdefault(rule.check, []).append(rule)
    return [
        f
        for name, mine in sorted(by_check.items())
        for f in CHECKS[name](knowledge, mine, function)
    ]
