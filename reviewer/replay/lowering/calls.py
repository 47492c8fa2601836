"""Lowers calls, initialisers and offsets; calls of modelled primitives go to kernel_api."""

from __future__ import annotations

import re
from abc import abstractmethod

from reviewer.model.ctree import (
    Call,
    Expr,
    FunctionDef,
    InitList,
    Name,
    OffsetOf,
    Parameter,
    Span,
    Text,
    TypeArg,
)
from reviewer.model.facts import Skipped
from reviewer.replay.kernel_api import find_primitive
from reviewer.replay.lowering.places import PlaceLowering
from reviewer.replay.machine.arith import Operand, constant, convert
from reviewer.replay.machine.builder import Place, pieces
from reviewer.replay.machine.instr import Invoke, Store
from reviewer.replay.memory.valuetype import (
    ArrayType,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    ValueType,
    decay,
    promote,
)
from reviewer.replay.stepping.thread import Undecided

_DESIGNATOR = re.compile(r"\.(\w+)|\[([^\]]*)\]")


def real_parameters(definition: FunctionDef) -> tuple[Parameter, ...]:
    """Return the parameters, none for ``(void)``."""
    found = definition.parameters
    if len(found) == 1 and found[0].type.base == "void" and not found[0].type.pointers:
        return ()
    return found


