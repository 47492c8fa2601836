"""Expressions of a counting walk: pages, counters, what was read from them, and small numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reviewer.analysis.control import CONSTANTS, choose_arm
from reviewer.analysis.counts.arithmetic import accumulate, combine, grow
from reviewer.analysis.counts.comparisons import COMPARISONS, compare, make_comparison
from reviewer.analysis.counts.state import Results, State
from reviewer.analysis.counts.values import (
    NOBODY,
    UNKNOWN,
    Count,
    Counter,
    HeadWord,
    Num,
    Page,
    Some,
    Symbol,
    Unknown,
    Value,
    each_of,
    find_base,
    head_of,
)
from reviewer.analysis.spelling import describe
from reviewer.model import ctree as c
from reviewer.model.vocabulary import Unit

if TYPE_CHECKING:
    from reviewer.analysis.counts.walk import Frame


def truths(state: State, value: Value) -> Iterable[tuple[State, bool]]:
    """Yield the truths a value can have."""
    match value:
        case Num(value=number):
            yield state, number != 0
        case Unknown() | Count():
            yield state, True
            yield state, False
        case _:
            yield state, True


def evaluate(frame: Frame, state: State, expr: c.Expr) -> Results:
    """Evaluate on one path; the results are the paths it splits into."""
    match expr:
        case c.Number(value=number):
            return [(state, Num(number))]
        case c.Name(name=name):
            return [(state, _read_name(frame, state, name))]
        case c.Call():
            return frame.call(state, expr)
        case c.Unary():
            return _unary(frame, state, expr)
        case c.Binary(op="&&" | "||"):
            return _logical(frame, state, expr)
        case c.Binary(op=op) if op in COMPARISONS:
            return compare(frame, state, expr)
        case c.Binary():
            return _arithmetic(frame, state, expr)
        case c.Assign():
            return _assign(frame, state, expr)
        case c.Ternary():
            return _ternary(frame, state, expr)
        case c.Member() | c.Index():
            return [(s, _load(frame, s, v, expr)) for s, v in frame.address(state, expr)]
        case c.Cast(operand=operand):
            return evaluate(frame, state, operand)
        case c.Comma(items=items):
            return frame.sequence(state, items)
        case c.StatementExpr(body=body):
            return frame.statement_expression(state, body)
        case c.Generic():
            return evaluate(frame, state, choose_arm(expr))
    return [(state, UNKNOWN)]


def _read_name(frame: Frame, state: State, name: str) -> Value:
    if name in state.env:
        return state.env[name]
    if name in CONSTANTS:
        return Num(CONSTANTS[name])
    if name in frame.variables:
        return UNKNOWN
    if frame.counting.functions.is_statistic(name) or frame.counting.functions.is_flag(name):
        return Symbol(name)
    number = frame.counting.code.find_enumerator(name)
    return UNKNOWN if number is None else Num(number)


# ---- places ----------------------------------------------------------------------------------


def find_member(frame: Frame, base: Value, field: str) -> Value:
    """Return the counter or head word a member of a page is, or the page it is."""
    words = frame.counting.vocabulary
    word = frame.words.counters.get(field)
    if isinstance(base, Page):
        if word is not None:
            whole = word.unit is not Unit.PAGE
            return Counter(field, find_base(base.subject) if whole else base.subject)
        if field in words.head_word_fields:
            return HeadWord(base.subject)
        if field in words.head_pointer_fields:
            return Page(head_of(base.subject))
        if field in words.same_object_fields:
            return Page(base.subject)
    elif word is not None and word.unit is not Unit.REFERENCES:
        return Counter(field, NOBODY)
    return UNKNOWN


def find_element(pointer: Value, index: Value) -> Value:
    """Return the page that an element of an array of pages is."""
    if not isinstance(pointer, Page) or index == Num(0):
        return pointer if isinstance(pointer, Page) else UNKNOWN
    return Page(each_of(pointer.subject))


def _load(frame: Frame, state: State, place: Value, expr: c.Expr) -> Value:
    if isinstance(place, HeadWord):
        return place
    if isinstance(place, Page) and isinstance(expr, c.Member):
        return place  # &folio->page, or a tail's pointer to its head
    return UNKNOWN


# ---- operators -------------------------------------------------------------------------------


def _unary(frame: Frame, state: State, expr: c.Unary) -> Results:
    if expr.op == "&":
        return frame.address(state, expr.operand)
    if expr.op in ("++x", "--x", "x++", "x--"):
        return _step(frame, state, expr)
    results: Results = []
    for s1, value in evaluate(frame, state, expr.operand):
        if expr.op == "!":
            if isinstance(value, Count):
                frame.note(make_comparison(frame, s1, "==", value, Num(0), expr.span))
            results += [(s2, Num(int(not truth))) for s2, truth in truths(s1, value)]
        elif expr.op == "-":
            results.append((s1, Num(-value.value) if isinstance(value, Num) else _signless(value)))
        elif expr.op == "~" and isinstance(value, Num):
            results.append((s1, Num(~value.value)))
        else:
            results.append((s1, UNKNOWN))
    return results


def _signless(value: Value) -> Value:
    return value if isinstance(value, Some) else UNKNOWN


def _step(frame: Frame, state: State, expr: c.Unary) -> Results:
    """Take ``x++`` and the like: a page moves on, a number grows or shrinks."""
    results: Results = []
    for s, old in evaluate(frame, state, expr.operand):
        new: Value = UNKNOWN
        if isinstance(old, Page):
            new = Page(each_of(old.subject))
        elif isinstance(old, Num | Some | Count):
            new = grow(old, 1) if "++" in expr.op else grow(old, -1)
        after = frame.store(s, expr.operand, new)
        results.append((after, old if expr.op.startswith("x") else new))
    return results


def _logical(frame: Frame, state: State, expr: c.Binary) -> Results:
    wanted = expr.op == "&&"
    results: Results = []
    for s1, left in _condition(frame, state, expr.left):
        for s2, truth in truths(s1, left):
            if truth is not wanted:
                results.append((s2, Num(int(truth))))
                continue
            for s3, right in _condition(frame, s2, expr.right):
                results += [(s4, Num(int(t))) for s4, t in truths(s3, right)]
    return results


def _condition(frame: Frame, state: State, expr: c.Expr) -> Results:
    """Evaluate for its truth: a count alone is compared with zero."""
    results: Results = []
    for s, value in evaluate(frame, state, expr):
        if isinstance(value, Count):
            frame.note(make_comparison(frame, s, "!=", value, Num(0), expr.span))
        if isinstance(value, Count) and value.unit is Unit.MAPPED:
            # some page is still mapped, so what was unmapped is not all
            results += [(s.knowing(("below", "")), Num(1)), (s, Num(0))]
        else:
            results.append((s, value))
    return _refine_parameter(frame, results, expr)


def _refine_parameter(frame: Frame, results: Results, expr: c.Expr) -> Results:
    """Let a parameter whose truth was not known have one on each path from here on.

    So it is with a caller's "compound" or "freeze"; to do so with every variable would split
    paths that do not differ in what is counted.
    """
    while isinstance(expr, c.Cast):
        expr = expr.operand
    if not isinstance(expr, c.Name) or expr.name not in frame.shape.parameters:
        return results
    refined: Results = []
    for state, value in results:
        if isinstance(value, Unknown):
            refined.append((state.refining(expr.name, Some()), Num(1)))
            refined.append((state.refining(expr.name, Num(0)), Num(0)))
        else:
            refined.append((state, value))
    return refined


def _arithmetic(frame: Frame, state: State, expr: c.Binary) -> Results:
    results: Results = []
    for s1, left in evaluate(frame, state, expr.left):
        for s2, right in evaluate(frame, s1, expr.right):
            results.append((s2, combine(frame, s2, expr.op, left, right, expr.span)))
    return results


def _assign(frame: Frame, state: State, expr: c.Assign) -> Results:
    results: Results = []
    for s1, value in evaluate(frame, state, expr.value):
        if expr.op == "=":
            results.append((frame.store(s1, expr.target, value, expr.value), value))
            continue
        for s2, old in evaluate(frame, s1, expr.target):
            new = accumulate(frame, s2, expr, old, value)
            results.append((frame.store(s2, expr.target, new), new))
    return results


def _ternary(frame: Frame, state: State, expr: c.Ternary) -> Results:
    results: Results = []
    for s1, value in _condition(frame, state, expr.cond):
        for s2, truth in truths(s1, value):
            if truth and expr.then is None:
                results.append((s2, value))
            else:
                results += evaluate(frame, s2, expr.then if truth and expr.then else expr.other)
    return results


def ask(frame: Frame, state: State, expr: c.Expr) -> Iterable[tuple[State, bool]]:
    """Yield the paths a condition splits into, each with its truth."""
    for s1, value in _condition(frame, state, expr):
        yield from truths(s1, value)


def describe_source(expr: c.Expr | None) -> str:
    """Return a short text for where an unknown page came from."""
    return describe(expr)[:60] if expr is not None else ""
