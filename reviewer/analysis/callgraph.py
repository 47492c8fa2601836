"""Who calls whom in one tree, with the calls that macros make on behalf of their users."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.load import without_collector
from reviewer.model.facts import CallFact, FunctionFacts, MacroFacts

_WORD = re.compile(r"[A-Za-z_]\w*")
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
        self._written: dict[str, list[Call]] = defaultdict(list)
        with without_collector():
            self.functions: tuple[FunctionFacts, ...] = tuple(code.iter_functions())
            for function in self.functions:
                for call in function.calls:
                    self._written[call.name].append((function, call))
        self._macros: dict[str, frozenset[str]] | None = None
        self._callers: dict[str, tuple[Call, ...]] = {}

    def written(self, name: str) -> tuple[Call, ...]:
        """Return the calls of just this name."""
        return tuple(self._written.get(name, ()))

    def callers(self, name: str) -> tuple[Call, ...]:
        """Return the calls of a name, by path and line; a macro's are those of its users."""
        if name not in self._callers:
            names = {name}
            work = [name]
            while work:
                found = self._mentions().get(work.pop(), frozenset()) - names
                names |= found
                work.extend(found)
            calls = {call for word in names for call in self._written.get(word, ())}
            order = sorted(calls, key=lambda c: (c[0].path, c[1].line, c[0].name, c[1].name))
            self._callers[name] = tuple(order)
        return self._callers[name]

    def _mentions(self) -> dict[str, frozenset[str]]:
        """Return, for each word, the function-like macros whose body holds it."""
        if self._macros is None:
            found: dict[str, set[str]] = defaultdict(set)
            for macro in iter_macros(self.code):
                if macro.parameters is not None:
                    for word in _WORD.findall(macro.body):
                        found[word].add(macro.name)
            self._macros = {word: frozenset(names) for word, names in found.items()}
        return self._macros
