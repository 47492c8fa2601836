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
from reviewer.replay.lowering.operators import OperatorLowering, common_type
from reviewer.replay.machine import arith
from reviewer.replay.machine.arith import Operand, constant, convert
from reviewer.replay.machine.instr import Branch, Jump, Label, Set
from reviewer.replay.memory.valuetype import (
    CHAR,
    INT,
    ULONG,
    VOID,
    ArrayType,
    FunctionType,
    PointerType,
    StructType,
    ValueType,
    VoidType,
    constant_type,
    decay,
    is_same,
    promote,
)
from reviewer.replay.stepping.thread import Undecided

_WORD_CONSTANTS = {"true": 1, "false": 0}


class ExpressionLowering(OperatorLowering):
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
                return self._ternary(expr)
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
            return self._logical(expr)
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

    # ---- control flow in expressions ---------------------------------------------------------

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

    def _logical(self, expr: Binary) -> Operand:
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

    def _ternary(self, expr: Ternary) -> Operand:
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
