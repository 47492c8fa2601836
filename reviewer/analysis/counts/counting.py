"""What one tree's functions do with counters, each worked out once."""

from __future__ import annotations

from dataclasses import replace

from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.cfg import Flow
from reviewer.analysis.counts.exits import join_exits, shown
from reviewer.analysis.counts.functions import CountingFunctions, Key, key_of
from reviewer.analysis.counts.notes import Account
from reviewer.analysis.counts.shape import Shape, read_shape
from reviewer.analysis.counts.state import Fact
from reviewer.analysis.counts.values import (
    Value,
)
from reviewer.analysis.counts.walk import Frame, TooManyPathsError, start_of
from reviewer.analysis.engine import Engine, is_page_type
from reviewer.analysis.summaries import TooLong
from reviewer.analysis.values import Num, ObjectId, ObjectState, Ptr
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.pagestate import Pin, Position

DEPTH = 12  # calls into helpers; no more than stops what calls itself in a circle


class Counting:
    """The counting walks over one tree."""

    depth = DEPTH

    def __init__(self, engine: Engine, graph: CallGraph) -> None:
        self.engine = engine
        self.code = engine.code
        self.vocabulary = engine.words
        self.words = engine.words.counting
        self.functions = CountingFunctions(self.code, graph, self.vocabulary)
        self._accounts: dict[tuple[object, ...], Account | None] = {}
        self._shapes: dict[Key, Shape] = {}
        self._answers: dict[Key, dict[Position, bool | None] | None] = {}

    def effects(self, key: tuple[str, str]) -> frozenset[object]:
        """Return what a function (its path and name) counts and changes, without lines.

        Two trees in which this is equal cannot differ for its callers.
        """
        path, name = key
        found: set[object] = set()
        for function in self.code.iter_functions(name):
            if function.path == path and self.functions.is_counting(function):
                account = self.own(function)
                for way in account.exits if account is not None else ():
                    events = frozenset(shown(event) for event in way.events)
                    found.add((shown(way.value), events))
        return frozenset(found)

    # ---- walking ---------------------------------------------------------------------------

    def meant(self, name: str, near: str) -> FunctionFacts | None:
        """Return the function that a call in the file ``near`` means."""
        return self.engine.meant(name, near)

    def flow(self, block: c.Block, *, whole: bool) -> Flow:
        """Return the flow of a block, built once."""
        return self.engine.flow(block, whole=whole)

    def shape(self, function: FunctionFacts, body: c.FunctionDef) -> Shape:
        """Return what is read off a function's tree beforehand."""
        key = key_of(function)
        if key not in self._shapes:
            self._shapes[key] = read_shape(
                body,
                self.vocabulary,
                self.functions.is_statistic,
                self.functions.changes_statistic,
            )
        return self._shapes[key]

    def shape_of(self, function: FunctionFacts) -> Shape | None:
        """Return the shape of a function, None where it cannot be read."""
        body = self.code.body(function)
        return None if isinstance(body, Skipped) else self.shape(function, body)

    def own(self, function: FunctionFacts) -> Account | None:
        """Return what a function does with pages that may be any; None where it is not read."""
        return self.account(function, (), frozenset(), 0)

    def account(
        self,
        function: FunctionFacts,
        values: tuple[Value, ...],
        facts: frozenset[Fact],
        depth: int,
    ) -> Account | None:
        """Return what a function does when called with these arguments.

        A call back into what is being walked is not followed a second time.
        """
        key = (key_of(function), values, facts, depth > 0)
        if key in self._accounts:
            return self._accounts[key]
        self._accounts[key] = None
        body = self.code.body(function)
        if isinstance(body, Skipped):
            self.engine.skipped[body.path, body.function, body.reason] = body
            return None
        account = self._walk(function, body, values, facts, depth)
        if account is not None and depth:
            account = replace(account, exits=join_exits(account.exits))
        self._accounts[key] = account
        return account

    def _walk(
        self,
        function: FunctionFacts,
        body: c.FunctionDef,
        values: tuple[Value, ...],
        facts: frozenset[Fact],
        depth: int,
    ) -> Account | None:
        start = start_of(self, body, values)
        start.facts = facts
        flow = self.flow(body.body, whole=True)
        frame = Frame(self, function, body, depth, coarse=False)
        try:
            return frame.account(flow, start)
        except TooManyPathsError:
            frame = Frame(self, function, body, depth, coarse=True)
        except RecursionError:
            self._give_up(function, "the source nests too deep")
            return None
        try:
            return replace(frame.account(flow, start), complete=False)
        except TooManyPathsError:
            self._give_up(function, "more paths than are walked")
            return Account((), frozenset(frame.notes), complete=False)

    def _give_up(self, function: FunctionFacts, reason: str) -> None:
        self.engine.note_skipped(function, f"counters: {reason}")

    def answers(self, function: FunctionFacts) -> dict[Position, bool | None] | None:
        """Return what a test of a page says at each position; None where it is no such test."""
        key = key_of(function)
        if key not in self._answers:
            self._answers[key] = self._ask(function)
        return self._answers[key]

    def _ask(self, function: FunctionFacts) -> dict[Position, bool | None] | None:
        body = self.code.body(function)
        if isinstance(body, Skipped) or len(body.parameters) != 1 or body.returns.pointers:
            return None
        if not is_page_type(body.parameters[0].type, self.vocabulary):
            return None
        answers = {position: self._answer(function, position) for position in Position}
        return answers if set(answers.values()) != {None} else None

    def _answer(self, function: FunctionFacts, position: Position) -> bool | None:
        start: dict[ObjectId, ObjectState] = {
            ("param", 0): ObjectState(frozenset({position}), frozenset({Pin.REFERENCE}))
        }
        try:
            summary = self.engine.summarise(function, (Ptr(("param", 0)),), dict(start), 0)
        except (TooLong, RecursionError):
            return None
        if summary is None:
            return None
        values = [way.value for way in summary.exits]
        if not values or not all(isinstance(value, Num) for value in values):
            return None
        truths = {bool(value.value) for value in values if isinstance(value, Num)}
        return truths.pop() if len(truths) == 1 else None
