"""Lowers the two-operand operators, and says what type two alternatives have in common."""

from __future__ import annotations

from reviewer.model.ctree import Span
from reviewer.replay.lowering.calls import CallLowering
from reviewer.replay.machine import arith
from reviewer.replay.machine.arith import COMPARISONS, Operand, constant, convert
from reviewer.replay.memory.valuetype import (
    INT,
    LONG,
    ULONG,
    VOID,
    IntType,
    PointerType,
    ValueType,
    VoidType,
    promote,
    usual,
)
from reviewer.replay.stepping.thread import Undecided


def common_type(then: ValueType | None, other: ValueType | None) -> ValueType:
    """Return the type of ``cond ? then : other``; None is an arm that could not be typed."""
    if then is None or other is None:
        return then or other or INT
    if isinstance(then, IntType) and isinstance(other, IntType):
        left, right = promote(then), promote(other)
        assert isinstance(left, IntType)
        assert isinstance(right, IntType)
        return usual(left, right)
    if isinstance(then, PointerType):
        vague = isinstance(then.to, VoidType) and isinstance(other, PointerType)
        return other if vague else then
    return VOID if isinstance(then, VoidType) else other


class OperatorLowering(CallLowering):
    """Lowering of operators on values."""

    def binary(self, op: str, left: Operand, right: Operand, span: Span) -> Operand:
        """Lower ``left op right`` for every operator but the logical ones."""
        if isinstance(left.type, PointerType) or isinstance(right.type, PointerType):
            return self._pointer_binary(op, left, right, span)
        if not isinstance(left.type, IntType) or not isinstance(right.type, IntType):
            raise Undecided(f"needs {op} on {left.type!r} and {right.type!r}", span)
        left = convert(left, promote(left.type))
        right = convert(right, promote(right.type))
        if op in ("<<", ">>"):
            return arith.arithmetic(op, left, right, left.type)
        assert isinstance(left.type, IntType)
        assert isinstance(right.type, IntType)
        common = usual(left.type, right.type)
        result = INT if op in COMPARISONS else common
        return arith.arithmetic(op, convert(left, common), convert(right, common), result)

    def _pointer_binary(self, op: str, left: Operand, right: Operand, span: Span) -> Operand:
        if op in COMPARISONS:
            left, right = convert(left, ULONG), convert(right, ULONG)
            return arith.arithmetic(op, left, right, INT)
        if op == "+" and not isinstance(left.type, PointerType):
            left, right = right, left
        if isinstance(left.type, PointerType) and isinstance(right.type, IntType) and op in "+-":
            return self.step_pointer(left, right, op)
        if op == "-" and isinstance(left.type, PointerType):
            size = self.types.size(left.type.to)
            gap = arith.arithmetic("-", left.retyped(ULONG), right.retyped(ULONG), ULONG)
            signed = convert(gap, LONG)
            return arith.arithmetic("/", signed, constant(size, LONG), LONG)
        raise Undecided(f"needs {op} on pointers", span)
