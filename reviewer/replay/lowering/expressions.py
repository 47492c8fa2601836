"""Lowers expressions: rvalues, conditions, calls. See places for lvalues."""

from __future__ import annotations

from abc import abstractmethod

from reviewer.model.ctree import (
    Assign,
    Binary,
    Call,
    Cast,
    Comma,
    Expr,
    Generic,
    Member,
    Name,
    Number,
    OffsetOf,
    SizeOf,
    StatementExpr,
    Ternary,
    Text,
    Unary,
    UnparsedExpr,
)
from reviewer.replay.lowering.conditions import ConditionLowering
from reviewer.replay.machine import arith
from reviewer.replay.machine.arith import Operand, constant, convert
from reviewer.replay.memory.valuetype import (
    CHAR,
    ULONG,
    VOID,
    ArrayType,
    FunctionType,
    PointerType,
    StructType,
    VoidType,
    constant_type,
    decay,
    is_same,
    promote,
)
from reviewer.replay.stepping.thread import Undecided

_WORD_CONSTANTS = {"true": 1, "false": 0}


class ExpressionLowering(ConditionLowering):
    """Lowering of expressions; statements are abstract here."""

    @abstractmethod
    def statement_value(self, expr: StatementExpr) -> Operand:
        """Lower ``({ ... })``."""

    def value(self, expr: Expr) -> Operand:
        """Lower an expression to its value; arrays and functions decay to pointers."""
        match expr:
            case Number():
                kind = constant_type(expr.value, expr.suffix, decimal=expr.decimal)
                return Operand(kind, const=expr.value)
            case Name():
                return self._name(expr)
            case Text():
                return constant(self.machine.string(expr.value), PointerType(CHAR))
            case Call():
                return self.call(expr)
            case Unary():
                return self._unary(expr)
            case Binary():
                return self._binary(expr)
            case Assign():
                return self._assign(expr, wanted=True)
            case Ternary():
                return self.ternary(expr)
            case Cast():
                return self._cast(expr)
            case SizeOf():
                return self._sizeof(expr)
            case OffsetOf():
                return constant(self.offset_of(expr), ULONG)
            case Comma():
                for item in expr.items[:-1]:
                    self.effect(item)
                return self.value(expr.items[-1])
            case StatementExpr():
                return self.statement_value(expr)
            case Generic():
                return self._generic(expr)
            case UnparsedExpr():
                raise Undecided(f"needs to read {expr.text[:40]!r}: {expr.reason}", expr.span)
            case _:
                return self._designated(expr)

    def _designated(self, expr: Expr) -> Operand:
        place = self.find_place(expr)
        if place is not None:
            return self.load(place, expr.span)
        if not isinstance(expr, Member):
            raise Undecided(f"needs {type(expr).__name__} as a value", expr.span)
        return self.member_of_value(self.value(expr.base), expr.field, expr.span)

    def effect(self, expr: Expr) -> None:
        """Lower an expression for its effects only."""
        if isinstance(expr, Assign):
            self._assign(expr, wanted=False)
        elif isinstance(expr, Unary) and expr.op in ("x++", "x--"):
            self._unary(Unary(expr.span, "++x" if expr.op == "x++" else "--x", expr.operand))
        else:
            self.value(expr)

    def _name(self, expr: Name) -> Operand:
        name = expr.name
        place = self.find_variable(name)
        if place is not None:
            return self.load(place, expr.span)
        if name == "NULL":
            return constant(0, PointerType(VOID))
        if name in ("__func__", "__FUNCTION__"):
            return constant(self.machine.string(self.definition.name), PointerType(CHAR))
        number = self.machine.code.find_enumerator(name)
        if number is not None:
            self.machine.named.add(name)
        if number is None:
            number = _WORD_CONSTANTS.get(name)
        if number is not None:
            return Operand(constant_type(number, "", decimal=False), const=number)
        returns = self.find_returns(name)
        if returns is not None:
            address = self.machine.function_address(name, self.near)
            return constant(address, PointerType(FunctionType(returns)))
        raise Undecided(f"needs {name}", expr.span)

    # ---- operators -------------------------------------------------------------------------

    def _unary(self, expr: Unary) -> Operand:
        op = expr.op
        if op in ("++x", "--x", "x++", "x--"):
            return self._step(expr)
        if op == "&":
            return self._address(expr.operand)
        if op == "*":
            pointer = self.value(expr.operand)
            if isinstance(pointer.type, PointerType) and isinstance(pointer.type.to, FunctionType):
                return pointer
            return self.load(self.target(pointer, expr.span), expr.span)
        if op == "!":
            return arith.logical_not(self.value(expr.operand))
        operand = self.value(expr.operand)
        operand = convert(operand, promote(operand.type))
        if op == "-":
            return arith.negate(operand)
        return arith.invert(operand) if op == "~" else operand

    def _address(self, expr: Expr) -> Operand:
        if isinstance(expr, Unary) and expr.op == "*":
            return self.value(expr.operand)
        place = self.find_place(expr)
        if place is not None:
            return self.address_of(place)
        if isinstance(expr, Name) and self.find_returns(expr.name) is None:
            return constant(self.machine.find_address(expr.name), PointerType(VOID))
        operand = self.value(expr)
        if isinstance(operand.type, PointerType) and isinstance(operand.type.to, FunctionType):
            return operand
        raise Undecided("needs the address of a value", expr.span)

    def _step(self, expr: Unary) -> Operand:
        place = self.place(expr.operand)
        old = self.load(place, expr.span)
        if expr.op.startswith("x"):
            old = self.keep(old)
        op = "+" if "+" in expr.op else "-"
        new = self.binary(op, old, constant(1), expr.span)
        if expr.op.startswith("x"):
            self.store(place, new, expr.span)
            return old
        new = self.settle(convert(new, place.type))
        self.store(place, new, expr.span)
        return new

    def _binary(self, expr: Binary) -> Operand:
        if expr.op in ("&&", "||"):
            return self.logical(expr)
        left = self.value(expr.left)
        right = self.value(expr.right)
        return self.binary(expr.op, left, right, expr.span)

    def _assign(self, expr: Assign, *, wanted: bool) -> Operand:
        if expr.op == "=":
            value = self.value(expr.value)
            place = self.place(expr.target)
        else:
            place = self.place(expr.target)
            right = self.value(expr.value)
            old = self.load(place, expr.span)
            value = self.binary(expr.op[:-1], old, right, expr.span)
        if not isinstance(place.type, StructType):
            value = convert(value, place.type)
        if wanted:
            value = self.settle(value)
        self.store(place, value, expr.span)
        return value

    def _cast(self, expr: Cast) -> Operand:
        kind = self.types.resolve(expr.type, self.type_of)
        if isinstance(kind, VoidType):
            self.effect(expr.operand)
            return Operand(VOID, const=0)
        return convert(self.value(expr.operand), kind)

    def _sizeof(self, expr: SizeOf) -> Operand:
        if expr.type is not None:
            kind = self.types.resolve(expr.type, self.type_of)
        elif isinstance(expr.operand, Text):
            kind = ArrayType(CHAR, len(expr.operand.value.encode()) + 1)
        else:
            assert expr.operand is not None
            kind = self.type_of(expr.operand)
        return constant(self.types.size(kind), ULONG)

    def _generic(self, expr: Generic) -> Operand:
        control = decay(self.type_of(expr.control))
        default = None
        for ctype, arm in expr.arms:
            if ctype is None:
                default = arm
            elif is_same(self.types.resolve(ctype, self.type_of), control):
                return self.value(arm)
        if default is None:
            raise Undecided("needs an arm of _Generic", expr.span)
        return self.value(default)
