"""What one tree's source says about its pages: hazards, demands and paths, each worked out once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.counts.counting import Counting
from reviewer.analysis.engine import Engine, is_page_type
from reviewer.analysis.handed import Handed
from reviewer.analysis.hazards import CallSite, DemandKind, Hazard, Made
from reviewer.analysis.purity import Purity
from reviewer.analysis.reach import EntryPath, Reach
from reviewer.analysis.secondlook import HANDED_OUT
from reviewer.analysis.summaries import Summary, TooLong
from reviewer.analysis.values import ObjectId, ObjectState, Ptr, Token, Unknown, Value, find_root
from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.finding import Evidence, Reason
from reviewer.model.pagestate import ANYWHERE, Pin, Position
from reviewer.model.vocabulary import Vocabulary

# Of 10,566 such walks of 6.12 twelve take more, and some of those many seconds.
EFFECT_STEPS = 20_000

_NUMBERS = re.compile(r"\b(unsigned\s+long|pfn_t|swp_entry_t|pte_t)\s+\w+\s*$")


@dataclass(frozen=True, slots=True)
class ParameterDemand:
    """What a function demands of one page parameter.

    ``positions`` is where a pinned argument may point; ``stability`` is "pinned" where an
    unpinned one can trip an assertion though its position is right, else "any". ``fatal`` is
    false for an assertion that only warns.
    """

    parameter: str
    positions: tuple[Position, ...]
    stability: str
    needs: tuple[str, ...]
    evidence: Evidence
    fatal: bool = True


class Knowledge:
    """Everything the checks ask about one tree."""

    def __init__(self, code: CodeBase, words: Vocabulary) -> None:
        self.code = code
        self.words = words
        self.engine = Engine(code, words)
        self.graph = CallGraph(code)
        self.handed = Handed(self.graph, words)
        self.reach = Reach(self.graph, words)
        self.only_reads = Purity(code, words).only_reads
        self.counting = Counting(self.engine, self.graph)
        self._hazards: dict[tuple[str, str, int], tuple[Hazard, ...]] = {}
        self._roots: tuple[FunctionFacts, ...] | None = None
        self._demands: dict[tuple[str, str, int], tuple[ParameterDemand, ...]] = {}

    # ---- where pages come from -----------------------------------------------------------

    def roots(self) -> tuple[FunctionFacts, ...]:
        """Return the functions in which a page comes into being, in the order of the tree.

        These are the functions that call a source of the vocabulary, or a function that
        returns the page such a call gave it.
        """
        if self._roots is None:
            functions = self.graph.functions
            sources = set(self.words.sources)
            makers = self._makers(sources)
            takers = self._takers() | self._splitting()
            giving = frozenset(f.name for f in takers if self._gives_page(f))
            self.engine.makers = makers | self._carriers() | giving
            self.engine.wary = takers | {f for name in giving for f, _ in self.graph.callers(name)}
            yielding = makers | sources
            self._roots = tuple(
                sorted(
                    (
                        f
                        for f in functions
                        # what a word of the vocabulary does is its contract
                        if f.name not in sources
                        and not yielding.isdisjoint(x.name for x in f.calls)
                    ),
                    key=lambda f: (f.path, f.line, f.name),
                )
            )
            self.engine.roots = frozenset(f.name for f in self._roots)
        return self._roots

    def subjects(self) -> tuple[FunctionFacts, ...]:
        """Return the functions to walk by themselves: the roots, and who else has a say on pages.

        These are the functions whose pages nobody need hold, those that take a reference by
        trying (that they try says that what they were handed is not held), and those that split.
        """
        loose = (f for name in self.words.loose_parameters for f in self.code.iter_functions(name))
        found = {*self.roots(), *loose, *self._takers(), *self._splitting()}
        return tuple(sorted(found, key=lambda f: (f.path, f.line, f.name)))

    def _takers(self) -> frozenset[FunctionFacts]:
        tries = [
            name
            for name, word in self.words.pins.items()
            if word.when == "true" and word.kind == Pin.REFERENCE and not word.by_pfn
        ]
        found = {f for name in tries for f, _ in self.graph.callers(name)}
        return frozenset(f for f in found if not self._runs_locked(f))

    def _splitting(self) -> frozenset[FunctionFacts]:
        names = sorted(self.words.splitters)
        return frozenset(f for name in names for f, _ in self.graph.callers(name))

    def _runs_locked(self, function: FunctionFacts) -> bool:
        """Say whether a function itself, or each caller, takes a lock that makes pins whole."""
        words = "|".join(re.escape(lock) for lock in self.words.whole_under)
        locked = re.compile(rf"\block\w*\(&({words})\)".encode())
        callers = [f for f, _ in self.graph.callers(function.name)]
        return bool(callers) and all(locked.search(self._text(f)) for f in callers)

    def _text(self, function: FunctionFacts) -> bytes:
        return self.code.texts.function(function)

    def _gives_page(self, function: FunctionFacts) -> bool:
        return self._returns_page(self._text(function))

    def told_elsewhere(self, hazard: Hazard, function: FunctionFacts) -> bool:
        """Say whether a head that is pinned and not looked at is no matter of this function.

        It is told where the pin is taken, if that function goes on with it or hands it out;
        and it is none where a caller looks again at what it is handed.
        """
        assert hazard.held is not None
        taker = self.code.find_function(hazard.held.function, hazard.held.path)
        if taker is not None and taker != function:
            return any(h.held == hazard.held for h in self.hazards(taker))
        callers = {f for f, _ in self.graph.callers(function.name)}
        return hazard.demand.text == HANDED_OUT and any(
            h.demand.kind is DemandKind.LOOK and h.held == hazard.held
            for caller in callers
            for h in self._noted(caller)
        )

    def _makers(self, sources: set[str]) -> frozenset[str]:
        """Return the functions that return the page that a source, or one of them, gave them."""
        makers: set[str] = set()
        work = sorted(sources)
        while work:
            for caller, _ in self.graph.written(work.pop()):
                name = caller.name
                if name in sources or name in makers:
                    continue
                if self._gives_page(caller):
                    makers.add(name)
                    work.append(name)
        return frozenset(makers)

    def _carriers(self) -> frozenset[str]:
        """Return the functions that may return the number a carrier gave them."""
        given = {name for name, word in self.words.carriers.items() if not word.same}
        callers = {caller for name in given for caller, _ in self.graph.written(name)}
        return frozenset(f.name for f in callers if self._returns(f, _NUMBERS))

    def _returns(self, function: FunctionFacts, types: re.Pattern[str]) -> bool:
        return types.search(self.code.texts.signature(function)) is not None

    def _returns_page(self, text: bytes) -> bool:
        head = text.split(b"(", 1)[0].decode("utf-8", "replace")
        types = "|".join(re.escape(t).replace(r"\ ", r"\s+") for t in self.words.page_types)
        return re.search(rf"\b({types})\s*\*\s*(\w+\s+)*\w+\s*$", head) is not None

    # ---- what goes wrong -------------------------------------------------------------------

    def hazards(self, function: FunctionFacts) -> tuple[Hazard, ...]:
        """Return the hazards on pages that come into being in this function."""
        return tuple(h for h in self._noted(function) if h.demand.kind is not DemandKind.LOOK)

    def _noted(self, function: FunctionFacts) -> tuple[Hazard, ...]:
        self.roots()
        key = (function.path, function.name, function.line)
        if key not in self._hazards:
            self._hazards[key] = self._walk(function)
        return self._hazards[key]

    def _walk(self, function: FunctionFacts) -> tuple[Hazard, ...]:
        try:
            hazards, _ = self.engine.walk(function, self._handed(function))
        except TooLong:
            self.engine.note_skipped(function, "the walk took more steps than one may")
            return ()
        except RecursionError:
            self.engine.note_skipped(function, "the source nests too deep to be walked")
            return ()
        owned = self.engine.owned()
        return tuple(h for h in hazards if h.stale or find_root(h.obj) not in owned)

    def _handed(self, function: FunctionFacts) -> dict[str, Value]:
        """Return the parameters that are the pfn of a pinned page in every call."""
        sources = (self.words.sources.get(call.name) for call in function.calls)
        if not any(word is not None and word.pin is not Pin.UNKNOWN for word in sources):
            return {}
        found = self.handed.find_carriers(function)
        return {name: Token((word,)) for name, word in found.items() if word}

    def made(self, hazard: Hazard) -> Made:
        """Say where the page of a hazard came from."""
        return self.engine.made[find_root(hazard.obj)]

    def entry_path(self, function: FunctionFacts) -> EntryPath:
        """Return how the function is reached from an entry point."""
        return self.reach.find_path(function)

    def sites(self) -> dict[CallSite, bool]:
        """Return the calls seen that hand a page on, each with whether it was decided."""
        return self.engine.sites

    def skipped(self) -> tuple[Skipped, ...]:
        """Return what was not analysed, sorted."""
        found = {*self.engine.skipped.values(), *self.code.skipped()}
        return tuple(sorted(found, key=lambda s: (s.stage, s.path, s.function, s.reason)))

    # ---- what a function demands ------------------------------------------------------------

    def demands(self, function: FunctionFacts) -> tuple[ParameterDemand, ...]:
        """Return what the function demands of its page parameters, read from its body.

        Each position is tried by itself on a pinned page; then a page that may be anything
        and is not pinned.
        """
        key = (function.path, function.name, function.line)
        if key not in self._demands:
            body = self.code.body(function)
            self.roots()
            found = []
            if not isinstance(body, Skipped):
                for number, parameter in enumerate(body.parameters):
                    if is_page_type(parameter.type, self.words):
                        found += self._parameter(function, body, number)
            self._demands[key] = tuple(found)
        return self._demands[key]

    def _parameter(
        self, function: FunctionFacts, body: c.FunctionDef, number: int
    ) -> list[ParameterDemand]:
        tried = {
            p: self._try(function, body, number, frozenset({p}), Pin.REFERENCE) for p in Position
        }
        loose = self._try(function, body, number, ANYWHERE, Pin.NONE)
        name = body.parameters[number].name
        found = [self._demand(name, tried, loose, fatal=fatal) for fatal in (True, False)]
        return [demand for demand in found if demand is not None]

    def _demand(
        self,
        parameter: str,
        tried: Mapping[Position, tuple[Hazard, ...]],
        loose: tuple[Hazard, ...],
        *,
        fatal: bool,
    ) -> ParameterDemand | None:
        """Reduce the assertions met to a demand: those that stop, or those that only warn."""

        def asserted(hazards: Iterable[Hazard], reason: Reason) -> list[Hazard]:
            return [
                h
                for h in hazards
                if h.demand.kind is DemandKind.ASSERTION
                and (h.reason, h.demand.fatal) == (reason, fatal)
            ]

        refused = {p: asserted(hazards, Reason.POSITION) for p, hazards in tried.items()}
        unstable = asserted(loose, Reason.STABILITY)
        evidence = [h for p in Position for h in refused[p]] or unstable
        if not evidence:
            return None
        allowed = tuple(p for p in Position if not refused[p])
        shown = min(
            evidence, key=lambda h: (len(h.chain), h.demand.spelled.path, h.demand.spelled.line)
        )
        needs = self.needs(shown)
        proof = Evidence(
            shown.demand.spelled.path, shown.demand.spelled.line, shown.demand.text, needs
        )
        stability = "pinned" if unstable or len(allowed) < len(Position) else "any"
        return ParameterDemand(parameter, allowed, stability, needs, proof, fatal)

    def _try(
        self,
        function: FunctionFacts,
        body: c.FunctionDef,
        number: int,
        positions: frozenset[Position],
        pin: Pin,
    ) -> tuple[Hazard, ...]:
        summary = self._summary(function, body, number, positions, pin)
        return summary.hazards if summary is not None else ()

    def _summary(
        self,
        function: FunctionFacts,
        body: c.FunctionDef,
        number: int,
        positions: frozenset[Position],
        pin: Pin,
        most: int | None = None,
    ) -> Summary | None:
        """Walk a function with one page argument in this state, the others unknown."""
        values: list[Value] = [Unknown()] * len(body.parameters)
        values[number] = Ptr(("param", 0))
        pins = frozenset({pin}) if pin.holds else frozenset()
        objects: dict[ObjectId, ObjectState] = {("param", 0): ObjectState(positions, pins)}
        try:
            return self.engine.summarise(function, tuple(values), objects, 0, most=most)
        except TooLong:
            if most is None:
                self.engine.note_skipped(function, "the walk took more steps than one may")
            return None

    def takes_number(self, key: tuple[str, str]) -> bool:
        """Say whether a function (its path and name) is handed a page, and a number beside it."""
        path, name = key
        for function in self.code.iter_functions(name):
            body = self.code.body(function) if function.path == path else None
            if isinstance(body, c.FunctionDef):
                pages = [is_page_type(p.type, self.words) for p in body.parameters]
                numbers = [not p.type.pointers for p in body.parameters]
                if any(pages) and any(numbers):
                    return True
        return False

    def effects(self, key: tuple[str, str]) -> frozenset[object] | None:
        """Return what a function (its path and name) does with the pages it is handed.

        Two trees in which this is equal cannot differ for its callers. No line number is in
        it. A function that yields pages of its own is told apart by its text. None says that
        it takes too long to find out: looking at the callers costs less.
        """
        path, name = key
        self.roots()
        found: set[object] = set()
        for function in self.code.iter_functions(name):
            if function.path != path or not self.code.enabled(function.conditions, path):
                continue
            body = self.code.body(function)
            if isinstance(body, Skipped):
                found.add(("unread", body.reason))
                continue
            if name in self.engine.makers:
                found.add(("makes", self.code.texts.words(function)))
            for number, parameter in enumerate(body.parameters):
                if is_page_type(parameter.type, self.words):
                    done = self._effects(function, body, number)
                    if done is None:
                        return None
                    found |= done
        return frozenset(found)

    def _effects(
        self, function: FunctionFacts, body: c.FunctionDef, number: int
    ) -> set[object] | None:
        found: set[object] = set()
        for position in Position:
            for pin in (Pin.REFERENCE, Pin.NONE):
                summary = self._summary(
                    function, body, number, frozenset({position}), pin, EFFECT_STEPS
                )
                if summary is None:
                    return None
                hazards = frozenset(
                    (h.obj, h.reason, h.claimed, h.demand.text, tuple(s.function for s in h.chain))
                    for h in summary.hazards
                )
                found.add((number, position, pin, frozenset(summary.exits), hazards))
        return found

    def needs(self, hazard: Hazard) -> tuple[str, ...]:
        """Return the configuration the assertion needs: the conditions around its macros."""
        found: set[str] = set()
        for use in (*hazard.demand.stops.via, *hazard.demand.spelled.via):
            macro = self.code.find_macro(use.name, use.path)
            for condition in macro.conditions if macro is not None else ():
                found |= _options_on(condition)
        return tuple(sorted(found))


def _options_on(condition: str) -> set[str]:
    """Return the options that a conditional wants on: those under an even number of ``!``."""
    found: set[str] = set()
    negated, levels, pending = False, list[bool](), False
    for word in re.findall(r"!(?!=)|[()]|\b\w+\b(?!\s*\()", condition):
        if word == "!":
            pending = not pending
        elif word == "(":
            levels.append(negated)
            negated, pending = negated != pending, False
        elif word == ")":
            negated = levels.pop() if levels else False
        elif word != "defined":
            if word.startswith("CONFIG_") and negated == pending:
                found.add(word)
            pending = False
    return found
