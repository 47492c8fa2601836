"""Which functions of a tree count mappings, or lead to one that does: told by their text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from reviewer.analysis.callgraph import CallGraph
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import SCOPE
from reviewer.model.facts import FunctionFacts
from reviewer.model.vocabulary import Unit, Vocabulary

Key = tuple[str, str, int]
_CHANGE = re.compile(r"atomic_(inc|dec|add|sub)")
LINES = 80  # a longer function is no wrapper: what it counts is its own business
ROUNDS = 3  # wrappers around wrappers


@lru_cache(maxsize=512)
def _find_words(text: bytes, pattern: bytes) -> tuple[int, ...]:
    return tuple(match.start() for match in re.finditer(pattern, text))


def key_of(function: FunctionFacts) -> Key:
    """Return what tells a function apart within one tree."""
    return function.path, function.name, function.line


class CountingFunctions:
    """The functions of one tree that count, found once."""

    def __init__(self, code: CodeBase, graph: CallGraph, words: Vocabulary) -> None:
        self.code = code
        self.graph = graph
        self.words = words
        self._statistic = re.compile(words.counting.statistics)
        self._changed_by = re.compile(words.counting.changed_by)
        kinds = "|".join(re.escape(t) for t in sorted(words.page_types))
        self._page_parameter = re.compile(rf"\b({kinds})\s*\*".encode())
        self._paths = frozenset(code.index.paths)
        self._mentioning: dict[Key, FunctionFacts] | None = None
        self._counting: dict[Key, FunctionFacts] | None = None

    def is_statistic(self, name: str) -> bool:
        """Say whether a name is a statistic of mappings."""
        return self._statistic.match(name) is not None

    def is_flag(self, name: str) -> bool:
        """Say whether a name is a flag bit whose setting is noted."""
        return name in self.words.counting.double_map or name in self.words.head_flags

    def changes_statistic(self, name: str) -> bool:
        """Say whether a function that is handed a statistic changes it."""
        return self._changed_by.search(name) is not None

    # ---- which functions count -----------------------------------------------------------

    def mentioning(self) -> dict[Key, FunctionFacts]:
        """Return the functions of the tree in whose text a counter of mappings stands."""
        if self._mentioning is None:
            other = (Unit.REFERENCES, Unit.PINS)
            fields = [w.field for w in self.words.counting.counters.values() if w.unit not in other]
            self._mentioning = {key_of(f): f for f in self._find(fields)}
        return self._mentioning

    def _find(self, fields: list[str]) -> Iterator[FunctionFacts]:
        pattern = rb"(?:->|\.)\s*(?:" + b"|".join(f.encode() for f in sorted(fields)) + rb")\b"
        return self._find_text(fields, pattern)

    def _find_text(self, words: list[str], pattern: bytes) -> Iterator[FunctionFacts]:
        for path in self.code.source.grep_words(sorted(words), tuple(SCOPE)):
            if path not in self._paths:
                continue
            places = _find_words(self.code.texts.file(path), pattern)
            for function in self.code.functions_in(path) if places else ():
                if any(function.start <= at < function.end for at in places):
                    yield function

    def counting(self) -> dict[Key, FunctionFacts]:
        """Return the functions worth following: those that count, and short ones around them."""
        if self._counting is None:
            found = dict(self.mentioning())
            counters = self.words.counting.counters.values()
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
        for name in sorted({f.name for f in functions} - self.words.dump):
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
        for name in sorted(self._telling() - self.words.dump):
            found |= {key_of(caller): caller for caller, _ in self.graph.callers(name)}
        return tuple(f for _, f in sorted(found.items()) if not f.made_by)

    def units(self) -> frozenset[Unit]:
        """Return what the tree's counters of compound pages count."""
        units = {word.unit for word in self.words.counting.counters.values()}
        own = units - {Unit.PAGE, Unit.REFERENCES}
        return frozenset(unit for unit in own if self._has_counter(unit))

    def _has_counter(self, unit: Unit) -> bool:
        fields = [w.field for w in self.words.counting.counters.values() if w.unit is unit]
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
