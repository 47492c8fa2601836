"""Where a page comes into being: what a source of the vocabulary gives, and what pins it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.analysis.hazards import Made
from reviewer.analysis.nodes import find_macros
from reviewer.analysis.objects import find_neighbour, forget_derived, take_pin
from reviewer.analysis.spelling import describe
from reviewer.analysis.staleheads import mark_looked_up
from reviewer.analysis.values import (
    HELD_PFN,
    LOCKED,
    UNKNOWN,
    Num,
    ObjectId,
    ObjectState,
    Ptr,
    Results,
    State,
    Token,
    Value,
)
from reviewer.model import ctree as c
from reviewer.model.pagestate import NOT_TAIL, Pin, Position
from reviewer.model.vocabulary import PinWord, SourceWord

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame


def make_page(
    frame: Frame, state: State, word: SourceWord, call: c.Call, values: tuple[Value, ...]
) -> Results:
    """Bring a page into being, in the state the vocabulary gives it."""
    token = values[0] if values and isinstance(values[0], Token) else None
    if token is not None and token.obj is not None:
        return _same_page(state, token.obj, moved=token.moved)
    argument = describe(call.args[0]) if call.args else ""
    pin = _pin_of(frame, state, word, argument)
    positions = word.positions
    for name in token.words if token is not None else (argument,):
        carrier = frame.words.carriers.get(name)
        if carrier is not None:
            pin = pin if carrier.pin is None else carrier.pin
            positions &= carrier.positions
    if word.tail_with and not any(frame.engine.has(name) for name in word.tail_with):
        positions &= NOT_TAIL
    if frame.engine.boots(frame.function):
        pin, positions = Pin.EXCLUSIVE, frozenset({Position.ORDER0})
    if any(name in word.head_with for arg in call.args for name in find_macros(arg)):
        positions &= NOT_TAIL
    return _make(frame, state, word, call, (positions, pin, argument))


def _same_page(state: State, obj: ObjectId, *, moved: bool) -> Results:
    """Return the page a pfn was taken from, or one beside it."""
    if not moved:
        return [(state, Ptr(obj))]
    new = state.copy()
    return [(new, Ptr(find_neighbour(new, obj)))]


def _pin_of(frame: Frame, state: State, word: SourceWord, argument: str) -> Pin:
    """Say what holds a page of this source here."""
    if any(state.facts.get((p, argument)) for p in word.pinned_if):
        return Pin.REFERENCE
    unless = word.pinned_unless
    if unless and all(state.facts.get((p, argument)) is False for p in unless[:1]):
        return Pin.REFERENCE
    if any((LOCKED, lock) in state.facts for lock in word.pinned_under):
        return Pin.PAGE_TABLE_LOCK
    if word.pinned_in and not frame.engine.members(frame.function).isdisjoint(word.pinned_in):
        return Pin.PAGE_TABLE_LOCK
    if (HELD_PFN, argument) in state.facts:
        return Pin.REFERENCE
    return word.pin


def _make(
    frame: Frame,
    state: State,
    word: SourceWord,
    call: c.Call,
    claim: tuple[frozenset[Position], Pin, str],
) -> Results:
    positions, pin, argument = claim
    span = call.span
    head = positions <= NOT_TAIL
    made = Made(word.name, frame.function.name, span.at_path, span.at_line, argument, head=head)
    # one call can give either, by what its function was handed: they are told apart
    obj: ObjectId = ("made", made.function, made.path, made.line, made.word, head)
    frame.engine.note_made(obj, made)
    new = state.copy()
    forget_derived(new, obj)
    mark_looked_up(frame, new, obj, call)
    pins = frozenset({pin}) if pin.holds or pin.splits else frozenset()
    refs = int(pin is Pin.REFERENCE)
    new.objects[obj] = ObjectState(positions, pins, pin is not Pin.UNKNOWN, refs)
    results: Results = [(new, Ptr(obj))]
    if word.null:
        results.append((state, Num(0)))
    return results


def pin_by_pfn(frame: Frame, state: State, word: PinWord, call: c.Call) -> Results:
    """Pin what was, or will be, made of the pfn a call is handed."""
    argument = describe(call.args[0]) if call.args else ""
    taken = state.copy()
    taken.facts[HELD_PFN, argument] = True
    for obj in [o for o in taken.objects if o[0] == "made"]:
        made = frame.engine.made[obj]
        if made.argument == argument and made.function == frame.function.name:
            taken = take_pin(taken, obj, Pin(word.kind), word.positions)
    if word.when == "true":
        return [(taken, Num(1)), (state, Num(0))]
    return [(taken, UNKNOWN)]
