"""Walks functions through the calls they make: each with the page states it is handed, once.

Top-down and memoised (the functional approach of Sharir and Pnueli, 1981): a function is
walked once for each combination of abstract arguments, and its result is reused wherever it is
called with the same. Pages are renamed at each call so that results carry over.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from reviewer.analysis.branches import forget_facts, forget_written
from reviewer.analysis.cfg import Flow, build_flow
from reviewer.analysis.crossing import SMALL, bind, point_at, rename, rename_value, summarise
from reviewer.analysis.hazards import CallSite, Hazard, Made
from reviewer.analysis.liveness import find_flags, mark_live
from reviewer.analysis.objects import settle
from reviewer.analysis.secondlook import note_end
from reviewer.analysis.summaries import DEPTH, Summaries, Summary
from reviewer.analysis.values import (
    LOCKED,
    UNKNOWN,
    HeadWord,
    Num,
    ObjectId,
    ObjectState,
    Place,
    Pointee,
    Predicate,
    Ptr,
    Ref,
    Results,
    State,
    Symbol,
    Token,
    Value,
    find_root,
    object_of,
)
from reviewer.analysis.walk import Frame
from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.vocabulary import Vocabulary

FRAMES = 10_000


def is_page_type(kind: c.CType, words: Vocabulary) -> bool:
    """Say whether the type is a pointer to a page or folio."""
    base = re.sub(r"\b(const|volatile)\b\s*", "", kind.base).strip()
    return kind.pointers == 1 and not kind.dims and base in words.page_types


class Engine:
    """Walks over one tree. Keeps summaries, where pages were made, and the call sites seen."""

    def __init__(self, code: CodeBase, words: Vocabulary) -> None:
        self.code = code
        self.words = words
        self.makers: frozenset[str] = frozenset()  # that return a page, or what names one
        self.roots: frozenset[str] = frozenset()  # in which a page comes into being
        self.made: dict[ObjectId, Made] = {}
        self._given_back: set[ObjectId] = set()
        self._pinned: set[ObjectId] = set()
        self.sites: dict[CallSite, bool] = {}
        self.skipped: dict[tuple[str, str, str], Skipped] = {}
        # assertions that failed on some path: function by path and name, condition
        self.failing: set[tuple[str, str, c.Span]] = set()
        self.wary: frozenset[FunctionFacts] = frozenset()
        self._flows: dict[int, tuple[c.Block, Flow]] = {}
        self._summaries = Summaries()
        self._meant: dict[tuple[str, str], FunctionFacts | None] = {}
        self._flags: dict[tuple[str, str, int], frozenset[str]] = {}
        self._constants: dict[str, int | None] = {}
        self._has: dict[str, bool] = {}
        self._boots: dict[tuple[str, str, int], bool] = {}
        self._lines: dict[str, list[str]] = {}
        # calls nest to DEPTH, each some hundred frames of ours deep where its source nests
        sys.setrecursionlimit(max(sys.getrecursionlimit(), FRAMES))

    # ---- notes -----------------------------------------------------------------------

    def note_skipped(self, function: FunctionFacts, reason: str) -> None:
        """Remember that part of a function was not analysed."""
        key = (function.path, function.name, reason)
        self.skipped[key] = Skipped("analysis", function.path, function.name, reason)

    def note_put(self, obj: ObjectId, mine: ObjectState) -> None:
        """Remember that a page was put or freed, and whether it was pinned until then."""
        root = find_root(obj)
        if root[0] == "made" and mine.tracked:
            (self._pinned if mine.pins else self._given_back).add(root)

    def owned(self) -> frozenset[ObjectId]:
        """Return the pages that a function gave back without having taken them: its caller's.

        A function that frees what it was told by number must have been told to.
        """
        return frozenset(self._given_back - self._pinned)

    def note_made(self, obj: ObjectId, made: Made) -> None:
        """Remember where a page came from."""
        self.made[obj] = made

    def note_site(
        self, function: FunctionFacts, callee: str, span: c.Span, *, decided: bool
    ) -> None:
        """Remember a call that hands a page on, and whether the callee was followed."""
        site = CallSite(function.name, callee, span.at_path, span.at_line)
        self.sites[site] = self.sites.get(site, True) and decided

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            TooLong: the walk has spent its share.
        """
        self._summaries.spend(steps)

    def source_line(self, span: c.Span) -> str:
        """Return the line of source a span stands on, stripped."""
        if span.path not in self._lines:
            text = self.code.texts.file(span.path).decode("utf-8", "replace")
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
            marks = set(re.findall(r"\w+", self.code.texts.signature(function)))
            self._boots[key] = not marks.isdisjoint(self.words.boot)
        return self._boots[key]

    def flags(self, function: FunctionFacts) -> frozenset[str]:
        """Return the flags among a function's variables, and what its parameters point at."""
        key = (function.path, function.name, function.line)
        if key not in self._flags:
            body = self.code.body(function)
            self._flags[key] = frozenset() if isinstance(body, Skipped) else find_flags(body)
        return self._flags[key]

    def has(self, name: str) -> bool:
        """Say whether the tree has a function of this name."""
        if name not in self._has:
            self._has[name] = self.code.find_function(name) is not None
        return self._has[name]

    def makes(self, name: str) -> bool:
        """Say whether a function of this name brings a page into being."""
        return name in self.makers or name in self.roots

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
        pointed = tuple(point_at(state, value) for value in values)
        for value in pointed:
            obj = object_of(value.value if isinstance(value, Pointee) else value)
            if obj is not None:
                root = find_root(obj)
                roots.setdefault(root, ("param", len(roots)))
        handed = tuple(self._hand(value, roots) for value in pointed)
        objects = {
            rename(obj, roots): mine
            for obj, mine in state.objects.items()
            if find_root(obj) in roots
        }
        locks = frozenset(fact for fact in state.facts if fact[0] == LOCKED)
        summary = self.summarise(callee, handed, objects, depth, locks)
        if summary is None:
            return [(forget_written(state, values), UNKNOWN)], (), False
        back = {canonical: root for root, canonical in roots.items()}
        kept = {o: m for o, m in state.objects.items() if find_root(o) not in roots}
        results: Results = []
        for way in summary.exits:
            after = state.copy()
            after.objects = dict(kept)
            for obj, mine in way.objects:
                named = rename(obj, back)
                after.objects[named] = mine
                if mine.pins and not state.find(named).pins:
                    settle(after, named)
            for number, written in way.written:
                ref = values[number]
                assert isinstance(ref, Ref)
                after.env[ref.name] = rename_value(written, back)
                forget_facts(after, ref.name)
            results.append((after, rename_value(way.value, back)))
        hazards = tuple(
            replace(h, obj=rename(h.obj, back)) for h in summary.hazards if find_root(h.obj) in back
        )
        return results, hazards, summary.decided

    def constant(self, name: str) -> int | None:
        """Return the value of an enumerator, None for another name."""
        if name not in self._constants:
            self._constants[name] = self.code.find_enumerator(name)
        return self._constants[name]

    def _hand(self, value: Value, roots: dict[ObjectId, ObjectId]) -> Value:
        if isinstance(value, Num):
            return Num(value.value) if abs(value.value) <= SMALL else UNKNOWN
        if isinstance(value, Ptr | Place | HeadWord | Token):
            return rename_value(value, roots)
        if isinstance(value, Pointee):
            return Pointee(self._hand(value.value, roots))
        if isinstance(value, Symbol) and self.constant(value.name) is not None:
            return value
        return UNKNOWN

    def summarise(
        self,
        function: FunctionFacts,
        values: tuple[Value, ...],
        objects: dict[ObjectId, ObjectState],
        depth: int,
        locks: frozenset[Predicate] = frozenset(),
        *,
        most: int | None = None,
    ) -> Summary | None:
        """Return the function's summary for these arguments; None where it cannot be had.

        At depth 0 a walk of at most so many steps begins. The answer hangs on nothing that was
        walked before.

        Raises:
            TooLong: it took more steps than one walk may.
        """
        if depth == 0:
            self._summaries.start(most)
        pages = frozenset(objects.items())
        key = (function.path, function.name, function.line, values, pages, locks)
        found = self._summaries.find(key, depth)
        if found is not None:
            return found
        if depth > DEPTH:
            self.note_skipped(function, f"calls nest deeper than {DEPTH}")
            self._summaries.cut()
            return None
        body = self.code.body(function)
        if isinstance(body, Skipped):
            self.skipped[body.path, body.function, body.reason] = body
            return None
        names = [p.name for p in body.parameters]
        start = State(bind(names, values), dict(objects))
        start.facts.update(dict.fromkeys(locks, True))
        behind = [(n, f"*{names[n]}") for n, v in enumerate(values) if isinstance(v, Pointee)]
        flow = self.flow(body.body, whole=True)

        def walk() -> Summary:
            frame = Frame(self, function, depth, frozenset(objects))
            ends = frame.run(flow, [start.copy()])
            return summarise(ends, tuple(frame.hazards.values()), behind)

        return self._summaries.work_out(key, walk)

    def walk(
        self, function: FunctionFacts, known: Mapping[str, Value] = MappingProxyType({})
    ) -> tuple[tuple[Hazard, ...], tuple[Value, ...]]:
        """Walk a function by itself, its parameters of unknown origin but for the ``known``.

        Returns the hazards on pages made in it (or handed up to it), and the values returned.

        Raises:
            TooLong: it took more steps than one walk may.
        """
        self._summaries.start()
        body = self.code.body(function)
        if isinstance(body, Skipped):
            self.skipped[body.path, body.function, body.reason] = body
            return (), ()
        state = State()
        for parameter in body.parameters:
            state.env[parameter.name] = known.get(parameter.name, UNKNOWN)
            if is_page_type(parameter.type, self.words):
                obj = self._take_parameter(function, parameter.name)
                loose = self.made[obj].loose
                state.objects[obj] = ObjectState(tracked=loose or function in self.wary)
                state.env[parameter.name] = Ptr(obj)
        unknown = frozenset(obj for obj in state.objects if not self.made[obj].loose)
        frame = Frame(self, function, 0)
        ends = frame.run(self.flow(body.body, whole=True), [state])
        for end, value in ends:
            note_end(frame, end, value)
        hazards = (
            h
            for h in frame.hazards.values()
            if h.held or h.stale or find_root(h.obj) not in unknown
        )
        return tuple(hazards), tuple(value for _, value in ends)

    def _take_parameter(self, function: FunctionFacts, name: str) -> ObjectId:
        """Return the page that a function is handed when it is walked by itself."""
        obj: ObjectId = ("made", function.name, function.path, function.line, name)
        loose = function.name in self.words.loose_parameters
        where = (function.name, function.path, function.line)
        self.note_made(obj, Made(function.name, *where, parameter=name, loose=loose))
        return obj
