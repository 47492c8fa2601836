"""Marked accesses: READ_ONCE and its kin, user copies. The model is sequentially consistent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call
from reviewer.replay.kernel_api.support import (
    NOTHING,
    Primitive,
    address_of,
    argument,
    pointed,
)
from reviewer.replay.machine.arith import Operand, constant
from reviewer.replay.machine.builder import pieces
from reviewer.replay.machine.instr import Load, Store
from reviewer.replay.memory.valuetype import INT, ULONG, IntType
from reviewer.replay.stepping.thread import Undecided

COPY_LIMIT = 4096  # bytes; a bigger copy is no struct page

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _read_once(low: CallLowering, call: Call) -> Operand:
    expr = argument(call, 0)
    place = low.find_place(expr)
    return low.load(place, call.span) if place is not None else low.value(expr)


def _write_once(low: CallLowering, call: Call) -> Operand:
    place = low.place(argument(call, 0))
    low.store(place, low.value(argument(call, 1)), call.span)
    return NOTHING


def _load_acquire(low: CallLowering, call: Call) -> Operand:
    return low.load(pointed(low, argument(call, 0)), call.span)


def _store_release(low: CallLowering, call: Call) -> Operand:
    place = pointed(low, argument(call, 0))
    low.store(place, low.value(argument(call, 1)), call.span)
    return NOTHING


def _put_user(low: CallLowering, call: Call) -> Operand:
    value = low.value(argument(call, 0))
    low.store(pointed(low, argument(call, 1)), value, call.span)
    return constant(0)


def _get_user(low: CallLowering, call: Call) -> Operand:
    value = low.load(pointed(low, argument(call, 1)), call.span)
    low.store(low.place(argument(call, 0)), value, call.span)
    return constant(0)


def _known_size(low: CallLowering, call: Call) -> int:
    size = low.value(argument(call, 2)).const
    if size is None or size > COPY_LIMIT:
        name = getattr(call.callee, "name", "a copy")
        raise Undecided(f"needs {name} of a size known beforehand", call.span)
    return size


def _memcpy(low: CallLowering, call: Call) -> Operand:
    """Copy a word at a time: others may run in between, as with ``rep movsq``."""
    to, source = pointed(low, argument(call, 0)), pointed(low, argument(call, 1))
    into, start = address_of(to, call), address_of(source, call)
    for at, size in pieces(_known_size(low, call)):
        kind = IntType(size, signed=False, rank=INT.rank)
        reg = low.register()
        low.emit(Load(call.span, reg, start.plus(at), kind, size))
        low.emit(Store(call.span, into.plus(at), Operand(kind, reg=reg), size))
    return low.address_of(to)


def _memset(low: CallLowering, call: Call) -> Operand:
    place = pointed(low, argument(call, 0))
    byte = low.value(argument(call, 1)).const
    if byte is None:
        raise Undecided("needs memset to a value known beforehand", call.span)
    into = address_of(place, call)
    for at, size in pieces(_known_size(low, call)):
        value = constant(int.from_bytes(bytes([byte & 0xFF]) * size, "little"), ULONG)
        low.emit(Store(call.span, into.plus(at), value, size))
    return low.address_of(place)


TABLE: dict[str, Primitive] = {
    "READ_ONCE": _read_once,
    "ACCESS_ONCE": _read_once,
    "data_race": _read_once,
    "rcu_dereference": _read_once,
    "rcu_dereference_raw": _read_once,
    "rcu_dereference_check": _read_once,
    "rcu_dereference_protected": _read_once,
    "rcu_access_pointer": _read_once,
    "WRITE_ONCE": _write_once,
    "rcu_assign_pointer": _write_once,
    "RCU_INIT_POINTER": _write_once,
    "smp_load_acquire": _load_acquire,
    "smp_store_release": _store_release,
    "memcpy": _memcpy,
    "__builtin_memcpy": _memcpy,
    "memset": _memset,
    "__builtin_memset": _memset,
    "put_user": _put_user,
    "__put_user": _put_user,
    "get_user": _get_user,
    "__get_user": _get_user,
}
