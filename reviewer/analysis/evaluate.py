"""Expressions over page states: each evaluation may split the path it is on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.branches import decide, equality, find_slot, is_open, truths
from reviewer.analysis.control import CONSTANTS, choose_arm
from reviewer.analysis.fields import find_field
from reviewer.analysis.objects import (
    find_head,
    find_neighbour,
    step_neighbour,
)
from reviewer.analysis.operators import (
    COMPARES,
    TAIL,
    combine,
    find_number,
    mask_variable,
)
from reviewer.analysis.secondlook import note_compared
from reviewer.analysis.uses import note_cast, note_read
from reviewer.analysis.values import (
    UNKNOWN,
    HeadWord,
    Num,
    ObjectId,
    Place,
    Ptr,
    Ref,
    Results,
    State,
    Symbol,
    Token,
    Unknown,
    Value,
    doubt_of,
)
from reviewer.model import ctree as c
from reviewer.model.pagestate import Position
from reviewer.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame


ORDER0 = frozenset({Position.ORDER0})


def evaluate(frame: Frame, state: State, expr: c.Expr) -> Results:
    """Evaluate on one path; the results are the paths it splits into."""
    match expr:
        case c.Number(value=number):
            return [(state, Num(number))]
        case c.Name(name=name):
            return [(state, _read_name(state, name))]
        case c.Call():
            return frame.call(state, expr)
        case c.Unary():
            return _unary(frame, state, expr)
        case c.Binary(op="&&" | "||"):
            return _logical(frame, state, expr)
        case c.Binary():
            return _binary(frame, state, expr)
        case c.Assign():
            return _assign(frame, state, expr)
        case c.Ternary():
            return _ternary(frame, state, expr)
        case c.Member() if (name := find_field(expr)) in state.env:
            return [(state, state.env[name])]
        case c.Member() | c.Index():
            loaded = frame.address(state, expr)
            for s, v in loaded:
                note_read(frame, s, v, expr)
            return [(s, _load(frame, s, v)) for s, v in loaded]
        case c.Cast(operand=operand):
            cast = evaluate(frame, state, operand)
            for s, v in cast:
                note_cast(frame, s, v, expr)
            return cast
        case c.Comma(items=items):
            return frame.sequence(state, items)
        case c.StatementExpr(body=body):
            return frame.statement_expression(state, body)
        case c.Generic():
            return evaluate(frame, state, choose_arm(expr))
        case c.UnparsedExpr(reason=reason):
            frame.skip(reason)
    return [(state, UNKNOWN)]


def _read_name(state: State, name: str) -> Value:
    if name in state.env:
        return state.env[name]
    if name in CONSTANTS:
        return Num(CONSTANTS[name])
    return Symbol(name)


def find_member(words: Vocabulary, value: Value, field: str) -> Value:
    """Return the place of a member of a page: the page itself, a Place, or UNKNOWN."""
    match value:
        case Ptr(obj=obj) if field in words.same_object_fields:
            return value
        case Ptr(obj=obj, doubt=doubt):
            return Place(obj, field, doubt)
    return UNKNOWN


def find_element(state: State, pointer: Value, number: Value) -> Value:
    """Return the struct page ``number`` further on, deriving it into ``state``."""
    if not isinstance(pointer, Ptr):
        return UNKNOWN
    if isinstance(number, Num) and number.value == 0:
        return pointer
    return Ptr(find_neighbour(state, pointer.obj), pointer.doubt)


def _load(frame: Frame, state: State, place: Value) -> Value:
    match place:
        case Place(obj=obj, field=field, doubt=doubt):
            if field in frame.words.head_word_fields:
                return HeadWord(obj, state.doubts(obj) | doubt)
            if field in frame.words.head_pointer_fields:
                return Ptr(find_head(state, obj), state.doubts(obj) | doubt)
    return UNKNOWN


def _unary(frame: Frame, state: State, expr: c.Unary) -> Results:
    op, operand = expr.op, expr.operand
    if op == "&":
        if isinstance(operand, c.Name):
            return _take_address(state, operand.name)
        return frame.address(state, operand)
    if op in ("++x", "--x", "x++", "x--"):
        return _step(frame, state, operand)
    name = find_slot(state, expr) if op == "*" else ""
    if name in state.env:
        return [(state, state.env[name])]
    results: Results = []
    for s, value in evaluate(frame, state, operand):
        if op == "!":
            results += [
                (s2, Num(int(not t), doubt, about, is_open(value)))
                for s2, t, doubt, about in truths(s, value)
            ]
        elif isinstance(value, Num) and op in "-+~":
            number = {"-": -value.value, "+": value.value, "~": ~value.value}[op]
            results.append((s, Num(number, value.doubt, value.about)))
        else:
            results.append((s, Unknown(doubt_of(value)) if op != "*" else UNKNOWN))
    return results


def _take_address(state: State, name: str) -> Results:
    """``&name``: who is handed it may write the variable, and says so on return."""
    if name not in state.env:
        return [(state, UNKNOWN)]
    return [(state, Ref(name))]


def _step(frame: Frame, state: State, operand: c.Expr) -> Results:
    """``page++``: the next struct page of the memmap."""
    results: Results = []
    for s, value in evaluate(frame, state, operand):
        moved: Value = UNKNOWN
        new = s.copy()
        if isinstance(value, Ptr):
            moved = Ptr(step_neighbour(new, value.obj), value.doubt)
        frame.store(new, operand, moved)
        results.append((new, moved))
    return results


def _logical(frame: Frame, state: State, expr: c.Binary) -> Results:
    """Short-circuit: the right side is asked only where the left leaves it open."""
    decides = expr.op == "||"
    results: Results = []
    for left in decide(frame, state, expr.left):
        if left.truth == decides:
            results.append((left.state, Num(int(decides), left.doubt, left.about, left.loose)))
            continue
        for right in decide(frame, left.state, expr.right):
            doubt, about = left.doubt | right.doubt, left.about | right.about
            answer = Num(int(right.truth), doubt, about, left.loose or right.loose)
            results.append((right.state, answer))
    return results


def _ternary(frame: Frame, state: State, expr: c.Ternary) -> Results:
    results: Results = []
    if expr.then is None:
        for s1, value in evaluate(frame, state, expr.cond):
            for s2, truth, _, _ in truths(s1, value):
                results += [(s2, value)] if truth else evaluate(frame, s2, expr.other)
        return results
    for case in decide(frame, state, expr.cond):
        results += evaluate(frame, case.state, expr.then if case.truth else expr.other)
    return results


def _assign(frame: Frame, state: State, expr: c.Assign) -> Results:
    results: Results = []
    for s, value in evaluate(frame, state, expr.value):
        stored = value
        new = s.copy()
        if expr.op != "=":
            stored = UNKNOWN
            if expr.op in ("+=", "-="):
                old = _read_name(s, expr.target.name) if isinstance(expr.target, c.Name) else None
                if isinstance(old, Ptr):
                    stored = Ptr(step_neighbour(new, old.obj), old.doubt)
                    if _is_masked(expr.value):
                        new = _found_by_address(new, stored)
                elif isinstance(old, Token):
                    stored = replace(old, moved=True)
            elif expr.op in ("|=", "&="):
                old = s.env.get(find_slot(s, expr.target))
                stored = mask_variable(expr.op[0], old, find_number(frame, value))
        if isinstance(expr.target, c.Member) and expr.target.field in frame.words.head_word_fields:
            for s2, place in frame.address(new, expr.target):
                written = write_head_word(s2, place.obj, stored) if isinstance(place, Place) else s2
                results.append((written, stored))
            continue
        frame.store(new, expr.target, stored)
        results.append((new, stored))
    return results


def write_head_word(state: State, obj: ObjectId, value: Value) -> State:
    """Return the state after a store to a page's ``compound_head``: zero, or a head with bit 0."""
    if not state.find(obj).tracked:
        return state
    zero = isinstance(value, Num) and value.value == 0
    return state.with_positions(obj, ORDER0 if zero else TAIL)


