"""Walks one function's flow for what it does with counters, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.cfg import Flow, Node
from reviewer.analysis.control import Meeting, Walk
from reviewer.analysis.counts.calls import evaluate_call
from reviewer.analysis.counts.evaluate import (
    ask,
    describe_source,
    evaluate,
    find_element,
    find_member,
)
from reviewer.analysis.counts.notes import Account, Event, Exit, Note
from reviewer.analysis.counts.shape import Shape
from reviewer.analysis.counts.state import Results, State
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


class Frame(Walk[State, Value]):
    """One activation of a function during a counting walk.

    A ``coarse`` one keeps no history to speak of: it ends where the other has too many paths,
    and what it notes of expressions holds all the same.
    """

    unknown = UNKNOWN

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

    def evaluate(self, state: State, expr: c.Expr) -> Results:
        """Evaluate an expression on one path."""
        return evaluate(self, state, expr)

    def member(self, base: Value, field: str) -> Value:
        """Return what a member of a page is."""
        return find_member(self, base, field)

    def element(self, state: State, base: Value, index: Value) -> Value:
        """Return what an element of an array of pages is."""
        return find_element(base, index)

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
            for _, place in self.address(state, target):
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

    def reduce(self, state: State, node: Node, met: Meeting) -> State:
        """Drop the variables nothing reads any more; where many paths met, merge."""
        if node.live is not None:
            state = state.keeping(node.live)
        if len(met.paths) < self.merge_at:
            return state
        return state.without_history() if self.coarse else state.without_numbers()

    def afford(self, state: State, met: Meeting) -> bool:
        """Count one step.

        Raises:
            TooManyPathsError: the walk has taken all it may.
        """
        self._steps += 1
        if self._steps > (STATES_OF_HELPER if self.depth else STATES):
            raise TooManyPathsError(self.function.name)
        return True

    def declare(self, state: State, declared: c.Declare) -> list[State]:
        """Take a declaration: its initialiser is stored."""
        if declared.value is None or isinstance(declared.value, c.InitList):
            return [state]
        target = c.Name(declared.span, declared.name)
        return [
            self.store(s, target, value, declared.value)
            for s, value in evaluate(self, state, declared.value)
        ]

    def ask(self, state: State, node: Node) -> Iterator[tuple[State, bool]]:
        """Take a test: each truth it can have goes its way."""
        assert node.expr is not None
        for s, truth in ask(self, state, node.expr):
            yield self.asking(node.stmt, node.expr.span, s), truth

    def asking(self, stmt: c.Stmt | None, span: c.Span, state: State) -> State:
        """Return the state after the test of an ``if``: it may decide about statistics."""
        for name in self.shape.asks(stmt):
            state = state.after(Event("asked", name, 0, NOBODY, self.function.name, span, span))
        return state

    def choose(self, node: Node, value: Value) -> Sequence[int]:
        """Return the arm of a known value, else every arm."""
        if not isinstance(value, Num):
            return super().choose(node, value)
        for number, case in enumerate(node.arms):
            assert case.low is not None
            low = self.counting.code.fold(case.low)
            high = self.counting.code.fold(case.high) if case.high is not None else low
            if low is None or high is None or low <= value.value <= high:
                return (node.next[number],)
        return (node.next[-1],)


def start_of(counting: Counting, body: c.FunctionDef, values: tuple[Value, ...] = ()) -> State:
    """Return the state a walk starts in: the arguments, or pages of the parameters' own."""
    env: dict[str, Value] = {}
    for number, parameter in enumerate(body.parameters):
        if number < len(values):
            env[parameter.name] = values[number]
        elif not values and is_page_type(parameter.type, counting.vocabulary):
            env[parameter.name] = Page(("param", number))
    return State({name: v for name, v in env.items() if not isinstance(v, Unknown)})
