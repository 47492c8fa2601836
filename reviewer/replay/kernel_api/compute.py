"""Primitives that only compute: min and max, container_of, bit scans, compiler builtins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Expr, Name, TypeArg
from reviewer.replay.kernel_api.support import NOTHING, Primitive, argument
from reviewer.replay.machine.arith import Operand, arithmetic, constant, convert, select
from reviewer.replay.memory.valuetype import (
    INT,
    UINT,
    ULONG,
    IntType,
    PointerType,
    ValueType,
    is_same,
    promote,
    usual,
)
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _type(low: CallLowering, expr: Expr) -> ValueType:
    if isinstance(expr, TypeArg):
        return low.types.resolve(expr.type, low.type_of)
    raise Undecided("needs a type as argument", expr.span)


def _common(left: Operand, right: Operand, call: Call) -> ValueType:
    if isinstance(left.type, PointerType):
        return left.type
    if not isinstance(left.type, IntType) or not isinstance(right.type, IntType):
        raise Undecided("needs numbers to compare", call.span)
    a, b = promote(left.type), promote(right.type)
    assert isinstance(a, IntType)
    assert isinstance(b, IntType)
    return usual(a, b)


def _choose(low: CallLowering, op: str, left: Operand, right: Operand) -> Operand:
    left, right = low.settle(left), low.settle(right)
    cond = arithmetic(op, left, right, INT)
    if cond.const is not None:
        return left if cond.const else right
    return low.settle(select(cond, left, right, left.type))


def _extreme(op: str) -> Primitive:
    """``min``/``max`` of two or more values, in their common type."""

    def lower(low: CallLowering, call: Call) -> Operand:
        best = low.settle(low.value(argument(call, 0)))
        for arg in call.args[1:]:
            other = low.value(arg)
            kind = _common(best, other, call)
            best = _choose(low, op, convert(best, kind), convert(other, kind))
        return best

    return lower


def _extreme_of_type(op: str) -> Primitive:
    """``min_t``/``max_t``: both are converted to the type first."""

    def lower(low: CallLowering, call: Call) -> Operand:
        kind = _type(low, argument(call, 0))
        left = convert(low.value(argument(call, 1)), kind)
        right = convert(low.value(argument(call, 2)), kind)
        return _choose(low, op, left, right)

    return lower


def _clamp(low: CallLowering, call: Call) -> Operand:
    value = low.value(argument(call, 0))
    kind = value.type
    low_end = convert(low.value(argument(call, 1)), kind)
    high_end = convert(low.value(argument(call, 2)), kind)
    return _choose(low, "<", _choose(low, ">", value, low_end), high_end)


def _clamp_of_type(low: CallLowering, call: Call) -> Operand:
    kind = _type(low, argument(call, 0))
    ends = [convert(low.value(argument(call, i)), kind) for i in (1, 2, 3)]
    return _choose(low, "<", _choose(low, ">", ends[0], ends[1]), ends[2])


def _swap(low: CallLowering, call: Call) -> Operand:
    first, second = low.place(argument(call, 0)), low.place(argument(call, 1))
    one = low.keep(low.load(first, call.span))
    two = low.keep(low.load(second, call.span))
    low.store(first, two, call.span)
    low.store(second, one, call.span)
    return NOTHING


def _container_of(low: CallLowering, call: Call) -> Operand:
    pointer = convert(low.value(argument(call, 0)), ULONG)
    kind = _type(low, argument(call, 1))
    member = _dotted(argument(call, 2))
    offset = low.offset_in(kind, member, call.span)
    moved = arithmetic("-", pointer, constant(offset, ULONG), ULONG)
    return moved.retyped(PointerType(kind))


def _dotted(expr: Expr) -> str:
    """Return a member designator written as an expression ("a.b")."""
    if isinstance(expr, Name):
        return expr.name
    base, field = getattr(expr, "base", None), getattr(expr, "field", None)
    if base is None or field is None:
        raise Undecided("needs a member's name", expr.span)
    return f"{_dotted(base)}.{field}"


def _constant_p(low: CallLowering, call: Call) -> Operand:
    """Constant where the lowering can fold it; the value is the same either way."""
    with low.capture() as items:
        try:
            operand = low.value(argument(call, 0))
        except Undecided:
            return constant(0)
    return constant(int(operand.const is not None and not items))


def _expect(low: CallLowering, call: Call) -> Operand:
    return low.value(argument(call, 0))


def _same_type(low: CallLowering, call: Call) -> Operand:
    kinds = [
        _type(low, arg) if isinstance(arg, TypeArg) else low.type_of(arg) for arg in call.args[:2]
    ]
    return constant(int(is_same(*kinds)))


def _choose_expr(low: CallLowering, call: Call) -> Operand:
    cond = low.value(argument(call, 0))
    if cond.const is None:
        raise Undecided("needs a constant for __builtin_choose_expr", call.span)
    return low.value(argument(call, 1 if cond.const else 2))


def _function(compute: Callable[[int], int], kind: IntType, result: IntType = INT) -> Primitive:
    """Return the primitive of a function of one number."""

    def lower(low: CallLowering, call: Call) -> Operand:
        operand = convert(low.value(argument(call, 0)), kind)
        if operand.const is not None and not _undefined(compute, operand.const):
            return constant(compute(operand.const), result)
        fn = operand.closure()
        return low.settle(Operand(result, fn=lambda r: compute(fn(r))))

    return lower


def _undefined(compute: Callable[[int], int], value: int) -> bool:
    return value == 0 and compute in (_lowest, _highest, _log2, _round_down)


def _lowest(value: int) -> int:
    if value == 0:
        raise Undecided("needs a bit scan of 0 to mean something")
    return (value & -value).bit_length() - 1


def _highest(value: int) -> int:
    if value == 0:
        raise Undecided("needs a bit scan of 0 to mean something")
    return value.bit_length() - 1


_log2 = _highest


def _round_up(value: int) -> int:
    return 1 << max(value - 1, 0).bit_length()


def _round_down(value: int) -> int:
    return 1 << _highest(value)


def _lowest_zero(value: int) -> int:
    return _lowest(~value & ((1 << 64) - 1))


def _address(low: CallLowering, call: Call) -> Operand:
    """``untagged_addr(mm, addr)`` and its kin: x86 without LAM leaves it alone."""
    return low.value(argument(call, len(call.args) - 1))


TABLE: dict[str, Primitive] = {
    "min": _extreme("<"),
    "umin": _extreme("<"),
    "min3": _extreme("<"),
    "max": _extreme(">"),
    "umax": _extreme(">"),
    "max3": _extreme(">"),
    "min_t": _extreme_of_type("<"),
    "max_t": _extreme_of_type(">"),
    "clamp": _clamp,
    "clamp_val": _clamp,
    "clamp_t": _clamp_of_type,
    "swap": _swap,
    "container_of": _container_of,
    "container_of_const": _container_of,
    "__builtin_constant_p": _constant_p,
    "__builtin_expect": _expect,
    "likely": _expect,
    "unlikely": _expect,
    "__builtin_types_compatible_p": _same_type,
    "__builtin_choose_expr": _choose_expr,
    "ffs": _function(lambda v: (v & -v).bit_length(), UINT),
    "__builtin_ffs": _function(lambda v: (v & -v).bit_length(), UINT),
    "fls": _function(lambda v: v.bit_length(), UINT),
    "fls64": _function(lambda v: v.bit_length(), ULONG),
    "fls_long": _function(lambda v: v.bit_length(), ULONG),
    "__ffs": _function(_lowest, ULONG, ULONG),
    "__fls": _function(_highest, ULONG, ULONG),
    "ffz": _function(_lowest_zero, ULONG, ULONG),
    "__builtin_ctzl": _function(_lowest, ULONG),
    "ilog2": _function(_log2, ULONG),
    "const_ilog2": _function(_log2, ULONG),
    "order_base_2": _function(lambda v: max(v - 1, 0).bit_length(), ULONG),
    "get_order": _function(lambda v: (max(v - 1, 0) >> 12).bit_length(), ULONG),
    "roundup_pow_of_two": _function(_round_up, ULONG, ULONG),
    "rounddown_pow_of_two": _function(_round_down, ULONG, ULONG),
    "hweight32": _function(int.bit_count, UINT, UINT),
    "hweight64": _function(int.bit_count, ULONG, ULONG),
    "hweight_long": _function(int.bit_count, ULONG, ULONG),
    "untagged_addr": _address,
}
