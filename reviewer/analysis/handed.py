"""What the callers of a function hand it for a number: the pfn of a present entry, or any."""

from __future__ import annotations

from collections.abc import Iterator

from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.nodes import find_names, iter_nodes
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.vocabulary import Vocabulary

DEPTH = 4  # a pfn is handed on through so many functions


class Handed:
    """Answers for one tree; each function is looked at once."""

    def __init__(self, graph: CallGraph, words: Vocabulary) -> None:
        self.graph = graph
        self.code = graph.code
        self.words = words
        self._known: dict[tuple[str, str, int, int], str] = {}

    def find_carriers(self, function: FunctionFacts) -> dict[str, str]:
        """Return the carrier, or "", of each parameter that the function hands to a source."""
        body = self.code.body(function)
        if isinstance(body, Skipped):
            return {}
        handed = {
            name
            for node in iter_nodes(body.body)
            if isinstance(node, c.Call)
            and isinstance(node.callee, c.Name)
            and node.callee.name in self.words.sources
            for name in find_names(node.args[:1])
        }
        return {
            parameter.name: self.find_carrier(function, number)
            for number, parameter in enumerate(body.parameters)
            if parameter.name in handed
        }

    def find_carrier(self, function: FunctionFacts, number: int, depth: int = 0) -> str:
        """Return the carrier that gives a parameter its value in every call, else ""."""
        # with the depth, so that no answer hangs on what was asked before
        key = (function.path, function.name, number, depth)
        if key not in self._known:
            found = set(self._in_calls(function, number, depth)) if depth < DEPTH else {""}
            self._known[key] = self._common(found)
        return self._known[key]

    def _common(self, found: set[str]) -> str:
        """Return the carrier that promises least of several that promise the same pin."""
        words = [self.words.carriers[name] for name in sorted(found) if name]
        if len(words) < len(found) or len({word.pin for word in words}) != 1:
            return ""
        return max(words, key=lambda word: len(word.positions)).name

    def _in_calls(self, function: FunctionFacts, number: int, depth: int) -> Iterator[str]:
        for caller in dict.fromkeys(f for f, _ in self.graph.callers(function.name)):
            meant = self.code.find_function(function.name, caller.path)
            if meant is None or (meant.path, meant.line) != (function.path, function.line):
                continue
            body = self.code.body(caller)
            if isinstance(body, Skipped):
                yield ""
                continue
            for node in iter_nodes(body.body):
                match node:
                    case c.Call(callee=c.Name(name=name), args=args) if name == function.name:
                        found = None
                        if number < len(args):
                            found = self._origin(caller, body, args[number], depth)
                        yield found or ""

    def _origin(
        self,
        caller: FunctionFacts,
        body: c.FunctionDef,
        expr: c.Expr,
        depth: int,
        seen: frozenset[str] = frozenset(),
    ) -> str | None:
        """Return the carrier an argument comes from; "" for another or for several.

        None where a variable is made of one of ``seen``, of which it is: that adds no value.
        """
        match expr:
            case c.Cast(operand=operand) | c.Binary(op="+" | "-", left=operand):
                return self._origin(caller, body, operand, depth, seen)
            case c.Call(callee=c.Name(name=name)):
                return self._given(name, caller.path)
            case c.Name(name=name) if name in seen:
                return None
            case c.Name(name=name):
                values = [v for v in _values_of(body, name) if not _updates(v, name)]
                origins = [
                    self._origin(caller, body, value, DEPTH, seen | {name}) for value in values
                ]
                found = {origin for origin in origins if origin is not None}
                numbers = [i for i, p in enumerate(body.parameters) if p.name == name]
                if numbers:
                    found.add(self.find_carrier(caller, numbers[0], depth + 1))
                return self._common(found)
        return ""

    def _given(self, name: str, near: str) -> str:
        """Return the carrier behind a call: the function itself, or the one it passes on."""
        word = self.words.carriers.get(name)
        if word is not None:
            return "" if word.same else name
        function = self.code.find_function(name, near)
        calls = {call.name for call in function.calls} if function is not None else set()
        found = [n for n in sorted(calls) if (w := self.words.carriers.get(n)) and not w.same]
        return found[0] if len(found) == 1 else ""


def _updates(value: c.Expr, name: str) -> bool:
    """Say whether a variable is made of itself: ``entry = pte_mkdirty(entry)``."""
    return isinstance(value, c.Call) and any(
        isinstance(arg, c.Name) and arg.name == name for arg in value.args
    )


def _values_of(body: c.FunctionDef, name: str) -> Iterator[c.Expr]:
    for node in iter_nodes(body.body):
        match node:
            case c.Declare(name=declared, value=value) if declared == name and value is not None:
                yield value
            case c.Assign(target=c.Name(name=target), value=value) if target == name:
                yield value
