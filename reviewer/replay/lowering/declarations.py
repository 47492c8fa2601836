"""Lowers declarations: local variables, their initialisers, statics of a function."""

from __future__ import annotations

from reviewer.model.ctree import (
    Declare,
    Expr,
    InitList,
    Text,
)
from reviewer.replay.lowering.expressions import ExpressionLowering
from reviewer.replay.machine.arith import Operand
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Address
from reviewer.replay.memory.valuetype import (
    INT,
    ULONG,
    ArrayType,
    IntType,
    ValueType,
    decay,
    wrap,
)
from reviewer.replay.stepping.thread import Undecided


class DeclarationLowering(ExpressionLowering):
    """Lowering of declarations; statements are abstract here."""

    def declaration(self, stmt: Declare) -> None:
        """Lower a declaration: its variable's place, and its initial value."""
        try:
            kind = self.declared(stmt)
        except Undecided as undecided:
            self.trap(undecided, stmt.span)
            self.bind(stmt.name, Place(INT, reg=self.register()))
            return
        if stmt.static:
            self.guard(stmt.span, lambda: self._static(stmt, kind))
            return
        value = stmt.value
        if value is None:
            self.declare(stmt.name, kind)
            return
        if isinstance(value, InitList | Text) and not isinstance(kind, IntType):
            place = self.declare(stmt.name, kind)
            self.guard(stmt.span, lambda: self._aggregate(place, value))
            return
        self.guard(stmt.span, lambda: self._scalar(stmt.name, kind, value))
        if stmt.name not in self._scopes[-1]:
            self.declare(stmt.name, kind)

    def declared(self, stmt: Declare) -> ValueType:
        """Return a declared variable's type; an initialiser can say how long an array is."""
        if stmt.type.base in ("__auto_type", "auto") and stmt.value is not None:
            return decay(self.type_of(stmt.value))
        kind = self.types.resolve(stmt.type, self.type_of)
        if isinstance(kind, ArrayType) and kind.count < 0:
            if isinstance(stmt.value, Text):
                return ArrayType(kind.of, len(stmt.value.value.encode()) + 1)
            if isinstance(stmt.value, InitList):
                return ArrayType(kind.of, len(stmt.value.items))
        return kind

    def _scalar(self, name: str, kind: ValueType, value: Expr) -> None:
        if isinstance(value, InitList):
            place = self.declare(name, kind)
            self.initialise(place, value)
            return
        place = self.declare(name, kind)  # in scope in its own initialiser: sizeof(*p)
        self.store(place, self.value(value), value.span)

    def _aggregate(self, place: Place, value: InitList | Text) -> None:
        if isinstance(value, InitList):
            self.initialise(place, value)
        elif isinstance(place.type, ArrayType):
            self.zero(place, value.span)
            self._element(place, value)
        else:
            self.store(place, self.value(value), value.span)

    def _static(self, stmt: Declare, kind: ValueType) -> None:
        value = 0
        if stmt.value is not None:
            folded = self.types.fold(stmt.value)
            if folded is None:
                raise Undecided(f"needs the initial value of static {stmt.name}", stmt.span)
            value = wrap(folded, kind)
        name = f"{self.definition.name}.{stmt.name}"
        address = self.machine.define_global(name, kind, value)
        base = Address(Operand(ULONG, const=address))
        self.bind(stmt.name, Place(kind, address=base))
