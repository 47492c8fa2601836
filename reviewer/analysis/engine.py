"""Walks functions through the calls they make: each with the page states it is handed, once.

Top-down and memoised (the functional approach of Sharir and Pnueli, 1981): a function is
walked once for each combination of abstract arguments, and its result is reused wherever it is
called with the same. Pages are renamed at each call so that results carry over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from reviewer.analysis.cfg import Flow, build_flow
from reviewer.analysis.evaluate import Results
from reviewer.analysis.hazards import CallSite, Hazard, Made
from reviewer.analysis.liveness import mark_live
from reviewer.analysis.objects import settle
from reviewer.analysis.values import (
    LOCKED,
    UNKNOWN,
    HeadWord,
    Num,
    ObjectId,
    ObjectState,
    Place,
    Predicate,
    Ptr,
    State,
    Symbol,
    Token,
    Unknown,
    Value,
    find_root,
    object_of,
)
from reviewer.analysis.walk import Frame
from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.vocabulary import Vocabulary

DEPTH = 24
STEPS = 150_000
EXITS = 16
SMALL = 64  # constants passed to a callee are kept up to this: flags and indices


class TooLong(Exception):  # noqa: N818 - it ends one walk, it is no error of the input
    """A walk spent its steps."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a function does with the pages it was handed, in its own names for them."""

    exits: tuple[tuple[Value, tuple[tuple[ObjectId, ObjectState], ...]], ...]
    hazards: tuple[Hazard, ...]
    decided: bool


def _rename(obj: ObjectId, roots: dict[ObjectId, ObjectId]) -> ObjectId:
    if obj[0] in ("head", "near"):
        inner = obj[1]
        assert isinstance(inner, tuple)
        return (obj[0], _rename(inner, roots))
    return roots.get(obj, obj)


def _rename_value(value: Value, roots: dict[ObjectId, ObjectId]) -> Value:
    match value:
        case Ptr(obj=obj, doubt=doubt):
            return Ptr(_rename(obj, roots), frozenset(_rename(d, roots) for d in doubt))
        case Place(obj=obj, field=field, doubt=doubt):
            return Place(_rename(obj, roots), field, frozenset(_rename(d, roots) for d in doubt))
        case HeadWord(obj=obj, doubt=doubt):
            return HeadWord(_rename(obj, roots), frozenset(_rename(d, roots) for d in doubt))
        case Token(word=word, obj=obj, moved=moved) if obj is not None:
            return Token(word, _rename(obj, roots), moved)
        case Num(value=number, doubt=doubt, about=about, open=loose) if doubt or about:
            return Num(
                number,
                frozenset(_rename(d, roots) for d in doubt),
                frozenset(_rename(d, roots) for d in about),
                loose,
            )
        case Unknown(doubt=doubt) if doubt:
            return Unknown(frozenset(_rename(d, roots) for d in doubt))
    return value


def is_page_type(kind: c.CType, words: Vocabulary) -> bool:
    """Say whether the type is a pointer to a page or folio."""
    base = re.sub(r"\b(const|volatile)\b\s*", "", kind.base).strip()
    return kind.pointers == 1 and not kind.dims and base in words.page_types


