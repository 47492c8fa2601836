"""What arithmetic makes of counts, pages and small numbers in a counting walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.counts.notes import Note
from reviewer.analysis.counts.state import State
from reviewer.analysis.counts.values import (
    UNKNOWN,
    Count,
    HeadWord,
    Num,
    Page,
    Some,
    Value,
    each_of,
    head_of,
)
from reviewer.model import ctree as c
from reviewer.model.vocabulary import Unit

if TYPE_CHECKING:
    from reviewer.analysis.counts.walk import Frame

_FOLD: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "<<": lambda a, b: a << b if 0 <= b < 64 else 0,
    ">>": lambda a, b: a >> b if 0 <= b < 64 else 0,
}


def grow(value: Value, by: int) -> Value:
    """Add one or take one; a loop must come to an end, so numbers above one are the same."""
    match value:
        case Num(value=number) if number + by in (-1, 0, 1):
            return Num(number + by)
        case Num() | Some():
            return Some() if by > 0 and value not in (Num(-2), Num(-1)) else UNKNOWN
        case Count(raw=True) if by > 0:
            return replace(value, raw=False)
    return value


def combine(frame: Frame, state: State, op: str, left: Value, right: Value, span: c.Span) -> Value:
    """Return what an arithmetic operator makes of two values."""
    if isinstance(left, Num) and isinstance(right, Num):
        fold = _FOLD.get(op)
        return Num(fold(left.value, right.value)) if fold else UNKNOWN
    if isinstance(left, Count) or isinstance(right, Count):
        return _count_with(frame, state, op, left, right, span)
    if isinstance(left, HeadWord) and op in ("-", "&"):
        if op == "&" and right == Num(1):
            return UNKNOWN  # the bit alone: it says whether this is a tail
        return Page(head_of(left.subject))
    if isinstance(left, Page) and op in ("+", "-") and not isinstance(right, Page):
        return left if right == Num(0) else Page(each_of(left.subject))
    if isinstance(right, Page) and op == "+":
        return right if left == Num(0) else Page(each_of(right.subject))
    if op == "+" and isinstance(left, Num | Some) and isinstance(right, Num | Some):
        numbers = [v.value for v in (left, right) if isinstance(v, Num)]
        return Some() if all(n >= 0 for n in numbers) else UNKNOWN
    return UNKNOWN


def _count_with(
    frame: Frame, state: State, op: str, left: Value, right: Value, span: c.Span
) -> Value:
    """Return what is counted after an operator: a count stays one with numbers added to it."""
    if isinstance(left, Count) and isinstance(right, Count):
        if op == "+":
            return _add_counts(left, right)
        if op == "-":
            small = state.is_single(left.subject) or state.is_single(right.subject)
            frame.note(Note("subtract", span, frame.function.name, op, left, right, small))
        return UNKNOWN
    count, other = (left, right) if isinstance(left, Count) else (right, left)
    assert isinstance(count, Count)
    if op in ("/", "%") and count is right:
        small = state.is_single(count.subject)
        frame.note(Note("divide", span, frame.function.name, op, count, left, small))
        return UNKNOWN
    if op == "+" and other == Num(1) and count.raw:
        return replace(count, raw=False)
    if op == "-" and isinstance(other, Num) and other.value < 0 and count is left and count.raw:
        return replace(count, raw=False)
    if op in ("+", "-"):
        return replace(count, mixed=True)
    return UNKNOWN


def _add_counts(left: Count, right: Count) -> Value:
    units = {left.unit, right.unit}
    if units == {Unit.PAGE, Unit.WHOLE}:
        page = left if left.unit is Unit.PAGE else right
        return replace(page, raw=left.raw or right.raw)
    if units <= {Unit.PAGE, Unit.WHOLE, Unit.TOTAL}:
        wide = left if left.unit is Unit.TOTAL else right
        return replace(wide, unit=Unit.TOTAL if Unit.TOTAL in units else wide.unit)
    return UNKNOWN


def accumulate(frame: Frame, state: State, expr: c.Assign, old: Value, value: Value) -> Value:
    """Return what a compound assignment leaves: one page's count after another is a total."""
    op = expr.op[:-1]
    if op == "+" and isinstance(value, Num | Some) and isinstance(old, Num | Some):
        return old if value == Num(0) else grow(old, 1)
    if op == "+" and isinstance(value, Count) and value.unit is Unit.PAGE and old != Num(0):
        if isinstance(old, Count) and old.unit is Unit.PAGE and old.subject != value.subject:
            return replace(value, unit=Unit.TOTAL)
        if isinstance(old, Count) and value.subject[0] == "each":
            return replace(value, unit=Unit.TOTAL)
    if op == "+" and old == Num(0):
        return value
    return combine(frame, state, op, old, value, expr.span)