class CallLowering(PlaceLowering):
    """Lowering of calls and initialisers."""

    @abstractmethod
    def effect(self, expr: Expr) -> None:
        """Lower an expression for its effects only."""

    def call(self, expr: Call) -> Operand:
        """Lower a call."""
        callee = expr.callee
        if isinstance(callee, Name) and self.find_variable(callee.name) is None:
            primitive = find_primitive(callee.name)
            if primitive is not None:
                return primitive(self, expr)
            return self._direct(callee.name, expr)
        pointer = self.settle(self.value(callee))
        kind = pointer.type
        if not isinstance(kind, PointerType) or not isinstance(kind.to, FunctionType):
            raise Undecided("needs a function to call", expr.span)
        args = tuple(self._argument(arg, None) for arg in expr.args)
        return self._invoke(expr.span, "", pointer, args, kind.to.returns)

    def definition_of(self, name: str, span: Span) -> FunctionDef:
        """Return the function a name means here, or stop."""
        found = self.machine.find_definition(name, self.near)
        if found is None:
            raise Undecided(f"needs {name}", span)
        if isinstance(found, Skipped):
            raise Undecided(f"needs {name} ({found.reason})", span)
        return found

    def find_returns(self, name: str) -> ValueType | None:
        """Return a function's result type, None when there is no such function."""
        found = self.machine.find_definition(name, self.near)
        if found is None or isinstance(found, Skipped):
            return None
        return self.types.resolve(found.returns)

    def _direct(self, name: str, expr: Call) -> Operand:
        definition = self.definition_of(name, expr.span)
        parameters = real_parameters(definition)
        if len(expr.args) < len(parameters):
            raise Undecided(f"needs all arguments of {name}", expr.span)
        args = []
        for index, arg in enumerate(expr.args):
            known = parameters[index].type if index < len(parameters) else None
            kind = decay(self.types.resolve(known)) if known is not None else None
            operand = self._argument(arg, kind)
            if known is not None:
                args.append(operand)
        returns = self.types.resolve(definition.returns)
        return self._invoke(expr.span, name, None, tuple(args), returns)

    def _argument(self, arg: Expr, kind: ValueType | None) -> Operand:
        if isinstance(arg, TypeArg):
            raise Undecided("needs a macro that takes a type", arg.span)
        operand = self.value(arg)
        return convert(operand, promote(operand.type) if kind is None else kind)

    def _invoke(
        self,
        span: Span,
        name: str,
        pointer: Operand | None,
        args: tuple[Operand, ...],
        returns: ValueType,
    ) -> Operand:
        dst = self.register()
        self.emit(Invoke(span, dst, name, self.near, pointer, args))
        return Operand(returns, reg=dst)

    # ---- offsets and initialisers ------------------------------------------------------------

    def follow(self, place: Place, path: str, span: Span) -> Place:
        """Return what a designator (".a.b", "[3].c") names inside a place."""
        for name, index in _DESIGNATOR.findall(path):
            if name:
                place = self.member_of(place, name, span)
                continue
            if not isinstance(place.type, ArrayType) or place.address is None:
                raise Undecided(f"needs an array for {path}", span)
            at = int(index, 0) if index[:1].isdigit() else self._enumerator(index, span)
            offset = at * self.types.size(place.type.of)
            place = Place(place.type.of, address=place.address.plus(offset))
        return place

    def _enumerator(self, name: str, span: Span) -> int:
        value = self.machine.code.find_enumerator(name.strip())
        if value is None:
            raise Undecided(f"needs {name}", span)
        return value

    def offset_of(self, expr: OffsetOf) -> int:
        """Return ``offsetof(type, member)``."""
        kind = self.types.resolve(expr.type, self.type_of)
        return self.offset_in(kind, expr.member, expr.span)

    def offset_in(self, kind: ValueType, member: str, span: Span) -> int:
        """Return the offset of a dotted member of a type."""
        start = Place(kind, address=self.reserve(kind))
        path = member if member.startswith((".", "[")) else f".{member}"
        found = self.follow(start, path, span)
        assert start.address is not None
        assert found.address is not None
        return found.address.offset - start.address.offset

    def zero(self, place: Place, span: Span) -> None:
        """Store zeros over a place on the own stack."""
        assert place.address is not None
        for at, size in pieces(self.types.size(place.type)):
            self.emit(Store(span, place.address.plus(at), constant(0), size))

    def initialise(self, place: Place, init: InitList) -> None:
        """Store an initialiser list: what it does not name is zero."""
        kind = place.type
        if isinstance(kind, IntType | PointerType):
            value = init.items[0][1] if init.items else None
            operand = self.value(value) if value is not None else constant(0)
            self.store(place, operand, init.span)
            return
        self.zero(place, init.span)
        self._fill(place, init)

    def _fill(self, place: Place, init: InitList) -> None:
        kind = place.type
        position = 0
        for designator, value in init.items:
            if designator:
                target = self.follow(place, designator, init.span)
                position = self._position(kind, designator, init.span)
            else:
                target = self._positional(place, position, init.span)
            position += 1
            self._element(target, value)

    def _element(self, target: Place, value: Expr) -> None:
        if isinstance(value, InitList):
            if isinstance(target.type, StructType | ArrayType):
                self._fill(target, value)
            else:
                self.initialise(target, value)
        elif isinstance(value, Text) and isinstance(target.type, ArrayType):
            assert target.address is not None
            for at, byte in enumerate(value.value.encode()):
                self.emit(Store(value.span, target.address.plus(at), constant(byte), 1))
        elif isinstance(target.type, StructType | ArrayType):
            operand = self.value(value)
            if operand.type is not target.type:
                raise Undecided("needs braces round an initialiser", value.span)
            self.store(target, operand, value.span)
        else:
            self.store(target, self.value(value), value.span)

    def _position(self, kind: ValueType, designator: str, span: Span) -> int:
        name, index = _DESIGNATOR.findall(designator)[0]
        if not name:
            return int(index, 0) if index[:1].isdigit() else self._enumerator(index, span)
        if isinstance(kind, StructType):
            names = [field for field, _place in self.types.layout(kind).order]
            return names.index(name) if name in names else len(names)
        return 0

    def _positional(self, place: Place, position: int, span: Span) -> Place:
        kind = place.type
        if isinstance(kind, ArrayType):
            return self.follow(place, f"[{position}]", span)
        if isinstance(kind, StructType) and place.address is not None:
            order = self.types.layout(kind).order
            if position < len(order):
                at = order[position][1]
                return Place(
                    at.type,
                    address=place.address.plus(at.offset),
                    bits=at.bits,
                    shift=at.shift,
                    unit=at.unit,
                    member=order[position][0],
                )
        raise Undecided("needs a place for an initialiser", span)
