"""Comparisons in a counting walk: what a count is compared with, and what is bounded by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reviewer.analysis.counts.notes import Note
from reviewer.analysis.counts.state import Results, State
from reviewer.analysis.counts.values import UNKNOWN, Count, Num, Some, Value
from reviewer.model import ctree as c

if TYPE_CHECKING:
    from reviewer.analysis.counts.walk import Frame

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_SWAPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def compare(frame: Frame, state: State, expr: c.Binary) -> Results:
    """Evaluate a comparison; what counts are compared with is noted."""
    results: Results = []
    for s1, left in frame.evaluate(state, expr.left):
        for s2, right in frame.evaluate(s1, expr.right):
            if isinstance(left, Num) and isinstance(right, Num):
                results.append(_compare_numbers(s2, expr, left.value, right.value))
                continue
            if isinstance(left, Count) or isinstance(right, Count):
                frame.note(make_comparison(frame, s2, expr.op, left, right, expr.span))
            results += _compare_open(frame, s2, expr, left, right)
    return results


def _compare_numbers(state: State, expr: c.Binary, left: int, right: int) -> tuple[State, Value]:
    truth = COMPARISONS[expr.op](left, right)
    below = _bounded(expr.op, expr.left, expr.right)
    if below is not None and below[1] is truth and max(left, right) > 1:
        return state.knowing(("below", below[0])), Num(int(truth))
    return state, Num(int(truth))


def _compare_open(frame: Frame, state: State, expr: c.Binary, left: Value, right: Value) -> Results:
    """Compare what is not known: a variable may come to have an upper bound on one path."""
    pair = {type(left), type(right)}
    if pair == {Some, Num} and Num(0) in (left, right):
        op = expr.op if isinstance(left, Some) else _SWAPPED[expr.op]
        if op in (">", "!=", "==", "<="):
            return [(state, Num(int(op in (">", "!="))))]
    below = _bounded(expr.op, expr.left, expr.right)
    if below is None or below[0] in frame.shape.steering:
        return [(state, UNKNOWN)]
    name, truth = below
    for side, value in ((expr.left, left), (expr.right, right)):
        least = 1 if isinstance(side, c.Name) and side.name == name else 2
        if isinstance(value, Num) and value.value < least:
            return [(state, UNKNOWN)]
    return [(state.knowing(("below", name)), Num(int(truth))), (state, Num(int(not truth)))]


def _bounded(op: str, left: c.Expr, right: c.Expr) -> tuple[str, bool] | None:
    """Return the variable that is less than something where the comparison has this truth."""
    if isinstance(left, c.Name) and op in ("<", "!=", ">=", "=="):
        return left.name, op in ("<", "!=")
    if isinstance(right, c.Name) and op in (">", "!=", "<=", "=="):
        return right.name, op in (">", "!=")
    return None


def make_comparison(
    frame: Frame, state: State, op: str, left: Value, right: Value, span: c.Span
) -> Note:
    """Return the note of a comparison, the count on its left."""
    if isinstance(right, Count) and not isinstance(left, Count):
        left, right, op = right, left, _SWAPPED[op]
    counts = [v for v in (left, right) if isinstance(v, Count)]
    small = any(state.is_single(count.subject) for count in counts)
    return Note("compare", span, frame.function.name, op, left, right, small)
