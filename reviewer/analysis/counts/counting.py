"""What one tree's functions do with counters, each worked out once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.cfg import Flow
from reviewer.analysis.counts.notes import Account, Event, Exit
from reviewer.analysis.counts.shape import Shape, read_shape
from reviewer.analysis.counts.state import Fact
from reviewer.analysis.counts.values import (
    UNKNOWN,
    Count,
    Counter,
    Page,
    Subject,
    Value,
    head_of,
    join_counts,
)
from reviewer.analysis.counts.walk import Frame, TooManyPathsError, start_of
from reviewer.analysis.engine import Engine, is_page_type
from reviewer.analysis.summaries import TooLong
from reviewer.analysis.values import Num, ObjectId, ObjectState, Ptr
from reviewer.cfacts.config import SCOPE
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.pagestate import Pin, Position
from reviewer.model.vocabulary import Unit

Key = tuple[str, str, int]
_CHANGE = re.compile(r"atomic_(inc|dec|add|sub)")
DEPTH = 12  # calls into helpers; no more than stops what calls itself in a circle
LINES = 80  # a longer function is no wrapper: what it counts is its own business
ROUNDS = 3  # wrappers around wrappers


@lru_cache(maxsize=512)
def _find_words(text: bytes, pattern: bytes) -> tuple[int, ...]:
    return tuple(match.start() for match in re.finditer(pattern, text))


def key_of(function: FunctionFacts) -> Key:
    """Return what tells a function apart within one tree."""
    return function.path, function.name, function.line


class Counting:
    """The counting walks over one tree."""

    depth = DEPTH

    def __init__(self, engine: Engine, graph: CallGraph) -> None:
        self.engine = engine
        self.code = engine.code
        self.graph = graph
        self.vocabulary = engine.words
        self.words = engine.words.counting
        self._statistic = re.compile(self.words.statistics)
        self._changed_by = re.compile(self.words.changed_by)
        kinds = "|".join(re.escape(t) for t in sorted(self.vocabulary.page_types))
        self._page_parameter = re.compile(rf"\b({kinds})\s*\*".encode())
        self._accounts: dict[tuple[object, ...], Account | None] = {}
        self._shapes: dict[Key, Shape] = {}
        self._answers: dict[Key, dict[Position, bool | None] | None] = {}
        self._paths = frozenset(self.code.index.paths)
        self._mentioning: dict[Key, FunctionFacts] | None = None
        self._counting: dict[Key, FunctionFacts] | None = None

    # ---- words -------------------------------------------------------------------------

    def is_statistic(self, name: str) -> bool:
        """Say whether a name is a statistic of mappings."""
        return self._statistic.match(name) is not None

    def is_flag(self, name: str) -> bool:
        """Say whether a name is a flag bit whose setting is noted."""
        return name in self.words.double_map or name in self.vocabulary.head_flags

    def changes_statistic(self, name: str) -> bool:
        """Say whether a function that is handed a statistic changes it."""
        return self._changed_by.search(name) is not None

    # ---- which functions count -----------------------------------------------------------

    def mentioning(self) -> dict[Key, FunctionFacts]:
        """Return the functions of the tree in whose text a counter of mappings stands."""
        if self._mentioning is None:
            other = (Unit.REFERENCES, Unit.PINS)
            fields = [w.field for w in self.words.counters.values() if w.unit not in other]
            self._mentioning = {key_of(f): f for f in self._find(fields)}
        return self._mentioning

    def _find(self, fields: list[str]) -> Iterator[FunctionFacts]:
        pattern = rb"(?:->|\.)\s*(?:" + b"|".join(f.encode() for f in sorted(fields)) + rb")\b"
        return self._find_text(fields, pattern)

    def _find_text(self, words: list[str], pattern: bytes) -> Iterator[FunctionFacts]:
        for path in self.code.source.grep_words(sorted(words), self._prefixes()):
            if path not in self._paths:
                continue
            places = _find_words(self.code.texts.file(path), pattern)
            for function in self.code.functions_in(path) if places else ():
                if any(function.start <= at < function.end for at in places):
                    yield function

    def _prefixes(self) -> tuple[str, ...]:
        return tuple(SCOPE)

    def counting(self) -> dict[Key, FunctionFacts]:
        """Return the functions worth following: those that count, and short ones around them."""
        if self._counting is None:
            found = dict(self.mentioning())
            counters = self.words.counters.values()
            references = [w.field for w in counters if w.unit is Unit.REFERENCES]
            refs = [f for f in self._find(references) if self._reads(f)]
            found |= self._around(list(found.values()), lambda _: True)
            found |= self._around(refs, self._returns_number) | {key_of(f): f for f in refs}
            # a helper that moves the statistics knows no counter
            found |= {key_of(f): f for f in self._find_statistics() if self._is_wrapper(f)}
            # of pins only the start is asked
            pins = list(self._find([w.field for w in counters if w.unit is Unit.PINS]))
            found |= {key_of(f): f for f in pins if self._sets(f) or not f.calls}
            found |= self._around(pins, self._sets)
            self._counting = found
        return self._counting

    def _around(
        self, edge: list[FunctionFacts], wanted: Callable[[FunctionFacts], bool]
    ) -> dict[Key, FunctionFacts]:
        """Return the short functions around these that take a page, to a few rounds."""
        found: dict[Key, FunctionFacts] = {}
        for _ in range(ROUNDS):
            edge = [f for f in self._callers(edge) if key_of(f) not in found and wanted(f)]
            found |= {key_of(f): f for f in edge}
        return found

    def _returns_number(self, function: FunctionFacts) -> bool:
        signature = self.code.texts.signature(function)
        return re.search(r"\b(int|long|unsigned)\b", signature) is not None

    def _sets(self, function: FunctionFacts) -> bool:
        return any(call.name == "atomic_set" for call in function.calls)

    def _reads(self, function: FunctionFacts) -> bool:
        return any(call.name == "atomic_read" for call in function.calls)

    def _callers(self, functions: list[FunctionFacts]) -> Iterator[FunctionFacts]:
        # what every assertion prints is nobody's business
        for name in sorted({f.name for f in functions} - self.vocabulary.dump):
            for caller, _ in self.graph.callers(name):
                if self._is_wrapper(caller):
                    yield caller

    def _find_statistics(self) -> Iterator[FunctionFacts]:
        names = sorted(n for n in self.code.index.enumerators if self.is_statistic(n))
        pattern = rb"\b(?:" + b"|".join(name.encode() for name in names) + rb")\b"
        return self._find_text(names, pattern) if names else iter(())

    def _is_wrapper(self, function: FunctionFacts) -> bool:
        short = function.end_line - function.line <= LINES and not function.made_by
        return short and self._takes_page(function)

    def _takes_page(self, function: FunctionFacts) -> bool:
        text = self.code.texts.function(function)
        return self._page_parameter.search(text.split(b"{", 1)[0]) is not None

    def is_counting(self, function: FunctionFacts) -> bool:
        """Say whether a function is one of those worth following."""
        return key_of(function) in self.counting()

    def is_followed(self, function: FunctionFacts, pages: bool) -> bool:
        """Say whether a call of it is walked."""
        return self.is_counting(function) or (pages and self._yields_page(function))

    def _yields_page(self, function: FunctionFacts) -> bool:
        if function.made_by:
            return True
        signature = self.code.texts.signature(function)
        return "*" in signature or "unsigned long" in signature

    def subjects(self) -> tuple[FunctionFacts, ...]:
        """Return the functions that count, and those that call one that does."""
        found = dict(self.mentioning())
        for name in sorted(self._telling() - self.vocabulary.dump):
            found |= {key_of(caller): caller for caller, _ in self.graph.callers(name)}
        return tuple(f for _, f in sorted(found.items()) if not f.made_by)

    def units(self) -> frozenset[Unit]:
        """Return what the tree's counters of compound pages count."""
        units = {word.unit for word in self.words.counters.values()}
        own = units - {Unit.PAGE, Unit.REFERENCES}
        return frozenset(unit for unit in own if self._has_counter(unit))

    def _has_counter(self, unit: Unit) -> bool:
        fields = [w.field for w in self.words.counters.values() if w.unit is unit]
        return next(self._find(fields), None) is not None

    def _telling(self) -> set[str]:
        """Return the names of functions a caller can go wrong by: they count, or change counts.

        Told by what they call and return: walking them all would cost more than it spares.
        """
        found = self.mentioning()
        around = self._around(list(found.values()), lambda _: True) | found
        changing = {f.name for f in found.values() if self._changes(f)}
        counting = {f.name for f in found.values() if self._returns_count(f)}
        for _ in range(ROUNDS):
            for function in around.values():
                called = {call.name for call in function.calls}
                if called & changing:
                    changing.add(function.name)
                if called & counting and self._returns_count(function):
                    counting.add(function.name)
        return changing | counting

    @staticmethod
    def _changes(function: FunctionFacts) -> bool:
        return any(_CHANGE.match(call.name) for call in function.calls)

    def _returns_count(self, function: FunctionFacts) -> bool:
        return "atomic_t" in self.code.texts.signature(function) or self._returns_number(function)

    def has_whole_count(self) -> bool:
        """Say whether the tree counts mappings of a compound page as a whole (4.5 and later).

        Before that one counter of the head holds them.
        """
        return self._has_counter(Unit.WHOLE)

    def effects(self, key: tuple[str, str]) -> frozenset[object]:
        """Return what a function (its path and name) counts and changes, without lines.

        Two trees in which this is equal cannot differ for its callers.
        """
        path, name = key
        found: set[object] = set()
        for function in self.code.iter_functions(name):
            if function.path == path and self.is_counting(function):
                account = self.own(function)
                for way in account.exits if account is not None else ():
                    events = frozenset(_shown(event) for event in way.events)
                    found.add((_shown(way.value), events))
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
                body, self.vocabulary, self.is_statistic, self.changes_statistic
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
            account = replace(account, exits=_join_exits(account.exits))
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


