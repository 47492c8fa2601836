"""atomic_t, atomic64_t, atomic_long_t and cmpxchg: each is one indivisible step."""

from __future__ import annotations

import re
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
from reviewer.replay.machine.arith import Operand, arithmetic, convert
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Load, Store
from reviewer.replay.memory.valuetype import BOOL, INT, LONG, IntType, ValueType, wrap

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering

_NAME = re.compile(r"(?:arch_|raw_)?atomic(64|_long)?_(\w+?)(?:_relaxed|_acquire|_release)?")

# what a plain operation makes of the old value and its operand
_PLAIN: dict[str, Callable[[int, int], int]] = {
    "add": lambda old, i: old + i,
    "sub": lambda old, i: old - i,
    "and": lambda old, i: old & i,
    "or": lambda old, i: old | i,
    "xor": lambda old, i: old ^ i,
    "andnot": lambda old, i: old & ~i,
}
_UNARY = {"inc": 1, "dec": -1}

# tests of the new value: result type bool
_TESTS: dict[str, Callable[[int], bool]] = {
    "negative": lambda new: new < 0,
    "and_test": lambda new: new == 0,
}

_Compute = Callable[..., tuple[int | None, int]]


def _unless(old: int, add: int, unless: int, kind: IntType) -> tuple[int | None, int]:
    return (None, old) if old == unless else (wrap(old + add, kind), old)


def _conditional(op: str, kind: IntType) -> tuple[_Compute, ValueType] | None:
    """Return operations that may leave the value alone."""
    table: dict[str, tuple[_Compute, ValueType]] = {
        "fetch_add_unless": (lambda old, a, u: _unless(old, a, u, kind), kind),
        "add_unless": (
            lambda old, a, u: (_unless(old, a, u, kind)[0], int(old != u)),
            BOOL,
        ),
        "inc_not_zero": (lambda old: (_unless(old, 1, 0, kind)[0], int(old != 0)), BOOL),
        "inc_unless_negative": (
            lambda old: (None, 0) if old < 0 else (wrap(old + 1, kind), 1),
            BOOL,
        ),
        "dec_unless_positive": (
            lambda old: (None, 0) if old > 0 else (wrap(old - 1, kind), 1),
            BOOL,
        ),
        "dec_if_positive": (
            lambda old: (wrap(old - 1, kind) if old > 0 else None, wrap(old - 1, kind)),
            kind,
        ),
        "xchg": (lambda old, new: (wrap(new, kind), old), kind),
        "cmpxchg": (lambda old, want, new: (new if old == want else None, old), kind),
    }
    return table.get(op)


def _split(op: str) -> tuple[str, str] | None:
    """Split "fetch_add", "add_return", "sub_and_test" into the operation and what it gives."""
    for plain in (*_PLAIN, *_UNARY):
        if op == plain:
            return plain, ""
        if op == f"fetch_{plain}":
            return plain, "fetch"
        for gives in ("return", *_TESTS):
            if op == f"{plain}_{gives}":
                return plain, gives
    return None


def _make(plain: str, gives: str, kind: IntType) -> _Compute:
    step = _UNARY.get(plain)
    combine = _PLAIN["add" if step is not None else plain]
    test = _TESTS.get(gives)

    def compute(old: int, operand: int = step or 0) -> tuple[int | None, int]:
        new = wrap(combine(old, operand), kind)
        if test is not None:
            return new, int(test(new))
        return new, old if gives == "fetch" else new

    return compute


def _modify(plain: str, gives: str, kind: IntType) -> Primitive:
    compute = _make(plain, gives, kind)
    unary = plain in _UNARY
    result = BOOL if gives in _TESTS else kind

    def lower(low: CallLowering, call: Call) -> Operand:
        args = () if unary else (convert(low.value(argument(call, 0)), kind),)
        place = pointed(low, argument(call, 0 if unary else 1))
        found = update(low, call, place, kind, compute, args, result=result)
        return found if gives else NOTHING

    return lower


def _change(compute: _Compute, result: ValueType, kind: IntType) -> Primitive:
    def lower(low: CallLowering, call: Call) -> Operand:
        place = pointed(low, argument(call, 0))
        args = tuple(convert(low.value(arg), kind) for arg in call.args[1:])
        return update(low, call, place, kind, compute, args, result=result)

    return lower


def _try_cmpxchg(low: CallLowering, call: Call, kind: ValueType) -> Operand:
    place = pointed(low, argument(call, 0))
    expected = pointed(low, argument(call, 1))
    want = low.keep(convert(low.load(expected, call.span), kind))
    new = convert(low.value(argument(call, 2)), kind)
    found = update(low, call, place, kind, _compare, (want, new))
    low.store(expected, found, call.span)
    return arithmetic("==", found, want, INT)


def _compare(old: int, want: int, new: int) -> tuple[int | None, int]:
    return (new if old == want else None), old


def _read(kind: IntType) -> Primitive:
    def lower(low: CallLowering, call: Call) -> Operand:
        place = pointed(low, argument(call, 0))
        dst = low.register()
        at = address_of(place, call)
        low.emit(Load(call.span, dst, at, kind, kind.size, place.member, place.type))
        return Operand(kind, reg=dst)

    return lower


def _set(kind: IntType) -> Primitive:
    def lower(low: CallLowering, call: Call) -> Operand:
        place = pointed(low, argument(call, 0))
        value = low.settle(convert(low.value(argument(call, 1)), kind))
        at = address_of(place, call)
        low.emit(Store(call.span, at, value, kind.size, place.member, place.type))
        return NOTHING

    return lower


def _scalar_type(place: Place) -> ValueType:
    return place.type


def _cmpxchg(low: CallLowering, call: Call) -> Operand:
    place = pointed(low, argument(call, 0))
    kind = _scalar_type(place)
    args = tuple(convert(low.value(arg), kind) for arg in call.args[1:])
    return update(low, call, place, kind, _compare, args)


def _xchg(low: CallLowering, call: Call) -> Operand:
    place = pointed(low, argument(call, 0))
    kind = _scalar_type(place)
    new = convert(low.value(argument(call, 1)), kind)
    return update(low, call, place, kind, lambda old, value: (value, old), (new,))


_BY_TYPE: dict[str, Primitive] = {
    "cmpxchg": _cmpxchg,
    "xchg": _xchg,
    "try_cmpxchg": lambda low, call: _try_cmpxchg(
        low, call, _scalar_type(pointed(low, argument(call, 0)))
    ),
}
_BY_TYPE_NAME = re.compile(
    r"(?:arch_|raw_)?((?:try_)?(?:cmp)?xchg)(?:64|_local|_relaxed|_acquire|_release)*"
)


def find(name: str) -> Primitive | None:
    """Return the atomic operation of a name, whatever its prefix and ordering suffix."""
    by_type = _BY_TYPE_NAME.fullmatch(name)
    if by_type:
        return _BY_TYPE.get(by_type.group(1))
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    kind = LONG if match.group(1) else INT
    op = match.group(2)
    if op == "read":
        return _read(kind)
    if op == "set":
        return _set(kind)
    if op == "try_cmpxchg":
        return lambda low, call: _try_cmpxchg(low, call, kind)
    conditional = _conditional(op, kind)
    if conditional is not None:
        return _change(*conditional, kind)
    split = _split(op)
    return _modify(*split, kind) if split else None
