"""Which configuration options an assertion needs to be compiled in."""

from __future__ import annotations

import re

from reviewer.analysis.hazards import Demand
from reviewer.cfacts.codebase import CodeBase


def find_needs(code: CodeBase, demand: Demand) -> tuple[str, ...]:
    """Return the options, from the conditions around the macros an assertion is written with."""
    found: set[str] = set()
    for use in (*demand.stops.via, *demand.spelled.via):
        macro = code.find_macro(use.name, use.path)
        for condition in macro.conditions if macro is not None else ():
            found |= _options_on(condition)
    return tuple(sorted(found))


def _options_on(condition: str) -> set[str]:
    """Return the options that a conditional wants on: those under an even number of ``!``."""
    found: set[str] = set()
    negated, levels, pending = False, list[bool](), False
    for word in re.findall(r"!(?!=)|[()]|\b\w+\b(?!\s*\()", condition):
        if word == "!":
            pending = not pending
        elif word == "(":
            levels.append(negated)
            negated, pending = negated != pending, False
        elif word == ")":
            negated = levels.pop() if levels else False
        elif word != "defined":
            if word.startswith("CONFIG_") and negated == pending:
                found.add(word)
            pending = False
    return found
