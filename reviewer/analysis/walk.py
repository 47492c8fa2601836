"""Walks one function's flow with page states, path by path, and notes what asserts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.branches import decide, find_slot, forget_facts
from reviewer.analysis.calls import evaluate_call
from reviewer.analysis.cfg import Node
from reviewer.analysis.control import Meeting, Walk
from reviewer.analysis.evaluate import evaluate, find_element, find_member
from reviewer.analysis.fields import iter_initialised, store_field
from reviewer.analysis.hazards import Hazard
from reviewer.analysis.numbers import join, signs_of
from reviewer.analysis.objects import find_ancestors
from reviewer.analysis.secondlook import find_taken, note_asked
from reviewer.analysis.stops import describe_demand, find_stop, stop_name
from reviewer.analysis.values import (
    EQUAL,
    SURE,
    UNKNOWN,
    Doubt,
    Num,
    ObjectId,
    Results,
    State,
    Unknown,
    Value,
)
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import PathStep, Reason
from reviewer.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from reviewer.analysis.engine import Engine

# Above this many paths at one node, those that differ in plain numbers only are merged; above
# the second figure the oldest knowledge goes first. Both bound cost, neither adds a finding.
MERGE_AT = 24
PATHS_AT_NODE = 96
# A step takes as long as what it copies is large: beyond this it counts for several.
STATE_SIZE = 32


class Frame(Walk[State, Value]):
    """One activation of a function during a walk."""

    unknown = UNKNOWN

    def __init__(
        self,
        engine: Engine,
        function: FunctionFacts,
        depth: int,
        handed: frozenset[ObjectId] = frozenset(),
    ) -> None:
        self.engine = engine
        self.function = function
        self.depth = depth
        self.handed = handed
        self.words: Vocabulary = engine.words
        self.hazards: dict[tuple[object, ...], Hazard] = {}
        self.node: Node | None = None  # the one being taken
        self.asked: list[Hazard] = []  # reads of the test being taken

    @property
    def flags(self) -> frozenset[str]:
        """The flags among the function's variables."""
        return self.engine.flags(self.function)

    # ---- what expressions need -------------------------------------------------------

    def evaluate(self, state: State, expr: c.Expr) -> Results:
        """Evaluate an expression on one path."""
        return evaluate(self, state, expr)

    def member(self, base: Value, field: str) -> Value:
        """Return the place of a member of a page."""
        return find_member(self.words, base, field)

    def element(self, state: State, base: Value, index: Value) -> Value:
        """Return the struct page so many further on."""
        return find_element(state, base, index)

    def call(self, state: State, call: c.Call) -> Results:
        """Evaluate a call."""
        return evaluate_call(self, state, call)

    def skip(self, reason: str) -> None:
        """Note that something of this function was not read."""
        self.engine.note_skipped(self.function, reason)

    def store(self, state: State, target: c.Expr, value: Value) -> None:
        """Store into a variable of ``state``; facts about its old value go."""
        while isinstance(target, c.Cast):
            target = target.operand
        name = find_slot(state, target)
        if not name:
            store_field(state, target, value)
            return
        state.drop((name,))
        # flags stay apart; of another number the sign is kept
        if isinstance(value, Num) and abs(value.value) > 1:
            value = Unknown(signs=signs_of(value))
        state.env[name] = value
        forget_facts(state, name)

    def statement_expression(self, state: State, block: c.Block) -> Results:
        """Run ``({ ... })`` on one path."""
        outer = self.node
        ends = self.run(self.engine.flow(block), [state])
        self.node = outer
        return ends

    def note(self, hazard: Hazard) -> None:
        """Keep a hazard; the same one on another path widens what was claimed."""
        key = (hazard.obj, hazard.reason, hazard.demand, hazard.chain)
        old = self.hazards.get(key)
        if old is not None:
            claimed = old.claimed | hazard.claimed
            held = old.held or hazard.held
            guarded = old.guarded and hazard.guarded
            hazard = replace(hazard, claimed=claimed, pin=old.pin, held=held, guarded=guarded)
        self.hazards[key] = hazard

    # ---- the walk ----------------------------------------------------------------------

    def reduce(self, state: State, node: Node, met: Meeting) -> State:
        """Drop what nothing reads any more; where many paths met, merge."""
        if node.live is not None:
            state = state.keep(node.live, self.handed)
        return widen(state, met.shared) if len(met.paths) >= MERGE_AT else state

    def afford(self, state: State, met: Meeting) -> bool:
        """Spend one step of the engine's; too many paths at one node are not walked."""
        if len(met.paths) >= PATHS_AT_NODE:
            self.skip(f"more than {PATHS_AT_NODE} paths meet; the rest was not walked")
            return False
        self.engine.spend(1 + state.size // STATE_SIZE)
        return True

    def step(self, state: State, node: Node) -> list[tuple[int, State, Value]]:
        """Take one node on one path."""
        self.node = node
        return super().step(state, node)

    def leave(self, state: State, names: tuple[str, ...]) -> State:
        """Forget the variables of a scope."""
        left = state.copy()
        left.drop(names)
        return left

    def declare(self, state: State, declared: c.Declare) -> list[State]:
        """Take a declaration: its initialiser is stored."""
        results: Results = [(state, UNKNOWN)]
        if declared.value is not None and not isinstance(declared.value, c.InitList):
            results = evaluate(self, state, declared.value)
        after: list[State] = []
        for s, value in results:
            new = s.copy()
            self.store(new, c.Name(declared.span, declared.name), value)
            after.append(new)
        if isinstance(declared.value, c.InitList):
            for place, given in iter_initialised(declared, declared.value):
                after = [self._set(s, place, v) for m in after for s, v in self.evaluate(m, given)]
        return after

    def _set(self, state: State, place: c.Expr, value: Value) -> State:
        new = state.copy()
        self.store(new, place, value)
        return new

    def ask(self, state: State, node: Node) -> list[tuple[State, bool]]:
        """Take a test: each truth it can have goes its way, an assertion is noted."""
        assert node.expr is not None
        stop = find_stop(node.stmt, self.words)
        after: list[tuple[State, bool]] = []
        outer, self.asked = self.asked, []
        tested: Doubt = SURE
        for case in decide(self, state, node.expr):
            tested |= case.about
            if stop is not None:
                note = self.note_open if case.loose else self.note_assertion
                note(node, stop, case.state, case.truth, case.doubt, case.about)
                if case.truth:
                    failed = (self.function.path, self.function.name, node.expr.span)
                    self.engine.failing.add(failed)
                    if stop_name(stop) in self.words.stop:
                        continue
            after.append((note_asked(self, case.state, case.about), case.truth))
        for hazard in self.asked:
            if hazard.obj not in tested:
                self.note(hazard)
        self.asked = outer
        return after

    def note_open(
        self, node: Node, stop: c.Call, state: State, truth: bool, doubt: Doubt, about: Doubt
    ) -> None:
        """Note an assertion on a page that also asks what the walk does not follow.

        Only where it would count: it fires on the claim, or passes on one nothing pins.
        """
        if any(state.find(obj).tracked for obj in (about if truth else doubt)):
            text = describe_demand(self.engine, self.function, node.stmt, stop).text
            self.skip(f"the assertion {text} also hangs on what is not followed")

    def note_assertion(
        self, node: Node, stop: c.Call, state: State, truth: bool, doubt: Doubt, about: Doubt
    ) -> None:
        """Compare what an assertion asks with what is claimed on this path.

        It fires on the claim itself: position. It passes, but on a claim that nothing pins:
        stability, for the page may have been freed or split since. So it is, too, where it
        fires on the head of a page nothing pins: that may be another page's by now.
        """
        through = {d for d in doubt if any(d in find_ancestors(obj) for obj in about)}
        if truth and not through:
            objects, reason = about, Reason.POSITION
        else:
            objects, reason = frozenset(through) if truth else doubt, Reason.STABILITY
        for obj in sorted(objects, key=repr):
            mine = state.find(obj)
            if not mine.tracked:
                continue
            demand = describe_demand(self.engine, self.function, node.stmt, stop)
            step = PathStep(self.function.name, demand.stops.at_path, demand.stops.at_line)
            held = find_taken(state, obj) if reason is Reason.STABILITY else None
            found = Hazard(obj, reason, mine.positions, mine.pin, demand, (step,), held)
            stale = mine.stale.step if mine.stale is not None else None
            self.note(replace(found, guarded=mine.guarded, stale=stale))


def widen(state: State, groups: dict[tuple[object, ...], dict[object, object]]) -> State:
    """Widen a path where many meet: of those with the same pages what differs in numbers goes.

    A number that is the same on all of them stays: that is what a flag says of the pages.
    """
    merged = state.copy()
    for obj, mine in state.objects.items():
        if mine.hugetlb is not None:
            merged.objects[obj] = replace(mine, hugetlb=None)
    kept = groups.setdefault(merged.page_key(), {})
    for name, value in state.env.items():
        if isinstance(value, Num | Unknown):
            first = kept.setdefault(name, value)
            assert isinstance(first, Num | Unknown)
            kept[name] = merged.env[name] = join(first, value)
    for fact in [f for f in state.facts if f[0] == EQUAL]:
        if kept.setdefault(fact, state.facts[fact]) != state.facts[fact]:
            kept[fact] = None
            del merged.facts[fact]
    return merged
