"""Pages kept in a structure of the walked function's: ``walk.page``, ``vmf->page``.

Only what names a page is kept, and only until somebody else is handed the structure.
"""

from __future__ import annotations

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
    """Store into a member; of anything but a page it is only forgotten what was there."""
    name = find_field(target)
    if not name or isinstance(state.env.get(base_of(name)), Ptr):
        return  # no member, or a word of a struct page
    state.env.pop(name, None)
    if isinstance(value, Ptr | Token):
        state.env[name] = value


def forget_fields(state: State, names: frozenset[str]) -> State:
    """Return the state in which nothing is known of the members of these variables."""
    gone = [n for n in state.env if base_of(n) != n and base_of(n) in names]
    if not gone:
        return state
    after = state.copy()
    for name in gone:
        del after.env[name]
    return after


def find_handed(call: c.Call) -> frozenset[str]:
    """Return the variables that a call is handed, or the addresses of."""
    return frozenset(name for arg in call.args if (name := _find_name(arg)))


def _find_name(expr: c.Expr) -> str:
    while isinstance(expr, c.Cast | c.Unary):
        expr = expr.operand
    return expr.name if isinstance(expr, c.Name) else ""
