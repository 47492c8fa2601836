"""The allocator of small objects: each call gives memory of its own, zeroed, never used again.

Memory is zeroed as with CONFIG_INIT_ON_ALLOC_DEFAULT_ON, and there is always enough of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call
from reviewer.replay.kernel_api.support import Primitive, argument, fixed, nothing
from reviewer.replay.machine.arith import Operand, Registers, arithmetic, convert
from reviewer.replay.machine.instr import Act, Reporter
from reviewer.replay.memory.valuetype import ULONG, VOID, PointerType
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering

_ALIGN = 64
_FIRST = _ALIGN  # where objects begin: the heap's first word says how much of it is taken


def take(low: CallLowering, call: Call, size: Operand) -> Operand:
    """Emit the allocation of an object of so many bytes; its address is the result."""
    machine = low.machine
    start, limit = machine.heap()
    dst = low.register()
    bytes_of = low.settle(convert(size, ULONG)).closure()
    span = call.span

    def allocate(_thread: Reporter, registers: Registers) -> None:
        memory = machine.memory
        taken = memory.load(start, 8) or _FIRST
        after = -(-(taken + bytes_of(registers)) // _ALIGN) * _ALIGN
        if after > limit:
            raise Undecided(f"needs more than {limit} bytes of heap", span)
        memory.store(start, 8, after)
        registers[dst] = start + taken

    low.emit(Act(span, allocate))
    return Operand(PointerType(VOID), reg=dst)


def _sized(low: CallLowering, call: Call) -> Operand:
    """``kmalloc(size, flags)``."""
    return take(low, call, low.value(argument(call, 0)))


def _array(low: CallLowering, call: Call) -> Operand:
    """``kmalloc_array(n, size, flags)``."""
    number = convert(low.value(argument(call, 0)), ULONG)
    size = convert(low.value(argument(call, 1)), ULONG)
    return take(low, call, arithmetic("*", number, size, ULONG))


def _hooked(low: CallLowering, call: Call) -> Operand:
    """``alloc_hooks(allocation)``: who allocates what is accounted elsewhere."""
    return low.value(argument(call, 0))


TABLE: dict[str, Primitive] = {"kfree": nothing, "kvfree": nothing, "kfree_sensitive": nothing}
TABLE["alloc_hooks"] = _hooked
TABLE |= {"memalloc_flags_save": fixed(0), "memalloc_flags_restore": nothing}
for _ending in ("", "_node", "_noprof", "_node_noprof"):
    for _name in ("kmalloc", "kzalloc", "kvmalloc", "kvzalloc", "vmalloc", "vzalloc"):
        TABLE[_name + _ending] = _sized
    for _name in ("kmalloc_array", "kcalloc", "kvmalloc_array", "kvcalloc"):
        TABLE[_name + _ending] = _array
