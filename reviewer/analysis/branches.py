"""Tests: the truths a value can have, and what each of them says of the variables asked about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from reviewer.analysis.numbers import COMPARISONS, signs_where, with_signs
from reviewer.analysis.objects import guard, pin_head, take_pin
from reviewer.analysis.spelling import TRANSPARENT, describe
from reviewer.analysis.values import (
    EQUAL,
    SURE,
    UNKNOWN,
    Doubt,
    Num,
    Place,
    Predicate,
    Ptr,
    Ref,
    State,
    Unknown,
    Value,
    find_root,
)
from reviewer.model import ctree as c
from reviewer.model.pagestate import Pin

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame

# Answers kept along a path: the arms of a long ``else if`` would each remember all before it.
REMEMBERED = 32


class Decision(NamedTuple):
    """One truth of an expression; ``loose``: it also hangs on something not followed."""

    state: State
    truth: bool
    doubt: Doubt
    about: Doubt
    loose: bool


def decide(frame: Frame, state: State, expr: c.Expr) -> Iterable[Decision]:
    """Yield a path for each truth an expression can have; a variable tested keeps its answer."""
    for s1, value in frame.evaluate(state, expr):
        for s2, truth, doubt, about in truths(s1, value):
            after = _remember(frame, s2, expr, truth=truth)
            yield Decision(after, truth, doubt, about, is_open(value))


def truths(state: State, value: Value) -> Iterable[tuple[State, bool, Doubt, Doubt]]:
    """Yield (state, truth, doubt, about) for each truth the value can have."""
    match value:
        case Num(value=number, doubt=doubt, about=about):
            yield state, bool(number), doubt, about
        case Ptr(doubt=doubt):
            yield state, True, doubt, SURE
        case Place() | Ref():
            yield state, True, SURE, SURE
        case Unknown(signs=signs, about=about):
            yield guard(state, about), True, SURE, SURE
            if "0" in signs:
                yield state, False, SURE, SURE
        case _:
            yield state, True, SURE, SURE
            yield state, False, SURE, SURE


def is_open(value: Value) -> bool:
    """Say whether the truth of a value hangs on something that is not followed."""
    return value.open if isinstance(value, Num) else not isinstance(value, Ptr | Place)


def _remember(frame: Frame, state: State, expr: c.Expr, *, truth: bool) -> State:
    """Return the state in which an expression was found true, or false."""
    match expr:
        case c.Cast(operand=operand):
            return _remember(frame, state, operand, truth=truth)
        case c.Call(callee=c.Name(name=name), args=(operand, *_)) if name in TRANSPARENT:
            return _remember(frame, state, operand, truth=truth)
        case c.Unary(op="!", operand=operand):
            return _remember(frame, state, operand, truth=not truth)
        case c.Binary(op="&", right=right) if truth and describe(right) in frame.words.promises:
            return _trust(state)
        case c.Binary(op=op, left=left, right=right) if op in COMPARISONS:
            known = _remember_equal(state, expr, equal=truth == (op == "=="))
            number = _constant(right)
            return known if number is None else _narrow(known, left, op, number, truth=truth)
    return _narrow(state, expr, "!=", 0, truth=truth)


def _constant(expr: c.Expr) -> int | None:
    match expr:
        case c.Number(value=value):
            return value
        case c.Unary(op="-", operand=c.Number(value=value)):
            return -value
    return None


def _narrow(state: State, expr: c.Expr, op: str, number: int, *, truth: bool) -> State:
    """Return the state in which a variable of unknown value has only the signs that are left."""
    name = find_slot(state, expr)
    old = state.env.get(name)
    if not isinstance(old, Unknown):
        return state
    signs = signs_where(op, old.signs, number, truth=truth)
    if signs in ("", old.signs):
        return state
    known = state.copy()
    known.env[name] = with_signs(old, signs)
    return known


def _trust(state: State) -> State:
    """Return the state in which the caller's flag says that it holds the pages at hand."""
    for obj, mine in list(state.objects.items()):
        if obj == find_root(obj) and mine.tracked and not mine.held:
            state = pin_head(take_pin(state, obj, Pin.REFERENCE, None), obj, Pin.REFERENCE)
    return state


def equality(expr: c.Binary) -> Predicate | None:
    """Return what it is remembered under that a variable is, or is not, a constant."""
    name = find_variable(expr.left)
    if expr.op in ("==", "!=") and name and isinstance(expr.right, c.Name | c.Number | c.Unary):
        return EQUAL, f"{name} {describe(expr.right)}"
    return None


def _remember_equal(state: State, expr: c.Binary, *, equal: bool) -> State:
    fact = equality(expr)
    if fact is None or not isinstance(state.env.get(fact[1].split()[0], UNKNOWN), Unknown):
        return state
    if fact not in state.facts and len(state.facts) >= REMEMBERED:
        return state
    known = state.copy()
    known.facts[fact] = equal
    return known


def find_variable(expr: c.Expr) -> str:
    """Return the name a variable, or what a parameter points at, is kept under; "" for others."""
    match expr:
        case c.Name(name=name):
            return name
        case c.Unary(op="*", operand=c.Name(name=name)):
            return f"*{name}"
    return ""


def find_slot(state: State, expr: c.Expr) -> str:
    """Return the variable an lvalue is, through a pointer to it too; "" for others."""
    name = find_variable(expr)
    if name.startswith("*") and name not in state.env:
        ref = state.env.get(name[1:])
        return ref.name if isinstance(ref, Ref) else ""
    return name


def forget_facts(state: State, name: str) -> None:
    """Drop what was remembered of a variable that gets another value."""
    for fact in [f for f in state.facts if name in f[1]]:
        del state.facts[fact]


def forget_written(state: State, values: tuple[Value, ...]) -> State:
    """Return the state after a call that is not followed: it may write what it was pointed at."""
    refs = [value.name for value in values if isinstance(value, Ref)]
    if not refs:
        return state
    after = state.copy()
    for name in refs:
        after.env[name] = UNKNOWN
        forget_facts(after, name)
    return after
