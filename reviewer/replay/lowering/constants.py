"""What is known before anything runs: constant expressions, and variables that never change."""

from __future__ import annotations

from reviewer.model.ctree import Block, CType, Declare, Expr, FunctionDef, InitList, Span
from reviewer.replay.lowering.function import Lowering
from reviewer.replay.machine.arith import Operand
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Address, Store
from reviewer.replay.machine.machine import Global, Machine
from reviewer.replay.memory.valuetype import ULONG
from reviewer.replay.memory.words import CONSTANT_LOW
from reviewer.replay.stepping.thread import Undecided


def _lowering(machine: Machine, near: str) -> Lowering:
    """Return a lowering that stands in no function of file ``near``."""
    span = Span("", 0)
    return Lowering(machine, FunctionDef(span, "", CType("void"), (), Block(span, ())), near)


def fold_constant(machine: Machine, expr: Expr) -> int | None:
    """Evaluate a constant expression with C's own types; None where it is not constant."""
    lowering = _lowering(machine, "")
    with lowering.capture() as items:
        try:
            operand = lowering.value(expr)
        except Undecided:
            return None
    return None if items else operand.const


def lay_out_constant(machine: Machine, declared: Declare, near: str) -> Global:
    """Give a variable of file ``near`` its place and its value.

    Raises:
        Undecided: the value is not known beforehand.

    """
    lowering = _lowering(machine, near)
    kind = lowering.declared(declared)
    address = machine.memory.allocate(declared.name, machine.types.size(kind), CONSTANT_LOW)
    place = Place(kind, address=Address(Operand(ULONG, const=address)))
    value = declared.value
    with lowering.capture() as items:
        if isinstance(value, InitList):
            lowering.initialise(place, value)
        elif value is not None:
            lowering.store(place, lowering.value(value), declared.span)
    for item in items:
        target = item.address if isinstance(item, Store) else None
        if not isinstance(item, Store) or target is None or item.value.const is None:
            raise Undecided(f"needs the value of {declared.name}", declared.span)
        assert target.base.const is not None
        at = target.base.const + target.offset
        machine.memory.set_up(at, item.size, item.value.const)
    return Global(address, kind)
