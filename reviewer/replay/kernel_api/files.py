"""Files a driver is handed by number, their page cache, and the buffers it hands out.

There is one of each: the file the scenario made, under whatever number it is asked for, one
page (or huge page) in its cache, the last buffer exported. Who else holds them is not simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call
from reviewer.replay.kernel_api.heap import take
from reviewer.replay.kernel_api.support import Primitive, argument, fixed, nothing, pointed
from reviewer.replay.machine.arith import Operand, arithmetic, constant, select
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Address
from reviewer.replay.memory.valuetype import ULONG, VOID, PointerType
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering

GIVEN_FILE = "the file user space names"
EXPORTED = "the buffer exported last"
FILE_NUMBER = 3


def _fget(low: CallLowering, call: Call) -> Operand:
    """``fget(fd)``."""
    low.effect(argument(call, 0))
    known = low.machine.find_global(GIVEN_FILE)
    if known is None:
        raise Undecided("needs a file that user space names", call.span)
    return constant(known.address, PointerType(low.types.struct("struct file")))


def _export(low: CallLowering, call: Call) -> Operand:
    """``dma_buf_export(info)``: a buffer with the exporter's own data and operations."""
    info = pointed(low, argument(call, 0))
    kind = low.types.struct("struct dma_buf")
    buffer = take(low, call, constant(low.types.size(kind), ULONG)).retyped(PointerType(kind))
    whole = low.target(buffer, call.span)
    for name in ("size", "ops", "priv"):
        value = low.load(low.member_of(info, name, call.span), call.span)
        low.store(low.member_of(whole, name, call.span), value, call.span)
    known = low.machine.find_global(EXPORTED)
    kept = known.address if known else low.machine.define_global(EXPORTED, ULONG, 0)
    low.store(Place(ULONG, address=Address(constant(kept, ULONG))), buffer, call.span)
    return buffer


def _xas_load(low: CallLowering, call: Call) -> Operand:
    """``xas_load(xas)`` of an array of one entry at most: at index 0, in the array's head."""
    state = pointed(low, argument(call, 0))
    array = low.target(low.load(low.member_of(state, "xa", call.span), call.span), call.span)
    entry = low.load(low.member_of(array, "xa_head", call.span), call.span)
    index = low.load(low.member_of(state, "xa_index", call.span), call.span)
    none = constant(0, ULONG).retyped(entry.type)
    node = low.member_of(state, "xa_node", call.span)
    low.store(node, none, call.span)  # the entry hangs on no node
    return low.settle(select(low.settle(index), none, low.settle(entry), entry.type))


def _xas_next(low: CallLowering, call: Call) -> Operand:
    """``__xas_next(xas)``: behind the one entry there is nothing."""
    state = pointed(low, argument(call, 0))
    index = low.member_of(state, "xa_index", call.span)
    following = arithmetic("+", low.load(index, call.span), constant(1, ULONG), ULONG)
    low.store(index, following, call.span)
    return constant(0, ULONG).retyped(PointerType(VOID))


TABLE: dict[str, Primitive] = {
    "fget": _fget,
    "fput": nothing,
    "dma_buf_export": _export,
    "xas_load": _xas_load,
    "__xas_next": _xas_next,
    "dma_buf_fd": fixed(FILE_NUMBER),
}
