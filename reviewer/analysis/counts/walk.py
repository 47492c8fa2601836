"""Walks one function's flow for what it does with counters, path by path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.cfg import END, Flow, Node
from reviewer.analysis.counts.calls import evaluate_call
from reviewer.analysis.counts.evaluate import Results, address, ask, describe_source, evaluate
from reviewer.analysis.counts.notes import Account, Event, Exit, Note
from reviewer.analysis.counts.shape import Shape
from reviewer.analysis.counts.state import State
from reviewer.analysis.counts.values import (
    NOBODY,
    UNKNOWN,
    Count,
    Num,
    Page,
    Subject,
    Unknown,
    Value,
    rename_value,
)
from reviewer.analysis.engine import is_page_type
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts

if TYPE_CHECKING:
    from reviewer.analysis.counts.counting import Counting

# Bounds cost; a function that reaches it is reported as not analysed.
STATES = 6_000
STATES_OF_HELPER = 1_200
# Above this many paths at one node, those that differ in plain numbers only are merged.
MERGE_AT = 48


class TooManyPathsError(Exception):
    """A walk has more states than one may have."""


class Frame:
    """One activation of a function during a counting walk.

    A ``coarse`` one keeps no history to speak of: it ends where the other has too many paths,
    and what it notes of expressions holds all the same.
    """

    def __init__(
        self,
        counting: Counting,
        function: FunctionFacts,
        body: c.FunctionDef,
        depth: int,
        *,
        coarse: bool,
    ) -> None:
        self.counting = counting
        self.words = counting.words
        self.function = function
        self.depth = depth
        self.coarse = coarse
        self.merge_at = 1 if coarse else MERGE_AT
        self.shape: Shape = counting.shape(function, body)
        self.variables = self.shape.variables
        self.notes: set[Note] = set()
        self._steps = 0

    # ---- what expressions need ---------------------------------------------------------

    def call(self, state: State, call: c.Call) -> Results:
        """Evaluate a call."""
        return evaluate_call(self, state, call)

    def note(self, note: Note) -> None:
        """Keep a note."""
        self.notes.add(note)

    def store(
        self, state: State, target: c.Expr, value: Value, source: c.Expr | None = None
    ) -> State:
        """Return the state after a store; only variables whose address stays here are kept."""
        while isinstance(target, c.Cast):
            target = target.operand
        if not isinstance(target, c.Name):
            for _, place in address(self, state, target):
                self.note_stored(state, target, place, value)
            return state
        name = target.name
        if name in self.shape.escaped:
            return state.storing(name, UNKNOWN)
        if isinstance(value, Unknown) and name in self.shape.pages:
            word = describe_source(source)
            subject: Subject = ("made", word, target.span.at_path, target.span.at_line)
            return state.forgetting(subject).storing(name, Page(subject))
        return state.storing(name, value)

    def note_stored(self, state: State, target: c.Expr, place: Value, value: Value) -> None:
        """Note a page stored where others find it."""
        if isinstance(value, Page):
            span = target.span
            huge = frozenset({"huge"} if any(f[0] == "huge" for f in state.facts) else ())
            op = describe_source(target)
            self.note(Note("store", span, self.function.name, op, value, bounded=bool(huge)))

    def statement_expression(self, state: State, block: c.Block) -> Results:
        """Run ``({ ... })`` on one path."""
        flow = self.counting.flow(block, whole=False)
        return self.run(flow, [state])

    def take_notes(
        self,
        account: Account,
        callee: FunctionFacts,
        names: Mapping[Subject, Subject],
        where: c.Span,
    ) -> None:
        """Take over what a static helper of this file asks of this function's own pages."""
        if callee.path != self.function.path:
            return
        for note in account.notes:
            left, right = rename_value(note.left, names), rename_value(note.right, names)
            values = [v for v in (left, right) if isinstance(v, Count)]
            own = any(v.subject != NOBODY and "made" in repr(v.subject[:2]) for v in values)
            if note.kind in ("compare", "divide", "subtract") and (
                own or any(v.handed for v in values)
            ):
                via = note.via or callee.name
                self.note(replace(note, left=left, right=right, via=via, span=where))

    # ---- the walk ----------------------------------------------------------------------

    def account(self, flow: Flow, start: State) -> Account:
        """Walk the function from ``start``; return its ways out and what was noted."""
        exits = [Exit(value, s.events, s.facts) for s, value in self.run(flow, [start])]
        return Account(tuple(dict.fromkeys(exits)), frozenset(self.notes))

    def run(self, flow: Flow, starts: list[State]) -> Results:
        """Walk the flow from each start state; return the states at its end with the value."""
        if flow.start == END:
            return [(s, UNKNOWN) for s in starts]
        ends: Results = []
        seen: dict[int, set[tuple[object, ...]]] = defaultdict(set)
        work: list[tuple[int, State, Value]] = [(flow.start, s, UNKNOWN) for s in starts]
        while work:
            at, state, value = work.pop()
            if at == END:
                ends.append((state, value))
                continue
            live = flow.nodes[at].live
            if live is not None:
                state = state.keeping(live)
            if len(seen[at]) >= self.merge_at:
                state = state.without_history() if self.coarse else state.without_numbers()
            key = (state.key(), value)
            if key in seen[at]:
                continue
            seen[at].add(key)
            self._steps += 1
            if self._steps > (STATES_OF_HELPER if self.depth else STATES):
                raise TooManyPathsError(self.function.name)
            for to, after, result in self.step(flow, at, state):
                kept = result if at == flow.value or flow.nodes[at].kind == "return" else value
                work.append((to, after, kept))
        return ends

    def step(self, flow: Flow, at: int, state: State) -> list[tuple[int, State, Value]]:
        """Take one node on one path."""
        node = flow.nodes[at]
        following = node.next[0] if node.next else END
        match node.kind:
            case "evaluate":
                assert node.expr is not None
                return [(following, s, v) for s, v in evaluate(self, state, node.expr)]
            case "declare":
                return [(following, s, UNKNOWN) for s in self.declare(node, state)]
            case "branch":
                return self.branch(node, state)
            case "switch":
                return self.switch(node, state)
            case "return":
                if node.expr is None:
                    return [(END, state, UNKNOWN)]
                return [(END, s, v) for s, v in evaluate(self, state, node.expr)]
        return [(following, state, UNKNOWN)]

    def declare(self, node: Node, state: State) -> list[State]:
        """Take a declaration: its initialiser is stored."""
        assert isinstance(node.stmt, c.Declare)
        declared = node.stmt
        if declared.value is None or isinstance(declared.value, c.InitList):
            return [state]
        target = c.Name(declared.span, declared.name)
        return [
            self.store(s, target, value, declared.value)
            for s, value in evaluate(self, state, declared.value)
        ]

    def branch(self, node: Node, state: State) -> list[tuple[int, State, Value]]:
        """Take a test: each truth it can have goes its way."""
        assert node.expr is not None
        after: list[tuple[int, State, Value]] = []
        for s, truth in ask(self, state, node.expr):
            to = node.next[0 if truth else 1]
            after.append((to, self.asking(node.stmt, node.expr.span, s), UNKNOWN))
        return after

    def asking(self, stmt: c.Stmt | None, span: c.Span, state: State) -> State:
        """Return the state after the test of an ``if``: it may decide about statistics."""
        for name in self.shape.asks(stmt):
            state = state.after(Event("asked", name, 0, NOBODY, self.function.name, span, span))
        return state

    def switch(self, node: Node, state: State) -> list[tuple[int, State, Value]]:
        """Take a switch: the arm of a known value, else every arm."""
        assert node.expr is not None
        after: list[tuple[int, State, Value]] = []
        for s, value in evaluate(self, state, node.expr):
            targets = list(dict.fromkeys(node.next))
            if isinstance(value, Num):
                targets = [self._arm(node, value.value)]
            after += [(to, s, UNKNOWN) for to in targets]
        return after

    def _arm(self, node: Node, value: int) -> int:
        for number, case in enumerate(node.arms):
            assert case.low is not None
            low = self.counting.code.fold(case.low)
            high = self.counting.code.fold(case.high) if case.high is not None else low
            if low is None or high is None or low <= value <= high:
                return node.next[number]
        return node.next[-1]


def start_of(counting: Counting, body: c.FunctionDef, values: tuple[Value, ...] = ()) -> State:
    """Return the state a walk starts in: the arguments, or pages of the parameters' own."""
    env: dict[str, Value] = {}
    for number, parameter in enumerate(body.parameters):
        if number < len(values):
            env[parameter.name] = values[number]
        elif not values and is_page_type(parameter.type, counting.vocabulary):
            env[parameter.name] = Page(("param", number))
    return State({name: v for name, v in env.items() if not isinstance(v, Unknown)})
