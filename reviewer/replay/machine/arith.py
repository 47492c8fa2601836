"""Operands and the closures that compute with them on a frame's registers.

An operand is a constant, a register or a closure over the register list; computing with
constants gives constants, so a branch on a configuration disappears while lowering. A
closure touches registers only: memory is reached by instructions (see instr).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reviewer.replay.memory.valuetype import (
    BOOL_RANK,
    INT,
    ULONG,
    IntType,
    StructType,
    ValueType,
    VoidType,
    wrap,
)
from reviewer.replay.stepping.thread import Undecided

Registers = list[int]
Closure = Callable[[Registers], int]


@dataclass(frozen=True, slots=True)
class Operand:
    """A typed value: exactly one of ``const``, ``reg`` and ``fn`` is set."""

    type: ValueType
    const: int | None = None
    reg: int = -1
    fn: Closure | None = None

    def closure(self) -> Closure:
        """Return a function of the registers that gives the value."""
        if self.fn is not None:
            return self.fn
        if self.const is not None:
            const = self.const
            return lambda _r: const
        reg = self.reg
        return lambda r: r[reg]

    def retyped(self, kind: ValueType) -> Operand:
        """Return the same value under another type of the same range."""
        return Operand(kind, self.const, self.reg, self.fn)


def constant(value: int, kind: ValueType = INT) -> Operand:
    """Return a constant, converted to the type."""
    return Operand(kind, const=wrap(value, kind))


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise Undecided("needs a division by zero to mean something")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - _divide(left, right) * right


def _check_shift(count: int, width: int) -> int:
    if 0 <= count < width:
        return count
    raise Undecided(f"needs a shift of {width} bits by {count} to mean something")


_Pair = Callable[[int, int], int]
_FOLD: dict[str, _Pair] = {
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": _remainder,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "&": lambda a, b: a & b,
    "^": lambda a, b: a ^ b,
    "|": lambda a, b: a | b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
}
COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_STAYS_IN_RANGE = COMPARISONS | {"&", "^", "|", ">>", "%"}

_REG_CONST: dict[str, Callable[[int, int], Closure]] = {
    "*": lambda x, c: lambda r: r[x] * c,
    "+": lambda x, c: lambda r: r[x] + c,
    "-": lambda x, c: lambda r: r[x] - c,
    "<": lambda x, c: lambda r: r[x] < c,
    "<=": lambda x, c: lambda r: r[x] <= c,
    ">": lambda x, c: lambda r: r[x] > c,
    ">=": lambda x, c: lambda r: r[x] >= c,
    "==": lambda x, c: lambda r: r[x] == c,
    "!=": lambda x, c: lambda r: r[x] != c,
    "&": lambda x, c: lambda r: r[x] & c,
    "^": lambda x, c: lambda r: r[x] ^ c,
    "|": lambda x, c: lambda r: r[x] | c,
    "<<": lambda x, c: lambda r: r[x] << c,
    ">>": lambda x, c: lambda r: r[x] >> c,
}
_REG_REG: dict[str, Callable[[int, int], Closure]] = {
    "+": lambda x, y: lambda r: r[x] + r[y],
    "-": lambda x, y: lambda r: r[x] - r[y],
    "<": lambda x, y: lambda r: r[x] < r[y],
    ">": lambda x, y: lambda r: r[x] > r[y],
    "==": lambda x, y: lambda r: r[x] == r[y],
    "!=": lambda x, y: lambda r: r[x] != r[y],
    "&": lambda x, y: lambda r: r[x] & r[y],
    "|": lambda x, y: lambda r: r[x] | r[y],
}
_ANY_CONST: dict[str, Callable[[Closure, int], Closure]] = {
    "*": lambda f, c: lambda r: f(r) * c,
    "+": lambda f, c: lambda r: f(r) + c,
    "-": lambda f, c: lambda r: f(r) - c,
    "==": lambda f, c: lambda r: f(r) == c,
    "!=": lambda f, c: lambda r: f(r) != c,
    "&": lambda f, c: lambda r: f(r) & c,
    "|": lambda f, c: lambda r: f(r) | c,
    "<<": lambda f, c: lambda r: f(r) << c,
    ">>": lambda f, c: lambda r: f(r) >> c,
}
_ANY_ANY: dict[str, Callable[[Closure, Closure], Closure]] = {
    "*": lambda f, g: lambda r: f(r) * g(r),
    "/": lambda f, g: lambda r: _divide(f(r), g(r)),
    "%": lambda f, g: lambda r: _remainder(f(r), g(r)),
    "+": lambda f, g: lambda r: f(r) + g(r),
    "-": lambda f, g: lambda r: f(r) - g(r),
    "<": lambda f, g: lambda r: f(r) < g(r),
    "<=": lambda f, g: lambda r: f(r) <= g(r),
    ">": lambda f, g: lambda r: f(r) > g(r),
    ">=": lambda f, g: lambda r: f(r) >= g(r),
    "==": lambda f, g: lambda r: f(r) == g(r),
    "!=": lambda f, g: lambda r: f(r) != g(r),
    "&": lambda f, g: lambda r: f(r) & g(r),
    "^": lambda f, g: lambda r: f(r) ^ g(r),
    "|": lambda f, g: lambda r: f(r) | g(r),
    "<<": lambda f, g: lambda r: f(r) << g(r),
    ">>": lambda f, g: lambda r: f(r) >> g(r),
}


def _combine(op: str, left: Operand, right: Operand) -> Closure:
    """Return the closure of the exact (unbounded) result, in the fittest shape."""
    if right.const is not None:
        if left.reg >= 0 and op in _REG_CONST:
            return _REG_CONST[op](left.reg, right.const)
        if op in _ANY_CONST:
            return _ANY_CONST[op](left.closure(), right.const)
    elif left.reg >= 0 and right.reg >= 0 and op in _REG_REG:
        return _REG_REG[op](left.reg, right.reg)
    return _ANY_ANY[op](left.closure(), right.closure())


def _wrapped(fn: Closure, kind: ValueType) -> Closure:
    """Return ``fn`` with its result brought into the range of ``kind``."""
    if isinstance(kind, IntType):
        if kind.rank == BOOL_RANK:
            return lambda r: fn(r) != 0
        mask = (1 << kind.width) - 1
        if kind.signed:
            half = 1 << (kind.width - 1)
            return lambda r: ((fn(r) + half) & mask) - half
        return lambda r: fn(r) & mask
    return lambda r: fn(r) & 0xFFFFFFFFFFFFFFFF


def arithmetic(op: str, left: Operand, right: Operand, result: ValueType) -> Operand:
    """Compute ``left op right`` on operands already converted to their common type.

    ``result`` is the type of the result; for shifts it is that of the left operand.
    """
    if op in ("<<", ">>"):
        assert isinstance(left.type, IntType)
        right = _checked_shift(right, left.type.width)
    if left.const is not None and right.const is not None and not _divides_by_zero(op, right):
        return constant(_FOLD[op](left.const, right.const), result)
    fn = _combine(op, left, right)
    return Operand(result, fn=fn if op in _STAYS_IN_RANGE else _wrapped(fn, result))


def _divides_by_zero(op: str, right: Operand) -> bool:
    return op in "/%" and right.const == 0


def _checked_shift(count: Operand, width: int) -> Operand:
    if count.const is not None and 0 <= count.const < width:
        return count
    fn = count.closure()
    return Operand(count.type, fn=lambda r: _check_shift(fn(r), width))


def convert(operand: Operand, to: ValueType) -> Operand:
    """Return the value converted to ``to``; nothing is computed where every value fits."""
    if operand.type == to or isinstance(to, VoidType | StructType):
        return operand.retyped(to)
    if operand.const is not None:
        return constant(operand.const, to)
    if _always_fits(operand.type, to):
        return operand.retyped(to)
    return Operand(to, fn=_wrapped(operand.closure(), to))


def _range(kind: ValueType) -> tuple[int, int]:
    known = kind if isinstance(kind, IntType) else ULONG
    return known.low, known.high


def _always_fits(held: ValueType, to: ValueType) -> bool:
    low, high = _range(held)
    to_low, to_high = _range(to)
    return to_low <= low and high <= to_high


def negate(operand: Operand) -> Operand:
    """``-x`` on a promoted operand."""
    if operand.const is not None:
        return constant(-operand.const, operand.type)
    fn = operand.closure()
    return Operand(operand.type, fn=_wrapped(lambda r: -fn(r), operand.type))


def invert(operand: Operand) -> Operand:
    """``~x`` on a promoted operand."""
    if operand.const is not None:
        return constant(~operand.const, operand.type)
    fn = operand.closure()
    if isinstance(operand.type, IntType) and not operand.type.signed:
        mask = (1 << operand.type.width) - 1
        return Operand(operand.type, fn=lambda r: fn(r) ^ mask)
    return Operand(operand.type, fn=lambda r: ~fn(r))


def logical_not(operand: Operand) -> Operand:
    """``!x``."""
    if operand.const is not None:
        return constant(int(operand.const == 0))
    if operand.reg >= 0:
        reg = operand.reg
        return Operand(INT, fn=lambda r: not r[reg])
    fn = operand.closure()
    return Operand(INT, fn=lambda r: not fn(r))


def both(left: Operand, right: Operand) -> Operand:
    """``left && right`` where evaluating the right one has no effect."""
    f, g = left.closure(), right.closure()
    return Operand(INT, fn=lambda r: 1 if f(r) and g(r) else 0)


def either(left: Operand, right: Operand) -> Operand:
    """``left || right`` where evaluating the right one has no effect."""
    f, g = left.closure(), right.closure()
    return Operand(INT, fn=lambda r: 1 if f(r) or g(r) else 0)


def select(cond: Operand, then: Operand, other: Operand, kind: ValueType) -> Operand:
    """``cond ? then : other`` where evaluating the arms has no effect."""
    c, f, g = cond.closure(), then.closure(), other.closure()
    return Operand(kind, fn=lambda r: f(r) if c(r) else g(r))


def bits_of(whole: Operand, shift: int, kind: ValueType, size: int) -> Operand:
    """Read the member of ``size`` bytes (or a bit field's width) at bit ``shift`` of a value."""
    width = kind.width if isinstance(kind, IntType) else size * 8
    mask = (1 << width) - 1
    signed = isinstance(kind, IntType) and kind.signed
    half = (1 << (width - 1)) if signed else 0
    if whole.const is not None:
        return Operand(kind, const=(((whole.const >> shift) & mask) ^ half) - half)
    fn = whole.closure()
    if signed:
        return Operand(kind, fn=lambda r: (((fn(r) >> shift) & mask) ^ half) - half)
    return Operand(kind, fn=lambda r: fn(r) >> shift & mask)
