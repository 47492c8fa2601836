"""Who names what in one tree: calls, macros whose text holds a word, addresses taken.

What is kept for all of the tree is only where a name stands; the facts of a function are made
when they are asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from reviewer.cfacts.filefacts import Invocation
from reviewer.cfacts.load import without_collector
from reviewer.cfacts.made import calls_in_invocation
from reviewer.cfacts.pointers import find_pointers
from reviewer.model.facts import CallFact, FunctionFacts, MacroFacts, PointerFact

if TYPE_CHECKING:
    from reviewer.cfacts.codebase import CodeBase

_WORD = re.compile(r"[A-Za-z_]\w*")
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")


class References:
    """Answers for one tree. Everything is indexed when first asked for."""

    def __init__(self, code: CodeBase) -> None:
        self._code = code

    def callers(self, name: str) -> Iterator[tuple[FunctionFacts, CallFact]]:
        """Yield the calls of a name: in functions as written, in made ones, in invocations."""
        functions = [self._code.function_at(*place) for place in self._written.get(name, ())]
        for function in (*functions, *self._made.get(name, ())):
            yield from ((function, call) for call in function.calls if call.name == name)
        for path, invocation in self._argued.get(name, ()):
            yield from calls_in_invocation(path, invocation, name)

    def macros_naming(self, word: str) -> frozenset[str]:
        """Return the function-like macros whose text holds a word."""
        return self._mentions.get(word, frozenset())

    def macros_with(self, word: str) -> Iterator[MacroFacts]:
        """Yield the macros whose text holds a word."""
        whole = re.compile(rf"\b{re.escape(word)}\b")
        for path in self._code.index.paths:
            for row in self._code.index.facts_of(path).macros:
                if word in row.body and whole.search(row.body):
                    yield row.facts(path)

    def pointers(self, function: str) -> Iterator[PointerFact]:
        """Yield where a function's address is stored or passed."""
        for path in self._code.index.paths_with_value(function):
            functions = self._code.index.facts_of(path).functions
            yield from find_pointers(self._code.text(path), path, function, functions)

    @cached_property
    def _written(self) -> dict[str, list[tuple[str, int]]]:
        """Which written functions, by path and number, call a name."""
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        with without_collector():
            for path in self._code.index.paths:
                for number, row in enumerate(self._code.index.facts_of(path).functions):
                    for name in row.called():
                        found[name].append((path, number))
        return found

    @cached_property
    def _made(self) -> dict[str, list[FunctionFacts]]:
        """Which functions that macro invocations make call a name."""
        found: dict[str, list[FunctionFacts]] = defaultdict(list)
        for function in self._code.iter_made():
            for name in dict.fromkeys(call.name for call in function.calls):
                found[name].append(function)
        return found

    @cached_property
    def _argued(self) -> dict[str, list[tuple[str, Invocation]]]:
        """Which invocations that make no function call a name in their arguments."""
        makes = {(function.path, function.start) for function in self._code.iter_made()}
        found: dict[str, list[tuple[str, Invocation]]] = defaultdict(list)
        for path in self._code.index.paths:
            for invocation in self._code.index.facts_of(path).invocations:
                if "(" in invocation.arguments and (path, invocation.start) not in makes:
                    for name in dict.fromkeys(_CALLED.findall(invocation.arguments)):
                        found[name].append((path, invocation))
        return found

    @cached_property
    def _mentions(self) -> dict[str, frozenset[str]]:
        """For each word the function-like macros whose text holds it."""
        found: dict[str, set[str]] = defaultdict(set)
        with without_collector():
            for path in self._code.index.paths:
                for macro in self._code.index.facts_of(path).macros:
                    if macro.parameters is not None:
                        for word in _WORD.findall(macro.body):
                            found[word].add(macro.name)
        return {word: frozenset(names) for word, names in found.items()}
