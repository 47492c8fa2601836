"""Locks: taking one is a step that waits until it is free. No fairness, no lockdep.

Any lock is its first word (4 bytes): 0 free, otherwise taken; a reader-writer lock counts
its readers and is -1 for a writer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reviewer.model.ctree import Call
from reviewer.replay.kernel_api.support import (
    NOTHING,
    Primitive,
    address_of,
    argument,
    pointed,
    update,
)
from reviewer.replay.machine.arith import Operand, arithmetic, constant, convert
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Store
from reviewer.replay.memory.valuetype import BOOL, INT, ULONG
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _take(value: int, free: Callable[[int], bool], *, counts: bool = False) -> Primitive:
    def compute(old: int) -> tuple[int | None, int]:
        return (old + value if counts else value), 0

    def lower(low: CallLowering, call: Call) -> Operand:
        place = pointed(low, argument(call, 0))
        update(low, call, place, INT, compute, ready=free)
        _flags(low, call)
        return constant(0)

    return lower


def _flags(low: CallLowering, call: Call) -> None:
    """Set the flags variable of an _irqsave lock."""
    name = getattr(call.callee, "name", "")
    if "irqsave" in name and len(call.args) > 1:
        low.store(low.place(call.args[1]), constant(0, ULONG), call.span)


def _release(low: CallLowering, call: Call) -> Operand:
    place = pointed(low, argument(call, 0))
    low.emit(Store(call.span, address_of(place, call), constant(0), 4, place.member, place.type))
    return NOTHING


def _leave_reader(low: CallLowering, call: Call) -> Operand:
    place = pointed(low, argument(call, 0))
    update(low, call, place, INT, lambda old: (old - 1, 0))
    return NOTHING


def _try(taken: int, free: Callable[[int], bool], *, counts: bool = False) -> Primitive:
    def compute(old: int) -> tuple[int | None, int]:
        if not free(old):
            return None, 0
        return (old + taken if counts else taken), 1

    def lower(low: CallLowering, call: Call) -> Operand:
        place = pointed(low, argument(call, 0))
        return update(low, call, place, INT, compute, result=BOOL)

    return lower


def _is_locked(low: CallLowering, call: Call) -> Operand:
    place = Place(INT, address=address_of(pointed(low, argument(call, 0)), call))
    return arithmetic("!=", low.load(place, call.span), constant(0), INT)


def _initialise(low: CallLowering, call: Call) -> Operand:
    return _release(low, call)


def _wait_page_lock(low: CallLowering, call: Call) -> Operand:
    """``__folio_lock(folio)``/``__lock_page(page)``: sleep until PG_locked is ours."""
    number = low.machine.code.find_enumerator("PG_locked")
    if number is None:
        raise Undecided("needs PG_locked", call.span)
    page = pointed(low, argument(call, 0))
    flags = low.member_of(page, "flags", call.span)
    mask = 1 << number
    update(
        low,
        call,
        flags,
        ULONG,
        lambda old: (old | mask, 0),
        ready=lambda old: not old & mask,
    )
    return constant(0)


def _bit_spin_lock(low: CallLowering, call: Call) -> Operand:
    number = low.value(argument(call, 0))
    if number.const is None:
        raise Undecided("needs a constant bit for bit_spin_lock", call.span)
    place = pointed(low, argument(call, 1))
    mask = 1 << number.const
    update(low, call, place, ULONG, lambda old: (old | mask, 0), ready=lambda old: not old & mask)
    return NOTHING


def _bit_spin_unlock(low: CallLowering, call: Call) -> Operand:
    number = convert(low.value(argument(call, 0)), ULONG)
    mask = arithmetic("<<", constant(1, ULONG), number, ULONG)
    place = pointed(low, argument(call, 1))
    update(low, call, place, ULONG, lambda old, bit: (old & ~bit, 0), (mask,))
    return NOTHING


def _wake(_low: CallLowering, _call: Call) -> Operand:
    """Waiters are woken by the explorer: they become ready."""
    return NOTHING


def _is_free(old: int) -> bool:
    return old == 0


def _has_no_writer(old: int) -> bool:
    return old >= 0


TABLE: dict[str, Primitive] = {
    "__folio_lock": _wait_page_lock,
    "__lock_page": _wait_page_lock,
    "folio_wake_bit": _wake,
    "wake_up_page_bit": _wake,
    "bit_spin_lock": _bit_spin_lock,
    "bit_spin_unlock": _bit_spin_unlock,
    "__bit_spin_unlock": _bit_spin_unlock,
}
for _kind in ("spin", "raw_spin"):
    for _suffix in ("", "_irq", "_bh", "_irqsave", "_nested", "_nest_lock", "_irqsave_nested"):
        TABLE[f"{_kind}_lock{_suffix}"] = _take(1, _is_free)
    for _suffix in ("", "_irq", "_bh", "_irqrestore"):
        TABLE[f"{_kind}_unlock{_suffix}"] = _release
    TABLE[f"{_kind}_trylock"] = _try(1, _is_free)
    TABLE[f"{_kind}_lock_init"] = _initialise
    TABLE[f"{_kind}_is_locked"] = _is_locked
TABLE["assert_spin_locked"] = _wake
for _name in ("mutex_lock", "mutex_lock_nested", "mutex_lock_killable", "mutex_lock_interruptible"):
    TABLE[_name] = _take(1, _is_free)
TABLE["mutex_unlock"] = _release
TABLE["mutex_trylock"] = _try(1, _is_free)
TABLE["mutex_init"] = _initialise
TABLE["mutex_is_locked"] = _is_locked
for _name in ("down_write", "down_write_nested", "down_write_killable", "write_lock"):
    TABLE[_name] = _take(-1, _is_free)
for _name in ("down_read", "down_read_nested", "down_read_killable", "read_lock"):
    TABLE[_name] = _take(1, _has_no_writer, counts=True)
for _name in ("up_write", "write_unlock"):
    TABLE[_name] = _release
for _name in ("up_read", "read_unlock"):
    TABLE[_name] = _leave_reader
TABLE["down_write_trylock"] = _try(-1, _is_free)
TABLE["down_read_trylock"] = _try(1, _has_no_writer, counts=True)
