"""Pages kept in a structure of the walked function's: ``walk.page``, ``vmf->page``.

Only what names a page is kept, and only until somebody else is handed the structure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from reviewer.analysis.values import Ptr, State, Token, Value, base_of
from reviewer.model import ctree as c


def find_field(expr: c.Expr) -> str:
    """Return the name a member of a variable's is kept under, "" for anything else."""
    match expr:
        case c.Cast(operand=operand):
            return find_field(operand)
        case c.Member(base=c.Name(name=name), field=field, arrow=arrow):
            return f"{name}{'->' if arrow else '.'}{field}"
        case c.Member(base=c.Member() as base, field=field, arrow=arrow):
            inner = find_field(base)
            return f"{inner}{'->' if arrow else '.'}{field}" if inner else ""
    return ""


def store_field(state: State, target: c.Expr, value: Value) -> None:
    """Store into a member; of anything but a page it is only forgotten what was there.

    So it is of the members of that name in other structures, since a pointer may be to the same
    one, and of what lies in a structure that is written whole.
    """
    match target:
        case c.Unary(op="*", operand=c.Name(name=name)):
            _forget(state, lambda kept: kept.startswith(f"{name}->"))
            return
    name = find_field(target)
    if not name or isinstance(state.env.get(base_of(name)), Ptr):
        return  # no member, or a word of a struct page
    field = re.split(r"\.|->", name)[-1]
    inside = re.compile(rf"{re.escape(name)}(?:\.|->)|.*(?:\.|->){field}$")
    _forget(state, lambda kept: inside.match(kept) is not None)
    if isinstance(value, Ptr | Token):
        state.env[name] = value


def _forget(state: State, gone: Callable[[str], bool]) -> None:
    for name in [n for n in state.env if base_of(n) != n and gone(n)]:
        del state.env[name]


def iter_initialised(declared: c.Declare, values: c.InitList) -> Iterator[tuple[c.Expr, c.Expr]]:
    """Yield the members that ``{ .page = x }`` names, each with its value."""
    whole = c.Name(declared.span, declared.name)
    for at, value in values.items:
        if re.fullmatch(r"\.\w+", at) and not isinstance(value, c.InitList):
            yield c.Member(value.span, whole, at[1:], arrow=False), value


def forget_fields(state: State, names: frozenset[str]) -> State:
    """Return the state in which nothing is known of the members of these variables."""
    if not any(base_of(n) != n and base_of(n) in names for n in state.env):
        return state
    after = state.copy()
    _forget(after, lambda kept: base_of(kept) in names)
    return after


def find_handed(call: c.Call) -> frozenset[str]:
    """Return the variables that a call is handed, or the addresses of, or of members of."""
    return frozenset(name for arg in call.args if (name := _find_name(arg)))


def _find_name(expr: c.Expr) -> str:
    address = False
    while isinstance(expr, c.Cast | c.Unary) or (address and isinstance(expr, c.Member | c.Index)):
        address = address or (isinstance(expr, c.Unary) and expr.op == "&")
        expr = expr.base if isinstance(expr, c.Member | c.Index) else expr.operand
    return expr.name if isinstance(expr, c.Name) else ""
