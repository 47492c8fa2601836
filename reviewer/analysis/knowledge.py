"""What one tree's source says about its pages: hazards, demands and paths, each worked out once."""

from __future__ import annotations

import re

from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.counts.counting import Counting
from reviewer.analysis.demands import Demands, ParameterDemand
from reviewer.analysis.effects import Effects
from reviewer.analysis.engine import Engine
from reviewer.analysis.handed import Handed
from reviewer.analysis.hazards import CallSite, DemandKind, Hazard, Made
from reviewer.analysis.needs import find_needs
from reviewer.analysis.purity import Purity
from reviewer.analysis.reach import EntryPath, Reach
from reviewer.analysis.secondlook import HANDED_OUT
from reviewer.analysis.summaries import TooLong
from reviewer.analysis.values import Token, Value, find_root
from reviewer.cfacts.codebase import CodeBase
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.pagestate import Pin
from reviewer.model.vocabulary import Vocabulary

_NUMBERS = re.compile(r"\b(unsigned\s+long|pfn_t|swp_entry_t|pte_t)\s+\w+\s*$")


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
        self._demands = Demands(self.engine)
        self._effects = Effects(self.engine)

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

    # ---- what a function does with a page it is handed ----------------------------------

    def demands(self, function: FunctionFacts) -> tuple[ParameterDemand, ...]:
        """Return what the function demands of its page parameters, read from its body."""
        self.roots()
        return self._demands.find(function)

    def stops(self, function: FunctionFacts) -> bool:
        """Say whether some page stops the function: whether it has a demand that is fatal."""
        self.roots()
        return self._demands.stops(function)

    def other_demands(self, function: FunctionFacts) -> tuple[ParameterDemand, ...]:
        """Return what it asserts of them instead, where it demands nothing of their place."""
        self.roots()
        return self._demands.find_others(function)

    def effects(self, key: tuple[str, str]) -> frozenset[object] | None:
        """Return what a function (its path and name) does with the pages it is handed."""
        self.roots()
        return self._effects.find(key)

    def needs(self, hazard: Hazard) -> tuple[str, ...]:
        """Return the configuration the assertion needs."""
        return find_needs(self.code, hazard.demand)
