"""Folds a constant expression of the syntax tree: array sizes, widths, enumerators."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.cfacts.constants import SIZES, apply_operator
from reviewer.model.ctree import Binary, Cast, Expr, Name, Number, SizeOf, Ternary, Unary

_UNSIGNED = {"unsigned": 32, "unsigned int": 32, "u32": 32, "unsigned long": 64, "u64": 64}


def fold(expr: Expr, value_of: Callable[[str], int | None]) -> int | None:
    """Return the value of a constant expression, None where it is none or not known.

    ``value_of`` gives the value of an enumerator. The arithmetic is exact; a cast to an
    unsigned type wraps.
    """
    match expr:
        case Number():
            return expr.value
        case Name():
            return value_of(expr.name)
        case Cast():
            value = fold(expr.operand, value_of)
            width = 0 if expr.type.pointers else _UNSIGNED.get(expr.type.base, 0)
            return value & ((1 << width) - 1) if value is not None and width else value
        case SizeOf() if expr.type is not None and not expr.type.dims:
            base = expr.type.base.removeprefix("unsigned ").removeprefix("signed ")
            return 8 if expr.type.pointers else SIZES.get(base.removesuffix(" long"))
        case Unary():
            value = fold(expr.operand, value_of)
            if value is None or expr.op not in ("-", "+", "!", "~"):
                return None
            return {"-": -value, "+": value, "!": int(not value), "~": ~value}[expr.op]
        case Binary():
            return apply_operator(expr.op, fold(expr.left, value_of), fold(expr.right, value_of))
        case Ternary():
            cond = fold(expr.cond, value_of)
            if cond is None:
                return None
            if cond and expr.then is None:
                return cond
            branch = expr.then if cond and expr.then is not None else expr.other
            return fold(branch, value_of)
        case _:
            return None
