"""vmstat counters: one number an item for the whole machine, kept so that runs can be compared.

Real ones are per CPU, so moving them is no step that others could see half done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Expr
from reviewer.replay.kernel_api.support import NOTHING, Primitive, argument, moved
from reviewer.replay.machine.arith import Operand, arithmetic, constant, convert
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import Address
from reviewer.replay.memory.valuetype import LONG, ULONG

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _add(
    low: CallLowering, call: Call, item: Expr, amount: Operand, table: str = "vm_stat"
) -> Operand:
    index = convert(low.settle(low.value(item)), ULONG)
    offset = arithmetic("<<", index, constant(3, ULONG), ULONG)
    start = Address(constant(low.machine.statistics(table), ULONG))
    place = Place(LONG, address=moved(low, start, offset))
    total = arithmetic("+", low.load(place, call.span), convert(amount, LONG), LONG)
    low.store(place, total, call.span)
    return NOTHING


def _modify(low: CallLowering, call: Call) -> Operand:
    """``__mod_x_state(where, item, amount)``; of where, if it is said, only the effects matter."""
    for where in call.args[:-2]:
        low.effect(where)
    last = len(call.args) - 1
    return _add(low, call, argument(call, last - 1), low.value(argument(call, last)))


def _step(amount: int) -> Primitive:
    def lower(low: CallLowering, call: Call) -> Operand:
        for where in call.args[:-1]:
            low.effect(where)
        return _add(low, call, argument(call, len(call.args) - 1), constant(amount))

    return lower


def _event(low: CallLowering, call: Call) -> Operand:
    """``count_vm_event(item)`` and ``count_vm_events(item, amount)``."""
    amount = low.value(call.args[1]) if len(call.args) > 1 else constant(1)
    return _add(low, call, argument(call, 0), amount, "vm_event")


TABLE: dict[str, Primitive] = {
    "count_vm_event": _event,
    "__count_vm_event": _event,
    "count_vm_events": _event,
    "__count_vm_events": _event,
}
for _name in ("lruvec_page_state", "lruvec_state", "node_page_state", "lruvec_kmem_state"):
    for _prefix in ("", "__"):
        TABLE[f"{_prefix}mod_{_name}"] = _modify
        TABLE[f"{_prefix}inc_{_name}"] = _step(1)
        TABLE[f"{_prefix}dec_{_name}"] = _step(-1)
for _prefix in ("", "__"):
    TABLE[f"{_prefix}lruvec_stat_mod_folio"] = _modify
    TABLE[f"{_prefix}lruvec_stat_add_folio"] = _step(1)
    TABLE[f"{_prefix}lruvec_stat_sub_folio"] = _step(-1)