def _binary(frame: Frame, state: State, expr: c.Binary) -> Results:
    results: Results = []
    fact = equality(expr)
    if fact in state.facts:
        return [(state, Num(int(state.facts[fact] == (expr.op == "=="))))]
    for s1, left in evaluate(frame, state, expr.left):
        for s2, right in evaluate(frame, s1, expr.right):
            if expr.op in COMPARES:
                note_compared(frame, s2, expr, left, right)
            if expr.op in ("==", "!=", "&", "|"):
                results += combine(s2, expr.op, find_number(frame, left), find_number(frame, right))
            else:
                found = combine(s2, expr.op, left, right)
                masked = _is_masked(expr.right)
                results += [(_found_by_address(s, v) if masked else s, v) for s, v in found]
    return results


def _is_masked(expr: c.Expr) -> bool:
    """Say whether a number is a part of another, as the offset of an address in its huge page."""
    while isinstance(expr, c.Cast):
        expr = expr.operand
    return isinstance(expr, c.Binary) and expr.op in ("&", ">>", "%")


def _found_by_address(state: State, value: Value) -> State:
    """Return the state with a page found by an address: who chose it may know where it is."""
    if not isinstance(value, Ptr) or value.obj[0] != "near":
        return state
    return state.with_object(value.obj, replace(state.find(value.obj), guarded=True))
