"""Uses of a page that only some pages allow: a word that is the head's, a cast to a folio.

They are demands as an assertion is; nothing stops where they are not met, so nobody notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING

from reviewer.analysis.cfg import Node
from reviewer.analysis.hazards import Demand, DemandKind, Hazard
from reviewer.analysis.objects import find_ancestors
from reviewer.analysis.spelling import TRANSPARENT, describe
from reviewer.analysis.values import ObjectId, Place, Ptr, State, Value
from reviewer.model import ctree as c
from reviewer.model.finding import PathStep, Reason
from reviewer.model.pagestate import Position

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame

TAIL = frozenset({Position.TAIL})
CARRIES = frozenset("+-&|")  # the value of an operand goes on
COMPARES = frozenset({"==", "!="})


class Way(Enum):
    """What becomes of a word that is read."""

    KEPT = "stored, returned or handed on"
    SEEN = "tested"
    COMPARED = "compared as a whole"
    MASKED = "compared but for some bits: a mark is looked for, and a tail never has it"


def note_read(frame: Frame, state: State, place: Value, expr: c.Member | c.Index) -> None:
    """Note a read of a word that lies in the head, through what may be a tail.

    On a page nothing pins a word tested is a hint, to be looked at again once it is pinned:
    there it counts only where the value is kept. Where the same test asks what the page is,
    it says itself what a tail is to it.
    """
    if not isinstance(place, Place):
        return
    word = frame.words.compound_fields.get(place.field)
    if word is None or _names_tail(expr):
        return
    way = _find_way(frame.node, expr)
    hint = not state.find(place.obj).held and (word.pinned or way is not Way.KEPT)
    if way is not Way.MASKED and not hint:
        _note(frame, state, place.obj, expr, DemandKind.FIELD, describe(expr))


def _names_tail(expr: c.Expr) -> bool:
    """Say whether a read names its tail by number, ``page[2].private``: that tail has a use."""
    while isinstance(expr, c.Member | c.Cast):
        expr = expr.base if isinstance(expr, c.Member) else expr.operand
    match expr:
        case c.Index(index=number) | c.Binary(op="+", right=number):
            return isinstance(number, c.Number)
    return False


def note_cast(frame: Frame, state: State, value: Value, expr: c.Cast) -> None:
    """Note a cast to a folio of what may be a tail.

    A page so many pages further on may be the next folio, so that is not asked.
    """
    kind = expr.type
    if not isinstance(value, Ptr) or kind.pointers != 1 or kind.dims:
        return
    beside = any(obj[0] == "near" for obj in (value.obj, *find_ancestors(value.obj)))
    if not beside and kind.base.removeprefix("const ") in frame.words.folio_types:
        text = f"({kind.base} *){describe(expr.operand)}"
        _note(frame, state, value.obj, expr, DemandKind.CAST, text)


def _note(
    frame: Frame, state: State, obj: ObjectId, expr: c.Expr, kind: DemandKind, text: str
) -> None:
    mine = state.find(obj)
    if not mine.tracked or Position.TAIL not in mine.positions:
        return
    span = expr.span
    name = frame.function.name
    demand = Demand(name, text, span, span, fatal=False, kind=kind)
    step = PathStep(name, span.at_path, span.at_line)
    hazard = Hazard(obj, Reason.POSITION, TAIL, mine.pin, demand, (step,), guarded=mine.guarded)
    if kind is DemandKind.FIELD and frame.node is not None and frame.node.kind == "branch":
        frame.asked.append(hazard)
    else:
        frame.note(hazard)


def _find_way(node: Node | None, read: c.Expr) -> Way:
    """Say what a node does with what it reads."""
    if node is None:
        return Way.SEEN
    declared = isinstance(node.stmt, c.Declare)
    value = node.stmt.value if isinstance(node.stmt, c.Declare) else node.expr
    start = Way.KEPT if declared or node.kind == "return" else Way.SEEN
    found = _iter_ways(value, start) if value is not None else ()
    return next((way for expr, way in found if expr is read), Way.SEEN)


def _iter_ways(expr: c.Expr, way: Way) -> Iterator[tuple[c.Expr, Way]]:
    """Yield the words an expression reads, each with its way, if ``way`` is that of the whole."""
    match expr:
        case c.Member() | c.Index():
            yield expr, way
        case c.Assign(value=value):
            yield from _iter_ways(value, Way.KEPT)
        case c.Call(callee=c.Name(name=name), args=args) if name in TRANSPARENT:
            yield from _iter_ways(args[0], way)
        case c.Call(args=args):
            for arg in args:
                yield from _iter_ways(arg, Way.KEPT)
        case c.Cast(operand=operand):
            yield from _iter_ways(operand, way)
        case c.Unary(op=op, operand=operand):
            yield from _iter_ways(operand, Way.SEEN if op == "!" else way)
        case c.Binary(op=op, left=left, right=right):
            inner = way if op in CARRIES else Way.COMPARED if op in COMPARES else Way.SEEN
            if op == "&" and way is Way.COMPARED:
                inner = Way.MASKED
            yield from _iter_ways(left, inner)
            yield from _iter_ways(right, inner)
        case c.Ternary(cond=cond, then=then, other=other):
            yield from _iter_ways(cond, way if then is None else Way.SEEN)
            for arm in (then, other):
                if arm is not None:
                    yield from _iter_ways(arm, way)
        case c.Comma(items=items):
            for item in items:
                yield from _iter_ways(item, way if item is items[-1] else Way.SEEN)
