"""What a function does with the pages it is handed, to be compared between two trees."""

from __future__ import annotations

from reviewer.analysis.engine import Engine, is_page_type
from reviewer.analysis.trial import find_pages, try_page
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.pagestate import Pin, Position

# Of 10,566 such walks of 6.12 twelve take more, and some of those many seconds.
EFFECT_STEPS = 20_000


class Effects:
    """Answers for one tree."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, key: tuple[str, str]) -> frozenset[object] | None:
        """Return what a function (its path and name) does with the pages it is handed.

        Two trees in which this is equal cannot differ for its callers. No line number is in
        it. A function that yields pages of its own is told apart by its text. None says that
        it takes too long to find out: looking at the callers costs less.
        """
        path, name = key
        code = self._engine.code
        found: set[object] = set()
        for function in code.iter_functions(name):
            if function.path != path or not code.enabled(function.conditions, path):
                continue
            body = code.body(function)
            if isinstance(body, Skipped):
                found.add(("unread", body.reason))
                continue
            if name in self._engine.makers:
                found.add(("makes", code.texts.words(function)))
            for number, _ in find_pages(self._engine, function):
                done = self._of_page(function, number)
                if done is None:
                    return None
                found |= done
        return frozenset(found)

    def _of_page(self, function: FunctionFacts, number: int) -> set[object] | None:
        found: set[object] = set()
        for position in Position:
            for pin in (Pin.REFERENCE, Pin.NONE):
                alone = frozenset({position})
                summary = try_page(self._engine, function, number, alone, pin, EFFECT_STEPS)
                if summary is None:
                    return None
                hazards = frozenset(
                    (h.obj, h.reason, h.claimed, h.demand.text, tuple(s.function for s in h.chain))
                    for h in summary.hazards
                )
                found.add((number, position, pin, frozenset(summary.exits), hazards))
        return found


def takes_number(engine: Engine, key: tuple[str, str]) -> bool:
    """Say whether a function (its path and name) is handed a page, and a number beside it."""
    path, name = key
    for function in engine.code.iter_functions(name):
        body = engine.code.body(function) if function.path == path else None
        if isinstance(body, c.FunctionDef):
            pages = [is_page_type(p.type, engine.words) for p in body.parameters]
            numbers = [not p.type.pointers for p in body.parameters]
            if any(pages) and any(numbers):
                return True
    return False