def _join_exits(exits: tuple[Exit, ...]) -> tuple[Exit, ...]:
    """Let a function that counts count one thing: what takes in all it returns.

    One that returns a page or the head of it returns its head.
    """
    pages = {e.value for e in exits}
    heads = {Page(head_of(p.subject)) for p in pages if isinstance(p, Page)}
    if len(pages) > 1 and len(heads) == 1 and all(isinstance(p, Page) for p in pages):
        return tuple(replace(e, value=next(iter(heads)), facts=frozenset()) for e in exits)
    exits = _join_ways(exits)
    counts = [e.value for e in exits if isinstance(e.value, Count)]
    if not counts:
        return exits
    joined = counts[0]
    for count in counts[1:]:
        joined = join_counts(joined, count)
    if joined.unit is Unit.REFERENCES and any(c.unit is not Unit.REFERENCES for c in counts):
        return exits
    return tuple(replace(e, value=joined) for e in exits)


def _join_ways(exits: tuple[Exit, ...]) -> tuple[Exit, ...]:
    """Let a function that returns nothing and keeps its own statistics have one way out.

    Whether its first and last mappings were followed by a statistic is asked of itself.
    """
    turns = any(e.kind == "turn" for way in exits for e in way.events)
    if not turns or any(way.value != UNKNOWN for way in exits):
        return exits
    kept = ("change", "flag", "set")
    events = frozenset(e for way in exits for e in way.events if e.kind in kept)
    return (Exit(UNKNOWN, events, frozenset()),)


def _shown(value: Value | Event) -> tuple[object, ...]:
    """Return a value or an event without the places it names."""
    match value:
        case Count(unit=unit, raw=raw, subject=subject):
            return unit, raw, _shown_subject(subject)
        case Event(kind=kind, what=what, sign=sign, subject=subject, field=field, huge=huge):
            where = "" if kind == "asked" else what
            return kind, where, sign, _shown_subject(subject), field, huge
        case Page(subject=subject) | Counter(subject=subject):
            return type(value).__name__, _shown_subject(subject)
    return (value,)


def _shown_subject(subject: Subject) -> tuple[object, ...]:
    if subject[0] in ("head", "each"):
        inner = subject[1]
        assert isinstance(inner, tuple)
        return (subject[0], _shown_subject(inner))
    return subject[:2]
