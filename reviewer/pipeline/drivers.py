"""Finds the drivers that a tree's lifecycle is run with: those that lend pages of hugetlb files."""

from __future__ import annotations

from collections.abc import Iterator

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.facts import FunctionFacts
from reviewer.model.vocabulary import CountingWords
from reviewer.replay.source.driver import Driver

FAULTS = "vm_operations_struct"


def find_drivers(code: CodeBase, words: CountingWords) -> tuple[Driver, ...]:
    """Return who asks for the pages of a hugetlb file and serves page faults in the same file."""
    found: dict[str, Driver] = {}
    for name in sorted(words.hugetlb_files):
        for caller, _ in code.callers(name):
            path = caller.path
            if path not in found and path.startswith(words.outside_of) and _serves(code, path):
                names = tuple(reversed(list(_iter_outward(code, caller))))
                found[path] = Driver(path, names)
    return tuple(found.values())


def _serves(code: CodeBase, path: str) -> bool:
    """Say whether a function of the file answers page faults."""
    return any(
        fact.path == path and fact.type == FAULTS
        for function in code.functions_in(path)
        for fact in code.pointers(function.name)
    )


def _iter_outward(code: CodeBase, function: FunctionFacts) -> Iterator[str]:
    """Yield a function, and those of its file that lead to it."""
    seen = [function.name]
    for name in seen:
        yield name
        callers = (c.name for c, _ in code.callers(name) if c.path == function.path)
        seen.extend(caller for caller in callers if caller not in seen)