class Engine:
    """Walks over one tree. Keeps summaries, where pages were made, and the call sites seen."""

    def __init__(self, code: CodeBase, words: Vocabulary) -> None:
        self.code = code
        self.words = words
        self.makers: frozenset[str] = frozenset()
        self.made: dict[ObjectId, Made] = {}
        self.sites: dict[CallSite, bool] = {}
        self.skipped: dict[tuple[str, str, str], Skipped] = {}
        self._flows: dict[int, tuple[c.Block, Flow]] = {}
        self._summaries: dict[tuple[object, ...], Summary | None] = {}
        self._meant: dict[tuple[str, str], FunctionFacts | None] = {}
        self._boots: dict[tuple[str, str, int], bool] = {}
        self._steps = 0
        self._lines: dict[str, list[str]] = {}

    # ---- notes -----------------------------------------------------------------------

    def note_skipped(self, function: FunctionFacts, reason: str) -> None:
        """Remember that part of a function was not analysed."""
        key = (function.path, function.name, reason)
        self.skipped[key] = Skipped("analysis", function.path, function.name, reason)

    def note_made(self, obj: ObjectId, made: Made) -> None:
        """Remember where a page came from."""
        self.made[obj] = made

    def note_site(
        self, function: FunctionFacts, callee: str, span: c.Span, *, decided: bool
    ) -> None:
        """Remember a call that hands a page on, and whether the callee was followed."""
        site = CallSite(function.name, callee, span.at_path, span.at_line)
        self.sites[site] = self.sites.get(site, True) and decided

    def spend(self, function: FunctionFacts) -> None:
        """Count a step.

        Raises:
            TooLong: the walk has spent its share.
        """
        self._steps += 1
        if self._steps > STEPS:
            raise TooLong(function.name)

    def source_line(self, span: c.Span) -> str:
        """Return the line of source a span stands on, stripped."""
        if span.path not in self._lines:
            text = self.code.source.read(span.path).decode("utf-8", "replace")
            self._lines[span.path] = text.splitlines()
        lines = self._lines[span.path]
        line = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
        return " ".join(line.rstrip("\\").split())

    def meant(self, name: str, near: str) -> FunctionFacts | None:
        """Return the function that a call in the file ``near`` means."""
        key = (name, near)
        if key not in self._meant:
            self._meant[key] = self.code.find_function(name, near)
        return self._meant[key]

    def boots(self, function: FunctionFacts) -> bool:
        """Say whether a function runs before anybody else has the pages it works on."""
        key = (function.path, function.name, function.line)
        if key not in self._boots:
            text = self.code.source.read(function.path)[function.start : function.end]
            marks = set(re.findall(r"\w+", text.split(b"(", 1)[0].decode("utf-8", "replace")))
            self._boots[key] = not marks.isdisjoint(self.words.boot)
        return self._boots[key]

    def members(self, function: FunctionFacts) -> frozenset[str]:
        """Return the table members the function's address stands in ("proc_ops.proc_read")."""
        return frozenset(
            f"{fact.type}.{fact.member}"
            for fact in self.code.pointers(function.name)
            if fact.path == function.path or not function.static
        )

    # ---- walking -----------------------------------------------------------------------

    def flow(self, block: c.Block, *, whole: bool = False) -> Flow:
        """Return the flow of a block, built once; ``whole`` for a function's body."""
        known = self._flows.get(id(block))
        if known is None:
            known = (block, build_flow(block))
            if whole:
                mark_live(known[1])
            self._flows[id(block)] = known
        return known[1]

    def enter(
        self, state: State, callee: FunctionFacts, values: tuple[Value, ...], depth: int
    ) -> tuple[Results, tuple[Hazard, ...], bool]:
        """Walk ``callee`` as called on this path: result paths, hazards on the caller's pages."""
        roots: dict[ObjectId, ObjectId] = {}
        for value in values:
            obj = object_of(value)
            if obj is not None:
                root = find_root(obj)
                roots.setdefault(root, ("param", len(roots)))
        handed = tuple(self._hand(value, roots) for value in values)
        objects = {
            _rename(obj, roots): mine
            for obj, mine in state.objects.items()
            if find_root(obj) in roots
        }
        locks = frozenset(fact for fact in state.facts if fact[0] == LOCKED)
        summary = self.summarise(callee, handed, objects, depth, locks)
        if summary is None:
            return [(state, UNKNOWN)], (), False
        back = {canonical: root for root, canonical in roots.items()}
        kept = {o: m for o, m in state.objects.items() if find_root(o) not in roots}
        results: Results = []
        for value, items in summary.exits:
            after = state.copy()
            after.objects = dict(kept)
            for obj, mine in items:
                named = _rename(obj, back)
                after.objects[named] = mine
                if mine.pins and not state.find(named).pins:
                    settle(after, named)
            results.append((after, _rename_value(value, back)))
        hazards = tuple(
            replace(h, obj=_rename(h.obj, back))
            for h in summary.hazards
            if find_root(h.obj) in back
        )
        return results, hazards, summary.decided

    @staticmethod
    def _hand(value: Value, roots: dict[ObjectId, ObjectId]) -> Value:
        if isinstance(value, Num):
            return Num(value.value) if abs(value.value) <= SMALL else UNKNOWN
        if isinstance(value, Ptr | Place | HeadWord | Token):
            return _rename_value(value, roots)
        return UNKNOWN

    def summarise(
        self,
        function: FunctionFacts,
        values: tuple[Value, ...],
        objects: dict[ObjectId, ObjectState],
        depth: int,
        locks: frozenset[Predicate] = frozenset(),
    ) -> Summary | None:
        """Return the function's summary for these arguments; None where it cannot be had.

        A call back into a function that is being walked with the same arguments is not
        followed a second time: it adds no assertion that the first does not meet.
        """
        pages = frozenset(objects.items())
        key = (function.path, function.name, function.line, values, pages, locks)
        if key in self._summaries:
            return self._summaries[key]
        if depth > DEPTH:
            self.note_skipped(function, f"calls nest deeper than {DEPTH}")
            return None
        self._summaries[key] = None
        body = self.code.body(function)
        if isinstance(body, Skipped):
            self.skipped[body.path, body.function, body.reason] = body
            return None
        frame = Frame(self, function, depth, frozenset(objects))
        names = [p.name for p in body.parameters]
        start = State(dict(zip(names, values, strict=False)), dict(objects))
        start.facts.update(dict.fromkeys(locks, True))
        if depth == 0:
            self._steps = 0
        try:
            ends = frame.run(self.flow(body.body, whole=True), [start])
        except TooLong:
            del self._summaries[key]  # another walk may have more steps left for it
            raise
        self._summaries[key] = _summarise(ends, tuple(frame.hazards.values()))
        return self._summaries[key]

    def walk(self, function: FunctionFacts) -> tuple[tuple[Hazard, ...], tuple[Value, ...]]:
        """Walk a function by itself, its parameters of unknown origin.

        Returns the hazards on pages made in it (or handed up to it), and the values returned.

        Raises:
            TooLong: it took more steps than one walk may.
        """
        self._steps = 0
        body = self.code.body(function)
        if isinstance(body, Skipped):
            self.skipped[body.path, body.function, body.reason] = body
            return (), ()
        state = State()
        for number, parameter in enumerate(body.parameters):
            if is_page_type(parameter.type, self.words):
                obj: ObjectId = ("param", number)
                state.objects[obj] = ObjectState(tracked=False)
                state.env[parameter.name] = Ptr(obj)
        frame = Frame(self, function, 0)
        ends = frame.run(self.flow(body.body, whole=True), [state])
        hazards = tuple(h for h in frame.hazards.values() if find_root(h.obj)[0] == "made")
        return hazards, tuple(value for _, value in ends)


def _summarise(ends: Results, hazards: tuple[Hazard, ...]) -> Summary:
    """Reduce the paths' ends to what a caller can see of them."""
    exits: dict[tuple[Value, frozenset[tuple[ObjectId, ObjectState]]], None] = {}
    for state, value in ends:
        shown: Value = value
        if isinstance(value, Symbol) or (isinstance(value, Num) and abs(value.value) > SMALL):
            shown = UNKNOWN
        shown_object = object_of(value)
        keep = {find_root(shown_object)} if shown_object is not None else set()
        objects = frozenset(
            (obj, mine)
            for obj, mine in state.objects.items()
            if find_root(obj)[0] == "param" or find_root(obj) in keep
        )
        exits[shown, objects] = None
    if len(exits) > EXITS:
        exits = {(UNKNOWN if isinstance(v, Num | Unknown) else v, o): None for v, o in exits}
    ordered = tuple((value, tuple(sorted(objects, key=repr))) for value, objects in exits)
    return Summary(ordered, hazards, decided=True)
