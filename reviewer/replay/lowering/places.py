"""Lowers lvalues: where a thing lies, reading it, writing it, its address."""

from __future__ import annotations

from abc import abstractmethod

from reviewer.model.ctree import (
    CompoundLiteral,
    Expr,
    Index,
    InitList,
    Member,
    Name,
    Span,
    StatementExpr,
    Unary,
)
from reviewer.replay.machine.arith import Operand, arithmetic, bits_of, constant, convert
from reviewer.replay.machine.builder import Builder, Place, pieces
from reviewer.replay.machine.instr import Address, Load, Store
from reviewer.replay.memory.valuetype import (
    INT,
    ULONG,
    ArrayType,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    ValueType,
    VoidType,
)
from reviewer.replay.stepping.thread import Undecided

WORD_BYTES = 8


class PlaceLowering(Builder):
    """Lowering of lvalues; what it needs of rvalues is abstract here."""

    @abstractmethod
    def value(self, expr: Expr) -> Operand:
        """Lower an expression to its value."""

    @abstractmethod
    def initialise(self, place: Place, init: InitList) -> None:
        """Store an initialiser list."""

    def find_place(self, expr: Expr) -> Place | None:
        """Return the place an expression designates, None for a mere value."""
        if isinstance(expr, Name):
            return self.find_variable(expr.name)
        if isinstance(expr, Unary) and expr.op == "*":
            pointer = self.value(expr.operand)
            return self.target(pointer, expr.span)
        if isinstance(expr, Member):
            return self._member(expr)
        if isinstance(expr, Index):
            return self._index(expr)
        if isinstance(expr, CompoundLiteral):
            kind = self.types.resolve(expr.type, self.type_of)
            place = Place(kind, address=self.reserve(kind))
            self.initialise(place, expr.value)
            return place
        return None

    def place(self, expr: Expr) -> Place:
        """Return the place an expression designates, or stop."""
        found = self.find_place(expr)
        if found is None:
            what = expr.name if isinstance(expr, Name) else "an object"
            raise Undecided(f"needs {what}", expr.span)
        return found

    def target(self, pointer: Operand, span: Span, offset: int = 0) -> Place:
        """Return what a pointer points at."""
        if not isinstance(pointer.type, PointerType):
            raise Undecided("needs a pointer to dereference", span)
        return Place(pointer.type.to, address=Address(self.settle(pointer), offset))

    def _member(self, expr: Member) -> Place | None:
        if expr.arrow:
            whole = self.target(self.value(expr.base), expr.span)
        else:
            found = self.find_place(expr.base)
            if found is None:
                return None
            whole = found
        return self.member_of(whole, expr.field, expr.span)

    def member_of(self, whole: Place, name: str, span: Span) -> Place:
        """Return a member of a struct that has a place."""
        if not isinstance(whole.type, StructType) or whole.address is None:
            raise Undecided(f"needs a struct with member {name}", span)
        found = self.types.member(whole.type, name)
        return Place(
            found.type,
            address=whole.address.plus(found.offset),
            bits=found.bits,
            shift=found.shift,
            unit=found.unit,
            member=f"{whole.member}.{name}" if whole.member else name,
        )

    def _index(self, expr: Index) -> Place:
        base = self.value(expr.base)
        index = self.value(expr.index)
        if isinstance(index.type, PointerType):
            base, index = index, base
        if not isinstance(base.type, PointerType):
            raise Undecided("needs an array or a pointer to index", expr.span)
        if index.const is not None:
            offset = index.const * self.types.size(base.type.to)
            return Place(base.type.to, address=self._as_address(base, offset))
        moved = self.step_pointer(base, index, "+")
        return Place(base.type.to, address=self._as_address(moved, 0))

    def _as_address(self, pointer: Operand, offset: int) -> Address:
        return Address(self.settle(pointer), offset)

    def step_pointer(self, pointer: Operand, count: Operand, op: str) -> Operand:
        """``pointer + count`` or ``pointer - count`` in units of what it points at."""
        assert isinstance(pointer.type, PointerType)
        size = self.types.size(pointer.type.to)
        wide = convert(count, ULONG)
        if size != 1:
            wide = arithmetic("*", wide, constant(size, ULONG), ULONG)
        return arithmetic(op, pointer, wide, pointer.type)

    # ---- reading and writing ---------------------------------------------------------------

    def address_of(self, place: Place) -> Operand:
        """Return a pointer to a place."""
        if place.address is None or place.bits:
            raise Undecided("needs the address of a register or bit field")
        base = place.address.base
        kind = PointerType(place.type)
        if place.address.offset == 0:
            return base.retyped(kind)
        offset = constant(place.address.offset, ULONG)
        return arithmetic("+", base.retyped(ULONG), offset, ULONG).retyped(kind)

    def load(self, place: Place, span: Span) -> Operand:
        """Read a place. An array or function is its address, a struct all its bytes."""
        kind = place.type
        if place.address is None:
            return Operand(kind, reg=place.reg)
        if isinstance(kind, ArrayType):
            return self.address_of(place).retyped(PointerType(kind.of))
        if isinstance(kind, FunctionType):
            return self.address_of(place)
        if isinstance(kind, VoidType):
            return constant(0)
        if isinstance(kind, StructType):
            return self._load_struct(place, kind, span)
        if place.bits:
            unit = IntType(place.unit, signed=False, rank=INT.rank)
            whole = self._load_piece(place.address, unit, place.unit, place.member, span)
            return bits_of(whole, place.shift, kind, place.unit)
        return self._load_piece(place.address, kind, self.types.size(kind), place.member, span)

    def _load_piece(
        self, address: Address, kind: ValueType, size: int, member: str, span: Span
    ) -> Operand:
        if size > WORD_BYTES:
            raise Undecided(f"needs an access of {size} bytes", span)
        reg = self.register()
        self.emit(Load(span, reg, address, kind, size, member))
        return Operand(kind, reg=reg)

    def _load_struct(self, place: Place, kind: StructType, span: Span) -> Operand:
        assert place.address is not None
        parts: list[tuple[int, int]] = []
        for offset, size in pieces(self.types.size(kind)):
            unit = IntType(size, signed=False, rank=INT.rank)
            at = place.address.plus(offset)
            member = self.types.member_at(kind, offset)
            parts.append((self._load_piece(at, unit, size, member, span).reg, offset * 8))
        if len(parts) == 1:
            return Operand(kind, reg=parts[0][0])
        return self.settle(Operand(kind, fn=lambda r: sum(r[reg] << up for reg, up in parts)))

    def store(self, place: Place, operand: Operand, span: Span) -> None:
        """Write a place; the value is converted to its type."""
        kind = place.type
        if place.address is None:
            self.assign_register(place.reg, operand, kind)
        elif isinstance(kind, StructType):
            self._store_struct(place, kind, operand, span)
        elif place.bits:
            self._store_bits(place, operand, span)
        else:
            value = convert(operand, kind)
            size = self.types.size(kind)
            if size > WORD_BYTES or isinstance(kind, ArrayType):
                raise Undecided(f"needs an access of {size} bytes", span)
            self.emit(Store(span, place.address, self.settle(value), size, place.member))

    def _store_struct(self, place: Place, kind: StructType, operand: Operand, span: Span) -> None:
        assert place.address is not None
        whole = self.settle(operand)
        for offset, size in pieces(self.types.size(kind)):
            unit = IntType(size, signed=False, rank=INT.rank)
            part = bits_of(whole, offset * 8, unit, size)
            member = self.types.member_at(kind, offset)
            self.emit(Store(span, place.address.plus(offset), part, size, member))

    def _store_bits(self, place: Place, operand: Operand, span: Span) -> None:
        assert place.address is not None
        unit = IntType(place.unit, signed=False, rank=INT.rank)
        old = self._load_piece(place.address, unit, place.unit, place.member, span)
        mask = ((1 << place.bits) - 1) << place.shift
        shift = place.shift
        old_reg = old.reg
        value = self.settle(convert(operand, place.type)).closure()
        merged = Operand(unit, fn=lambda r: r[old_reg] & ~mask | (value(r) << shift & mask))
        self.emit(Store(span, place.address, self.settle(merged), place.unit, place.member))

    def member_of_value(self, whole: Operand, name: str, span: Span) -> Operand:
        """Read a member of a struct that is a mere value (what a function returned)."""
        if not isinstance(whole.type, StructType):
            raise Undecided(f"needs a struct with member {name}", span)
        found = self.types.member(whole.type, name)
        if isinstance(found.type, ArrayType):
            raise Undecided(f"needs the address of {name} in a value", span)
        shift = found.offset * 8 + found.shift
        return bits_of(whole, shift, found.type, self.types.size(found.type))

    # ---- types -----------------------------------------------------------------------------

    def type_of(self, expr: Expr) -> ValueType:
        """Return the type of an expression without evaluating it."""
        if isinstance(expr, Name):
            variable = self.find_variable(expr.name)
            if variable is not None:
                return variable.type
        with self.capture():
            if not isinstance(expr, StatementExpr):
                found = self.find_place(expr)
                if found is not None:
                    return found.type
            return self.value(expr).type
