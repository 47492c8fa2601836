"""Lowers control flow inside expressions: conditions, ``&&``, ``||`` and ``?:``."""

from __future__ import annotations

from reviewer.model.ctree import (
    Binary,
    Expr,
    Ternary,
    Unary,
)
from reviewer.replay.lowering.operators import OperatorLowering, common_type
from reviewer.replay.machine import arith
from reviewer.replay.machine.arith import Operand, constant, convert
from reviewer.replay.machine.instr import Branch, Jump, Label, Set
from reviewer.replay.memory.valuetype import (
    INT,
    ValueType,
    VoidType,
    decay,
)
from reviewer.replay.stepping.thread import Undecided


class ConditionLowering(OperatorLowering):
    """Lowering of expressions that evaluate only some of their parts."""

    def cond(self, expr: Expr, yes: Label, no: Label) -> bool | None:
        """Branch on an expression; return its value where it is constant."""
        if isinstance(expr, Binary) and expr.op in ("&&", "||"):
            stop = expr.op == "||"
            middle = Label()
            first = self.cond(expr.left, yes if stop else middle, middle if stop else no)
            if first is stop:
                return stop
            self.emit(middle)
            second = self._guarded_cond(expr.right, yes, no)
            return second if second is stop or first is not None else None
        if isinstance(expr, Unary) and expr.op == "!":
            inner = self.cond(expr.operand, no, yes)
            return None if inner is None else not inner
        operand = self.value(expr)
        if operand.const is not None:
            self.emit(Jump(yes if operand.const else no))
            return bool(operand.const)
        self.emit(Branch(operand, yes, no))
        return None

    def _guarded_cond(self, expr: Expr, yes: Label, no: Label) -> bool | None:
        known: list[bool | None] = [None]

        def lower() -> None:
            known[0] = self.cond(expr, yes, no)

        self.guard(expr.span, lower)
        return known[0]

    def logical(self, expr: Binary) -> Operand:
        """Lower ``&&`` or ``||`` to a value."""
        left = self.value(expr.left)
        stop = expr.op == "||"
        if left.const is not None and bool(left.const) is stop:
            return constant(int(stop))
        with self.capture() as captured:
            right = self.guard(expr.right.span, lambda: self.value(expr.right))
        if right is None:
            right = constant(0)
        if not captured:
            if right.const is not None and left.const is not None:
                return constant(int(bool(right.const)))
            return (arith.either if stop else arith.both)(left, right)
        reg = self.register()
        more, end = Label(), Label()
        self.emit(Set(reg, constant(int(stop))))
        self.emit(Branch(left, end, more) if stop else Branch(left, more, end))
        self.emit(more)
        self.items.extend(captured)
        self.emit(Set(reg, arith.logical_not(arith.logical_not(right))))
        self.emit(end)
        return Operand(INT, reg=reg)

    def _arm_type(self, expr: Expr) -> ValueType | None:
        try:
            return decay(self.type_of(expr))
        except Undecided:
            return None

    def ternary(self, expr: Ternary) -> Operand:
        """Lower ``cond ? then : other``."""
        cond = self.value(expr.cond)
        if expr.then is None:
            cond = self.settle(cond)
        if cond.const is not None:
            live = expr.then if cond.const else expr.other
            kinds = [self._arm_type(arm) for arm in (expr.then, expr.other) if arm is not None]
            kind = common_type(kinds[0], kinds[-1])
            return convert(self.value(live) if live is not None else cond, kind)
        then: Operand | None = cond
        with self.capture() as yes:
            if expr.then is not None:
                arm = expr.then
                then = self.guard(arm.span, lambda: self.value(arm))
        with self.capture() as no:
            other = self.guard(expr.other.span, lambda: self.value(expr.other))
        kind = common_type(then.type if then else None, other.type if other else None)
        then = convert(then or constant(0), kind)
        other = convert(other or constant(0), kind)
        if not yes and not no and not isinstance(kind, VoidType):
            return arith.select(cond, then, other, kind)
        reg = self.register()
        first, second, end = Label(), Label(), Label()
        self.emit(Branch(cond, first, second))
        self.items.extend([first, *yes, Set(reg, then), Jump(end)])
        self.items.extend([second, *no, Set(reg, other), end])
        return Operand(kind, reg=reg)
