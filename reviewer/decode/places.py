"""The arithmetic: from addresses of ``struct page`` to pfns, the head, and the walker's tail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reviewer.decode.dump import asks_head
from reviewer.model.crash import Crash, PageDump, Places

STRUCT_PAGE = 64  # bytes; the kernel pads to that where cmpxchg_double is used, and by chance else
# Where vmemmap begins without KASLR: with 4 and with 5 levels of page tables. Documentation/
# arch/x86/x86_64/mm.rst. With KASLR it begins on some other multiple of 1 GiB.
BASES = (0xFFFFEA0000000000, 0xFFD4000000000000)
_REACH = 1 << 40  # bytes of vmemmap that 64 TiB of memory need
_GIB = 1 << 30
_LARGEST_ORDER = 18  # a 1 GiB hugetlb page
_THP_ORDER = 9
_KERNEL_HALF = 0xFF00000000000000
_LOWEST_PFN = 0x1000  # below, a number close to a pfn is too often a length or an error
# What calls do not clobber: the walker's own variables live there across the dump's printk.
_PRESERVED = frozenset({"RBX", "RBP", "R12", "R13", "R14", "R15", "stack"})
_COMPOUND_HEAD = 1  # the word of ->compound_head


def find_base(crash: Crash, dump: PageDump) -> tuple[int | None, str]:
    """Return where vmemmap begins, and how that is known; None if nothing in the text tells."""
    if dump.address is not None and dump.pfn is not None:
        base = dump.address - STRUCT_PAGE * dump.pfn
        if base < _KERNEL_HALF:
            return None, f"{dump.address:x} and pfn {dump.pfn:#x} cannot belong to one page"
        return base, f"vmemmap begins at {dump.address:x} - 64 * {dump.pfn:#x} = {base:x}"
    values = list(_iter_values(crash, dump))
    if dump.pfn is not None:
        for where, value in values:
            base = value - STRUCT_PAGE * dump.pfn
            if value >= _KERNEL_HALF and base % _GIB == 0 and base >= _KERNEL_HALF:
                return base, (
                    f"{where} {value:x} - 64 * pfn {dump.pfn:#x} = {base:x}, a multiple of "
                    f"1 GiB: vmemmap begins there, and {where} holds the page dumped"
                )
    pointers = [dump.address] if dump.address is not None else [v for _, v in values]
    for base in BASES:
        if any(base <= pointer < base + _REACH for pointer in pointers):
            return base, f"vmemmap begins at {base:x}, as without KASLR"
    return None, ""


def _iter_values(crash: Crash, dump: PageDump) -> Iterator[tuple[str, int]]:
    yield from crash.registers
    yield from (("the stack's", word) for word in crash.stack)
    if len(dump.words) > _COMPOUND_HEAD:
        yield "->compound_head", dump.words[_COMPOUND_HEAD] & ~1


def find_head_pointer(dump: PageDump) -> int | None:
    """Return what a tail's ``compound_head`` word points at; None for a page that is no tail."""
    if len(dump.words) <= _COMPOUND_HEAD or not dump.words[_COMPOUND_HEAD] & 1:
        return None
    word = dump.words[_COMPOUND_HEAD]
    return None if word == 0xFFFFFFFFFFFFFFFF else word - 1


def find_places(crash: Crash, dump: PageDump) -> Places:
    """Say where the page dumped, the head and the walker's page are, with the arithmetic."""
    base, how = find_base(crash, dump)
    shown = [how] if how else []
    page = dump.pfn
    if page is None and dump.address is not None and base is not None:
        page = (dump.address - base) // STRUCT_PAGE
        shown.append(f"page dumped: ({dump.address:x} - {base:x}) / 64 = pfn {page:#x}")
    if page is None:
        return _find_without_pfn(crash, dump)
    head = _find_dumped_head(dump, page, base, shown)
    if head is not None and head != page:
        shown.append(f"{page:#x} - {head:#x} = {page - head}: the page dumped is that tail")
        return Places(page, head, page - head, page, arithmetic=tuple(shown))
    walker = _find_walker(crash, dump, page, base, shown)
    if walker is not None:
        return Places(page, page, walker - page, walker, True, tuple(shown))
    if head is None:
        head = _find_head_nearby(crash, page, base, shown)
        if head is not None:
            return Places(page, head, page - head, page, arithmetic=tuple(shown))
    if head is None and page and page % (1 << _THP_ORDER) == 0 and asks_head(dump):
        shown.append(f"pfn {page:#x} is a multiple of 2^9: where the head of a huge page lies")
        head = page
    elif head is None and page and asks_head(dump):
        head = page >> _THP_ORDER << _THP_ORDER
        shown.append(
            f"no order is left; in a huge page (order 9) the head lay at {page:#x} & ~0x1ff = "
            f"{head:#x}, and the page dumped was tail {page - head}"
        )
        return Places(page, head, page - head, page, arithmetic=tuple(shown))
    return Places(page, head, None, None, arithmetic=tuple(shown))


