"""Who calls whom in one tree, with the calls that macros make on behalf of their users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.load import without_collector
from reviewer.model.facts import CallFact, FunctionFacts, MacroFacts

Call = tuple[FunctionFacts, CallFact]


def iter_macros(code: CodeBase, paths: Iterable[str] = ()) -> Iterator[MacroFacts]:
    """Yield the macros defined in these files, in all without paths."""
    known = frozenset(code.index.paths)
    for path in paths or code.index.paths:
        if path in known:
            yield from (row.facts(path) for row in code.index.facts_of(path).macros)


class CallGraph:
    """All calls of a tree by callee, as written and through macros."""

    def __init__(self, code: CodeBase) -> None:
        self.code = code
        self._callers: dict[str, tuple[Call, ...]] = {}

    @cached_property
    def functions(self) -> tuple[FunctionFacts, ...]:
        """All functions of the tree, by path."""
        with without_collector():
            return tuple(self.code.iter_functions())

    def written(self, name: str) -> tuple[Call, ...]:
        """Return the calls of just this name."""
        return self.code.callers(name)

    def callers(self, name: str) -> tuple[Call, ...]:
        """Return the calls of a name, by path and line; a macro's are those of its users."""
        if name not in self._callers:
            names = {name}
            work = [name]
            while work:
                found = self.code.macros_naming(work.pop()) - names
                names |= found
                work.extend(found)
            calls = {call for word in names for call in self.code.callers(word)}
            order = sorted(calls, key=lambda c: (c[0].path, c[1].line, c[0].name, c[1].name))
            self._callers[name] = tuple(order)
        return self._callers[name]

    def find_above(self, names: Iterable[str], most: int) -> frozenset[FunctionFacts]:
        """Return the functions that call one of these through at most ``most`` calls."""
        found: set[FunctionFacts] = set()
        level = set(names)
        for _ in range(most):
            new = {caller for name in level for caller, _ in self.callers(name)} - found
            found |= new
            level = {function.name for function in new}
        return frozenset(found)
