"""Page tables, as far as the counters of pages need them: entries are words of the own thread.

Nobody walks a process's page tables beside their owner here (the page-table lock is held),
so an entry is private memory, the TLB is nothing, and a table being filled is scratch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Name
from reviewer.replay.kernel_api.support import NOTHING, Primitive, argument, nothing, pointed
from reviewer.replay.machine.arith import (
    Operand,
    Registers,
    arithmetic,
    constant,
    convert,
    logical_not,
)
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import STACK, Act, Address, Reporter
from reviewer.replay.memory.valuetype import BOOL, ULONG, ArrayType, PointerType
from reviewer.replay.memory.words import STACK_SIZE
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering

TABLE_BYTES = 4096
LOCKS = 512
TABLE_BITS = 0x67  # present, write, user, accessed, dirty: x86-64
_SCRATCH = STACK_SIZE // 2  # of a thread's stack region: where its table being filled lies


def _scratch(registers: Registers) -> int:
    return (registers[STACK] & -STACK_SIZE) + _SCRATCH


def _populate(low: CallLowering, call: Call) -> Operand:
    """``pmd_populate(mm, pmd, table)``: the table begins empty, the entry is no huge one."""
    memory = low.machine.memory
    entry = Operand(low.types.resolve_name("pmd_t"), const=TABLE_BITS)
    low.store(pointed(low, argument(call, len(call.args) - 2)), entry, call.span)

    def clear(_thread: Reporter, registers: Registers) -> None:
        memory.clear(_scratch(registers), TABLE_BYTES)

    low.emit(Act(call.span, clear))
    return NOTHING


def _pte_offset(low: CallLowering, call: Call) -> Operand:
    """``pte_offset_map(pmd, addr)``: the entry of an address in the thread's scratch table."""
    address = convert(low.value(argument(call, 1)), ULONG)
    page = arithmetic(">>", address, constant(12, ULONG), ULONG)
    index = arithmetic("&", page, constant(TABLE_BYTES // 8 - 1, ULONG), ULONG)
    fn = index.closure()
    kind = PointerType(low.types.resolve_name("pte_t"))
    entry = low.settle(Operand(kind, fn=lambda r: _scratch(r) + 8 * fn(r)))
    words, place = low.machine.memory.words, entry.closure()

    def begin(_thread: Reporter, registers: Registers) -> None:
        words.setdefault(place(registers), 0)  # no entry yet, if nobody filled the table

    low.emit(Act(call.span, begin))
    return entry


def _table(low: CallLowering, call: Call) -> Operand:
    """``pmd_page_vaddr(pmd)``: where the table a PMD points to lies."""
    low.effect(argument(call, 0))
    return low.settle(Operand(ULONG, fn=_scratch))


def _set_entry(low: CallLowering, call: Call) -> Operand:
    """``set_pte_at(mm, addr, ptep, pte)``."""
    value = low.value(argument(call, 3))
    low.store(pointed(low, argument(call, 2)), value, call.span)
    return NOTHING


def _set_entries(low: CallLowering, call: Call) -> Operand:
    """``set_ptes(mm, addr, ptep, pte, nr)``: entries for pages in a row."""
    first = low.settle(low.value(argument(call, 2))).closure()
    entry = low.settle(low.value(argument(call, 3))).closure()
    number = low.settle(low.value(argument(call, 4))).closure()
    memory = low.machine.memory

    def store(_thread: Reporter, registers: Registers) -> None:
        at, value = first(registers), entry(registers)
        for i in range(number(registers)):
            memory.words.setdefault(at + 8 * i, 0)
            memory.store(at + 8 * i, 8, value + i * TABLE_BYTES)

    low.emit(Act(call.span, store))
    return NOTHING


def _lock_pointer(low: CallLowering, call: Call) -> Operand:
    """``pmd_lockptr(mm, pmd)``: the lock of the page table the entry stands in.

    Each entry that is worked on here stands for a table of its own, which one thread has.
    """
    kind = low.types.resolve_name("spinlock_t")
    size = low.types.size(kind)
    known = low.machine.find_global("page table locks")
    if known is None:
        locks = ArrayType(kind, LOCKS)
        start = low.machine.define_global("page table locks", locks, 0, constant=True)
    else:
        start = known.address
    fn = convert(low.value(argument(call, 1)), ULONG).closure()
    address = Operand(PointerType(kind), fn=lambda r: start + (fn(r) >> 3) % LOCKS * size)
    return low.settle(address)


def _set_access_flags(low: CallLowering, call: Call) -> Operand:
    """``pmdp_set_access_flags(vma, addr, pmdp, entry, dirty)``: the entry is as asked for."""
    low.store(pointed(low, argument(call, 2)), low.value(argument(call, 3)), call.span)
    return constant(1)


def _invalidate(low: CallLowering, call: Call) -> Operand:
    """``pmdp_invalidate(vma, addr, pmdp)``: the old entry; who else would look is locked out."""
    return low.load(pointed(low, argument(call, 2)), call.span)


def _withdraw(low: CallLowering, call: Call) -> Operand:
    """``pgtable_trans_huge_withdraw(mm, pmd)``: a page table nobody looks into."""
    del call
    page = low.types.struct("struct page")
    return constant(low.machine.memory.opaque("page table"), PointerType(page))


def _entry_page(pfn_of: str) -> Primitive:
    """Give the page of a present entry, through the tree's own ``pte_pfn``/``pmd_pfn``."""

    def lower(low: CallLowering, call: Call) -> Operand:
        pfn = Call(call.span, Name(call.span, pfn_of), call.args)
        return low.value(Call(call.span, Name(call.span, "pfn_to_page"), (pfn,)))

    return lower


def _same_entry(low: CallLowering, call: Call) -> Operand:
    """``pte_mkwrite(pte, vma)``: what an entry permits moves no counter."""
    return low.value(argument(call, 0))


def _insert_pfn(low: CallLowering, call: Call) -> Operand:
    """``vmf_insert_pfn(vma, addr, pfn)``: the entry names memory, no page: nothing is counted."""
    for arg in call.args:
        low.effect(arg)
    done = low.machine.code.find_enumerator("VM_FAULT_NOPAGE")
    if done is None:
        raise Undecided("needs VM_FAULT_NOPAGE", call.span)
    return constant(done)


WALKED_PMD, WALKED_PTE = "pmd a walk finds", "pte a walk finds"


def _walk(low: CallLowering, call: Call) -> Operand:
    """``page_vma_mapped_walk(pvmw)``: finds the one entry that the scenario names, once.

    Where that is a PMD there is no PTE. Its lock is not looked at: nobody else is there.
    """
    walk = pointed(low, argument(call, 0))
    pmd = low.member_of(walk, "pmd", call.span)
    found = low.keep(low.load(pmd, call.span))
    for member, name in (("pmd", WALKED_PMD), ("pte", WALKED_PTE)):
        known = low.machine.find_global(name)
        if known is None:
            raise Undecided("needs the page tables that page_vma_mapped_walk reads", call.span)
        given = Place(ULONG, address=Address(constant(known.address, ULONG)))
        low.store(low.member_of(walk, member, call.span), low.load(given, call.span), call.span)
    return low.settle(logical_not(found)).retyped(BOOL)


_SILENT = (
    *("pte_unmap", "update_mmu_cache", "update_mmu_cache_pmd", "update_mmu_tlb"),
    *("flush_tlb_range", "flush_pmd_tlb_range", "flush_tlb_page", "flush_cache_range"),
    *("flush_cache_page", "tlb_remove_page", "tlb_flush_pmd_range", "tlb_change_page_size"),
    *("tlb_remove_page_size", "zap_deposited_table", "arch_check_zapped_pmd"),
    *("mmu_notifier_invalidate_range", "mmu_notifier_invalidate_range_start"),
    "mmu_notifier_invalidate_range_only_end",
    *("mmu_notifier_invalidate_range_end", "pgtable_trans_huge_deposit"),
    *("add_mm_counter", "inc_mm_counter", "dec_mm_counter"),
    *("add_mm_counter_fast", "inc_mm_counter_fast", "dec_mm_counter_fast"),
)

TABLE: dict[str, Primitive] = dict.fromkeys(_SILENT, nothing)
TABLE |= {
    "page_vma_mapped_walk": _walk,
    "vmf_insert_pfn": _insert_pfn,
    "vmf_insert_pfn_prot": _insert_pfn,
    "pmd_populate": _populate,
    "pmd_page_vaddr": _table,
    "pte_offset_map": _pte_offset,
    "pte_offset_kernel": _pte_offset,
    "set_pte_at": _set_entry,
    "set_ptes": _set_entries,
    "pte_mkwrite": _same_entry,
    "pmd_mkwrite": _same_entry,
    "pmdp_invalidate": _invalidate,
    "pgtable_trans_huge_withdraw": _withdraw,
    "pmdp_set_access_flags": _set_access_flags,
    "ptep_set_access_flags": _set_access_flags,
    "pmd_lockptr": _lock_pointer,
    "pte_lockptr": _lock_pointer,
    "pte_page": _entry_page("pte_pfn"),
    "pmd_page": _entry_page("pmd_pfn"),
}
