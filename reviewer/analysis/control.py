"""What every walk over a function's flow has in common: nodes and paths, one after another.

Nothing here knows what a state holds or a value means. A walk says what an expression, a test
and a store do to its own, and what it does where paths meet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from reviewer.analysis.cfg import END, Flow, Node
from reviewer.model import ctree as c

# What C spells as a name and means as a number.
CONSTANTS = {"true": 1, "false": 0, "NULL": 0}


class Path(Protocol):
    """What is known on one path at one point."""

    def key(self) -> tuple[object, ...]:
        """Return a value equal for equal states."""


S = TypeVar("S", bound=Path)
V = TypeVar("V", bound=Hashable)


@dataclass(slots=True)
class Meeting:
    """The paths that came to one node: what tells them apart, and what groups of them share."""

    paths: set[tuple[object, ...]] = field(default_factory=set)
    shared: dict[tuple[object, ...], dict[object, object]] = field(default_factory=dict)


class Walk(ABC, Generic[S, V]):
    """One activation of a function. ``unknown`` is the value nothing is known of."""

    unknown: V

    # ---- what a walk has to say --------------------------------------------------------

    @abstractmethod
    def evaluate(self, state: S, expr: c.Expr) -> list[tuple[S, V]]:
        """Evaluate on one path; the results are the paths it splits into."""

    @abstractmethod
    def member(self, base: V, field: str) -> V:
        """Return the place of a member of what ``base`` points at."""

    @abstractmethod
    def element(self, state: S, base: V, index: V) -> V:
        """Return the place of an element of what ``base`` points at."""

    @abstractmethod
    def declare(self, state: S, declared: c.Declare) -> list[S]:
        """Take a declaration: its initialiser is stored."""

    @abstractmethod
    def ask(self, state: S, node: Node) -> Iterable[tuple[S, bool]]:
        """Take a test: yield the paths it splits into, each with its truth."""

    @abstractmethod
    def reduce(self, state: S, node: Node, met: Meeting) -> S:
        """Return what is kept of a path that comes to a node; where many met, less is."""

    @abstractmethod
    def afford(self, state: S, met: Meeting) -> bool:
        """Count one step; say whether the path is walked on from where so many met."""

    def choose(self, node: Node, value: V) -> Sequence[int]:
        """Return the nodes a switch can enter with this value: any arm."""
        return tuple(dict.fromkeys(node.next))

    def leave(self, state: S, names: tuple[str, ...]) -> S:
        """Return the state after a scope with these variables."""
        return state

    def skip(self, reason: str) -> None:
        """Note that something of this function was not read."""

    # ---- the walk ----------------------------------------------------------------------

    def run(self, flow: Flow, starts: list[S]) -> list[tuple[S, V]]:
        """Walk the flow from each start state; return the states at its end with the value."""
        if flow.start == END:
            return [(s, self.unknown) for s in starts]
        ends: list[tuple[S, V]] = []
        met: dict[int, Meeting] = defaultdict(Meeting)
        work = [(flow.start, s, self.unknown) for s in starts]
        while work:
            at, came, value = work.pop()
            if at == END:
                ends.append((came, value))
                continue
            node = flow.nodes[at]
            here = met[at]
            state = self.reduce(came, node, here)
            key = (state.key(), value)
            if key in here.paths or not self.afford(state, here):
                continue
            here.paths.add(key)
            gives = at == flow.value or node.kind == "return"
            work += [(to, s, v if gives else value) for to, s, v in self.step(state, node)]
        return ends

    def step(self, state: S, node: Node) -> list[tuple[int, S, V]]:
        """Take one node on one path; return where each path goes on, and with what value."""
        match node.kind:
            case "evaluate" if node.expr is not None:
                return [(node.next[0], s, v) for s, v in self.evaluate(state, node.expr)]
            case "declare" if isinstance(node.stmt, c.Declare):
                after = self.declare(state, node.stmt)
                return [(node.next[0], s, self.unknown) for s in after]
            case "branch":
                asked = self.ask(state, node)
                return [(node.next[0 if yes else 1], s, self.unknown) for s, yes in asked]
            case "switch" if node.expr is not None:
                entered = self.evaluate(state, node.expr)
                return [(to, s, self.unknown) for s, v in entered for to in self.choose(node, v)]
            case "return" if node.expr is not None:
                return [(END, s, v) for s, v in self.evaluate(state, node.expr)]
            case "leave":
                state = self.leave(state, node.names)
            case "unparsed" if isinstance(node.stmt, c.UnparsedStmt):
                self.skip(node.stmt.reason)
        return [(node.next[0], state, self.unknown)]

    # ---- what is alike in all expressions ------------------------------------------------

    def address(self, state: S, expr: c.Expr) -> list[tuple[S, V]]:
        """Evaluate an lvalue to its place; one that is no part of a page is unknown."""
        match expr:
            case c.Member(base=base, field=name, arrow=arrow):
                inner = self.evaluate(state, base) if arrow else self.address(state, base)
                return [(s, self.member(v, name)) for s, v in inner]
            case c.Index(base=base, index=index):
                return [
                    (s2, self.element(s2, pointer, number))
                    for s1, pointer in self.evaluate(state, base)
                    for s2, number in self.evaluate(s1, index)
                ]
            case c.Unary(op="*", operand=operand):
                return self.evaluate(state, operand)
            case c.Cast(operand=operand):
                return self.address(state, operand)
        return [(state, self.unknown)]

    def sequence(self, state: S, items: Iterable[c.Expr]) -> list[tuple[S, V]]:
        """Evaluate ``a, b``: one after the other, with the value of the last."""
        results = [(state, self.unknown)]
        for item in items:
            results = [r for s, _ in results for r in self.evaluate(s, item)]
        return results

    def arguments(self, state: S, call: c.Call) -> list[tuple[S, tuple[V, ...]]]:
        """Evaluate what a call is handed, from left to right."""
        paths: list[tuple[S, tuple[V, ...]]] = [(state, ())]
        for arg in call.args:
            paths = [(s2, (*vs, v)) for s1, vs in paths for s2, v in self.evaluate(s1, arg)]
        return paths


def choose_arm(generic: c.Generic) -> c.Expr:
    """Return the arm of ``_Generic`` that is read.

    The arms of page_folio() differ in const only; without static types the last typed one is
    taken, which in the tree's spelling is the one without const.
    """
    typed = [expr for kind, expr in generic.arms if kind is not None]
    return typed[-1] if typed else generic.arms[-1][1]
