"""Expressions as short text, to remember facts under and to show in a message."""

from __future__ import annotations

from reviewer.model import ctree as c

# Spelled as calls by the reader of C; their value is that of their (first) argument.
TRANSPARENT = frozenset(
    {"READ_ONCE", "data_race", "likely", "unlikely", "__builtin_expect", "ACCESS_ONCE"}
    | {"rcu_dereference", "lockless_dereference", "READ_ONCE_NOCHECK"}
)


def describe(expr: c.Expr) -> str:
    """Return a short text of the expression, without casts."""
    match expr:
        case c.Name(name=name):
            return name
        case c.Member(base=base, field=field, arrow=arrow):
            return f"{describe(base)}{'->' if arrow else '.'}{field}"
        case c.Unary(op=op, operand=operand):
            return f"{op}{describe(operand)}"
        case c.Cast(operand=operand):
            return describe(operand)
        case c.Call(callee=callee, args=args):
            return f"{describe(callee)}({','.join(describe(a) for a in args)})"
        case c.Index(base=base, index=index):
            return f"{describe(base)}[{describe(index)}]"
        case c.Number(value=value):
            return str(value)
    return f"<{type(expr).__name__}>"