def _find_dumped_head(dump: PageDump, page: int, base: int | None, shown: list[str]) -> int | None:
    """Return the head as the dump itself gives it."""
    pointer = find_head_pointer(dump)
    if pointer is not None:
        # vmemmap begins on a multiple of 1 GiB: the distance is known even where the base is not
        start = base if base is not None else 0
        distance = ((page * STRUCT_PAGE + start - pointer) % _GIB) // STRUCT_PAGE
        head = page - distance
        if 0 <= head < page and _fits(head, distance, dump.order):
            shown.append(
                f"raw word 1 is {pointer + 1:x}: bit 0 is set, so the page is a tail now; its "
                f"head is at {pointer:x}, pfn {head:#x}"
            )
            return head
        shown.append(f"raw word 1 is {pointer + 1:x}: bit 0 is set, but no head can be there")
    if dump.head_address is not None and base is not None:
        head = (dump.head_address - base) // STRUCT_PAGE
        if head <= page and _fits(head, page - head, dump.order):
            shown.append(f"head: ({dump.head_address:x} - {base:x}) / 64 = pfn {head:#x}")
            return head
    if dump.order and dump.order <= _LARGEST_ORDER:
        head = page >> dump.order << dump.order
        shown.append(
            f"order {dump.order}: the head lies at {page:#x} & ~{(1 << dump.order) - 1:#x}"
            f" = {head:#x}"
        )
        return head
    if "head" in dump.names and "pfn" not in dump.fields:
        return page
    return None


def _fits(head: int, distance: int, order: int | None) -> bool:
    """Say whether a page so far behind a head can be its tail: compound pages are aligned."""
    bits = order if order is not None else distance.bit_length()
    return distance < 1 << bits and head % (1 << bits) == 0 and bits <= _LARGEST_ORDER


def _find_walker(
    crash: Crash, dump: PageDump, page: int, base: int | None, shown: list[str]
) -> int | None:
    """Return the pfn of another page the walker held, if the page dumped can be its head."""
    start = base if base is not None else 0
    holders: dict[int, list[str]] = {}
    for name, value in _iter_pointers(crash):
        if base is not None:
            distance = (value - start) // STRUCT_PAGE - page
            if distance > 0 and _fits(page, distance, dump.order or None):
                holders.setdefault(page + distance, []).append(name)
    numbers = Counter(value for _, value in _iter_all(crash))
    if not holders and page % (1 << _THP_ORDER) == 0:
        kept = {value for name, value in _iter_all(crash) if name in _PRESERVED}
        near = [n for n in kept if page < n < page + (1 << _THP_ORDER) and page >= _LOWEST_PFN]
        if len(near) == 1:
            shown.append(f"{near[0]:#x} stands on the stack or in a register: a pfn close by")
            shown.append(f"{near[0]:#x} - {page:#x} = {near[0] - page}")
            return near[0]
    if not holders:
        return None
    walker = max(holders, key=lambda n: (n in numbers, len(holders[n]), -n))
    names = "/".join(dict.fromkeys(holders[walker]))
    value = start + STRUCT_PAGE * walker
    shown.append(f"{names} {value:x}: ({value:x} - {start:x}) / 64 = pfn {walker:#x}")
    if walker in numbers:
        shown.append(f"the number {walker:#x} itself stands on the stack or in a register too")
    order = max((walker - page).bit_length(), _THP_ORDER if page % 512 == 0 else 0)
    shown.append(
        f"{page:#x} is a multiple of 2^{order} and {walker:#x} - {page:#x} = "
        f"{walker - page}: the page dumped is where the head of tail {walker - page} lies"
    )
    return walker


def _iter_all(crash: Crash) -> Iterator[tuple[str, int]]:
    yield from crash.registers
    yield from (("stack", word) for word in crash.stack)


def _iter_pointers(crash: Crash) -> Iterator[tuple[str, int]]:
    """Yield what can be the address of a ``struct page``."""
    for name, value in _iter_all(crash):
        if value >= _KERNEL_HALF and value % STRUCT_PAGE == 0:
            yield name, value


def _find_head_nearby(crash: Crash, page: int, base: int | None, shown: list[str]) -> int | None:
    """Return the pfn of a page that another register holds and that can head the one dumped."""
    if base is None:
        return None
    for name, value in _iter_pointers(crash):
        head = (value - base) // STRUCT_PAGE
        distance = page - head
        if distance > 0 and head > 0 and _fits(head, max(distance, 256), None):
            shown.append(
                f"{name} {value:x} is pfn {head:#x}, where the head of the page can lie: "
                f"{page:#x} - {head:#x} = {distance}"
            )
            return head
    return None


def _find_without_pfn(crash: Crash, dump: PageDump) -> Places:
    """Say what distances tell where vmemmap may begin anywhere: on a multiple of 1 GiB."""
    if dump.address is None:
        return Places()
    low = dump.address % _GIB // STRUCT_PAGE
    for name, value in _iter_pointers(crash):
        distance = (value - dump.address) // STRUCT_PAGE
        if distance > 0 and _fits(low, distance, dump.order or None):
            shown = (
                f"{name} {value:x} - {dump.address:x} = {value - dump.address:#x}, / 64 = "
                f"{distance}: the page dumped is where the head of that tail lies"
            )
            return Places(None, None, distance, None, True, (shown,))
    pointer = find_head_pointer(dump)
    if pointer is not None and pointer < dump.address:
        distance = (dump.address - pointer) // STRUCT_PAGE
        if _fits(pointer % _GIB // STRUCT_PAGE, distance, dump.order or None):
            shown = f"raw word 1: ({dump.address:x} - {pointer:x}) / 64 = tail {distance}"
            return Places(None, None, distance, None, arithmetic=(shown,))
    return Places()
