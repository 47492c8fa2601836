"""Marked accesses: READ_ONCE and its kin, user copies. The model is sequentially consistent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call
from reviewer.replay.arith import Operand, constant
from reviewer.replay.kernel_api.support import NOTHING, Primitive, argument, pointed

if TYPE_CHECKING:
    from reviewer.replay.lower_call import CallLowering


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
    "put_user": _put_user,
    "__put_user": _put_user,
    "get_user": _get_user,
    "__get_user": _get_user,
}
