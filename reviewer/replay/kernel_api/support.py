"""What the primitives share: their signature, pointers as places, atomic updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Expr, Unary
from reviewer.replay.machine.arith import Operand, arithmetic, constant, convert
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Address, Update
from reviewer.replay.memory.valuetype import ULONG, VOID, ValueType
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering

Primitive = Callable[["CallLowering", Call], Operand]
NOTHING = Operand(VOID, const=0)


def argument(call: Call, index: int) -> Expr:
    """Return an argument, or stop: the call has a shape this model does not know."""
    if index >= len(call.args):
        name = getattr(call.callee, "name", "a call")
        raise Undecided(f"needs {name} with {len(call.args)} arguments", call.span)
    return call.args[index]


def pointed(low: CallLowering, expr: Expr) -> Place:
    """Return what a pointer argument points at; ``&x->y`` keeps the name y."""
    if isinstance(expr, Unary) and expr.op == "&":
        place = low.find_place(expr.operand)
        if place is not None and place.address is not None:
            return place
    return low.target(low.value(expr), expr.span)


def address_of(place: Place, call: Call) -> Address:
    """Return a place's address; a register has none."""
    if place.address is None:
        raise Undecided("needs an object in memory", call.span)
    return place.address


def moved(low: CallLowering, address: Address, offset: Operand) -> Address:
    """Return an address moved by a number of bytes that need not be constant."""
    if offset.const is not None:
        return address.plus(offset.const)
    base = Operand(ULONG, fn=address.closure())
    return Address(low.settle(arithmetic("+", base, convert(offset, ULONG), ULONG)))


def update(
    low: CallLowering,
    call: Call,
    place: Place,
    kind: ValueType,
    compute: Callable[..., tuple[int | None, int]],
    args: tuple[Operand, ...] = (),
    *,
    result: ValueType | None = None,
    ready: Callable[[int], bool] | None = None,
) -> Operand:
    """Emit one atomic read-modify-write of a place as type ``kind``."""
    dst = low.register()
    low.emit(
        Update(
            call.span,
            dst,
            address_of(place, call),
            kind,
            low.types.size(kind),
            tuple(low.settle(arg) for arg in args),
            compute,
            ready,
            place.member,
            place.type,
        )
    )
    return Operand(kind if result is None else result, reg=dst)


def nothing(_low: CallLowering, _call: Call) -> Operand:
    """Lower a call that changes nothing the simulation has."""
    return NOTHING


def fixed(value: int) -> Primitive:
    """Return a primitive that is always the same number."""
    return lambda _low, _call: constant(value)
