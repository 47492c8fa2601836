"""Bit operations on arrays of unsigned long: test_bit, set_bit and the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reviewer.model.ctree import Call
from reviewer.replay.kernel_api.support import (
    NOTHING,
    Primitive,
    address_of,
    argument,
    moved,
    pointed,
    update,
)
from reviewer.replay.machine.arith import Operand, arithmetic, constant, convert
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Load, Store
from reviewer.replay.memory.valuetype import BOOL, INT, UCHAR, ULONG

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _word(low: CallLowering, call: Call) -> tuple[Place, Operand]:
    """Return the word a bit number means, and the mask of the bit in it."""
    number = convert(low.settle(low.value(argument(call, 0))), ULONG)
    place = pointed(low, argument(call, 1))
    index = arithmetic(">>", number, constant(6, ULONG), ULONG)
    offset = arithmetic("<<", index, constant(3, ULONG), ULONG)
    address = moved(low, address_of(place, call), offset)
    bit = arithmetic("&", number, constant(63, ULONG), ULONG)
    mask = arithmetic("<<", constant(1, ULONG), bit, ULONG)
    return Place(place.type, address=address, member=place.member), low.settle(mask)


def _load_word(low: CallLowering, call: Call, place: Place) -> Operand:
    dst = low.register()
    at = address_of(place, call)
    low.emit(Load(call.span, dst, at, ULONG, 8, place.member, place.type))
    return Operand(ULONG, reg=dst)


def _test(low: CallLowering, call: Call) -> Operand:
    place, mask = _word(low, call)
    word = _load_word(low, call, place)
    masked = arithmetic("&", word, mask, ULONG)
    return arithmetic("!=", masked, constant(0, ULONG), INT)


_CHANGES: dict[str, Callable[[int, int], int]] = {
    "set": lambda old, mask: old | mask,
    "clear": lambda old, mask: old & ~mask,
    "change": lambda old, mask: old ^ mask,
}


def _atomic(change: Callable[[int, int], int], *, gives: bool) -> Primitive:
    def compute(old: int, mask: int) -> tuple[int | None, int]:
        return change(old, mask), int(bool(old & mask))

    def lower(low: CallLowering, call: Call) -> Operand:
        place, mask = _word(low, call)
        found = update(low, call, place, ULONG, compute, (mask,), result=BOOL)
        return found if gives else NOTHING

    return lower


def _plain(op: str, *, gives: bool) -> Primitive:
    """Return a non-atomic change: a load and a store, with room for others in between."""

    def lower(low: CallLowering, call: Call) -> Operand:
        place, mask = _word(low, call)
        old = _load_word(low, call, place)
        new = arithmetic({"set": "|", "clear": "&", "change": "^"}[op], old, mask, ULONG)
        if op == "clear":
            kept = arithmetic("^", mask, constant(-1, ULONG), ULONG)
            new = arithmetic("&", old, kept, ULONG)
        at = address_of(place, call)
        low.emit(Store(call.span, at, low.settle(new), 8, place.member, place.type))
        masked = arithmetic("&", old, mask, ULONG)
        return arithmetic("!=", masked, constant(0, ULONG), INT) if gives else NOTHING

    return lower


def _clear_negative(low: CallLowering, call: Call) -> Operand:
    """``clear_bit_unlock_is_negative_byte(nr, mem)``: clears and tells of bit 7."""
    place, mask = _word(low, call)
    return update(
        low,
        call,
        place,
        ULONG,
        lambda old, bit: (old & ~bit, int(bool(old & 0x80))),
        (mask,),
        result=BOOL,
    )


def _xor_negative(low: CallLowering, call: Call) -> Operand:
    """``xor_unlock_is_negative_byte(mask, mem)``: xors the low byte and tells of bit 7."""
    mask = convert(low.value(argument(call, 0)), UCHAR)
    place = pointed(low, argument(call, 1))
    return update(
        low,
        call,
        place,
        UCHAR,
        lambda old, bits: (old ^ bits, int(bool(old & 0x80))),
        (mask,),
        result=BOOL,
    )


TABLE: dict[str, Primitive] = {
    "clear_bit_unlock_is_negative_byte": _clear_negative,
    "arch_clear_bit_unlock_is_negative_byte": _clear_negative,
    "xor_unlock_is_negative_byte": _xor_negative,
    "test_and_set_bit_lock": _atomic(_CHANGES["set"], gives=True),
    "clear_bit_unlock": _atomic(_CHANGES["clear"], gives=False),
    "__clear_bit_unlock": _plain("clear", gives=False),
}
for _name in (
    "test_bit",
    "test_bit_acquire",
    "constant_test_bit",
    "variable_test_bit",
    "_test_bit",
):
    TABLE[_name] = TABLE[f"arch_{_name}"] = _test
for _op, _change in _CHANGES.items():
    for _prefix in ("", "arch_"):
        TABLE[f"{_prefix}{_op}_bit"] = _atomic(_change, gives=False)
        TABLE[f"{_prefix}test_and_{_op}_bit"] = _atomic(_change, gives=True)
        TABLE[f"{_prefix}__{_op}_bit"] = _plain(_op, gives=False)
        TABLE[f"{_prefix}__test_and_{_op}_bit"] = _plain(_op, gives=True)
