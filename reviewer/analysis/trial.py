"""Tries a function with one page argument in a state of our choice."""

from __future__ import annotations

from reviewer.analysis.engine import Engine, is_page_type
from reviewer.analysis.summaries import Summary, TooLong
from reviewer.analysis.values import ObjectId, ObjectState, Ptr, Unknown, Value
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts
from reviewer.model.pagestate import Pin, Position

TRIED = ("param", 0)  # the page that is handed


def try_page(
    engine: Engine,
    function: FunctionFacts,
    number: int,
    positions: frozenset[Position],
    pin: Pin,
    most: int | None = None,
) -> Summary | None:
    """Walk a function that is handed such a page as this parameter, the others unknown.

    None says that it took more than ``most`` steps, or has no body that can be read. Where no
    other bound than the usual one was given, that is noted as not analysed.
    """
    body = engine.code.body(function)
    if not isinstance(body, c.FunctionDef):
        return None
    values: list[Value] = [Unknown()] * len(body.parameters)
    values[number] = Ptr(TRIED)
    pins = frozenset({pin}) if pin.holds else frozenset()
    objects: dict[ObjectId, ObjectState] = {TRIED: ObjectState(positions, pins)}
    try:
        return engine.summarise(function, tuple(values), objects, 0, most=most)
    except TooLong:
        if most is None:
            engine.note_skipped(function, "the walk took more steps than one may")
        return None


def find_pages(engine: Engine, function: FunctionFacts) -> tuple[tuple[int, str], ...]:
    """Return number and name of each page parameter; none where the body cannot be read."""
    if not function.made_by and not _names_page(engine, function):
        return ()  # the body need not be read: most functions have to do with no page
    body = engine.code.body(function)
    if not isinstance(body, c.FunctionDef):
        return ()
    numbered = enumerate(body.parameters)
    return tuple((n, p.name) for n, p in numbered if is_page_type(p.type, engine.words))


def _names_page(engine: Engine, function: FunctionFacts) -> bool:
    head = engine.code.texts.function(function).split(b"{", 1)[0]
    return any(kind.split()[-1].encode() in head for kind in engine.words.page_types)
