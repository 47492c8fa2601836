"""The memory model: pfns and struct pages in a vmemmap (SPARSEMEM_VMEMMAP on x86-64)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Expr, Name, Number
from reviewer.replay.kernel_api.support import Primitive, argument, fixed, nothing
from reviewer.replay.machine.arith import Operand, arithmetic, constant, convert, select
from reviewer.replay.memory.valuetype import BOOL, INT, ULONG, PointerType
from reviewer.replay.memory.words import VMEMMAP

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _page_of(low: CallLowering, pfn: Operand) -> Operand:
    page = low.types.struct("struct page")
    size = constant(low.types.size(page), ULONG)
    offset = arithmetic("*", pfn, size, ULONG)
    return arithmetic("+", offset, constant(VMEMMAP, ULONG), ULONG).retyped(PointerType(page))


def _pfn_to_page(low: CallLowering, call: Call) -> Operand:
    return low.settle(_page_of(low, convert(low.value(argument(call, 0)), ULONG)))


def _page_to_pfn(low: CallLowering, call: Call) -> Operand:
    fn = low.value(argument(call, 0)).closure()
    pfn_of = low.machine.page_pfn
    return low.settle(Operand(ULONG, fn=lambda r: pfn_of(fn(r))))


def _online(low: CallLowering, call: Call) -> tuple[Operand, Operand]:
    pfn = low.settle(convert(low.value(argument(call, 0)), ULONG))
    fn = pfn.closure()
    is_online = low.machine.is_online
    return pfn, Operand(INT, fn=lambda r: is_online(fn(r)))


def _pfn_to_online_page(low: CallLowering, call: Call) -> Operand:
    """Give the page where the scenario has one, else NULL: it pins nothing."""
    pfn, online = _online(low, call)
    page = _page_of(low, pfn)
    return low.settle(select(online, page, constant(0, ULONG), page.type))


def _pfn_valid(low: CallLowering, call: Call) -> Operand:
    return low.settle(_online(low, call)[1].retyped(BOOL))


def _deferred_split_queue(low: CallLowering, call: Call) -> Operand:
    """``get_deferred_split_queue(page)``: one queue for the machine instead of one a node."""
    low.effect(argument(call, 0))
    kind = low.types.struct("struct deferred_split")
    return constant(low.machine.deferred_split_queue(), PointerType(kind))


def _free_pages(low: CallLowering, call: Call) -> Operand:
    """``free_unref_page(page, order)`` and ``__free_pages_ok``: checked and prepared, not listed.

    What the allocator does with a page it has taken back (its lists) is the scenario's.
    """
    name = "free_pages_prepare"
    parameters = low.definition_of(name, call.span).parameters
    known: dict[str, Expr] = {"page": call.args[0], "order": call.args[1]}
    args = tuple(known.get(p.name, Number(call.span, 0)) for p in parameters)
    return low.value(Call(call.span, Name(call.span, name), args))


TABLE: dict[str, Primitive] = {
    "pfn_to_page": _pfn_to_page,
    "__pfn_to_page": _pfn_to_page,
    "page_to_pfn": _page_to_pfn,
    "__page_to_pfn": _page_to_pfn,
    "pfn_to_online_page": _pfn_to_online_page,
    "pfn_valid": _pfn_valid,
    "lru_add_drain": nothing,  # what waits for the LRU is the scenario's
    "mlock_drain_local": nothing,
    "get_pfnblock_flags_mask": fixed(0),  # MIGRATE_UNMOVABLE: whoever pins may stay there
    "free_unref_page": _free_pages,
    "__free_pages_ok": _free_pages,
    "get_deferred_split_queue": _deferred_split_queue,
}
