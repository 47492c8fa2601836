"""Entry points as threads: an entry point is its parameters, and each has a way to be made.

What a parameter is says its type in the tree (a user buffer, a file position, a page); a
function with a parameter that no row describes is not set up, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reviewer.model.ctree import CType, Parameter
from reviewer.model.facts import Skipped
from reviewer.replay.interpreter.interp import make_thread
from reviewer.replay.lowering.calls import real_parameters
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.valuetype import ArrayType, PointerType
from reviewer.replay.memory.words import CONSTANT_LOW, USER_LOW
from reviewer.replay.stepping.thread import Thread, Undecided

ENTRY_SIZE = 8  # the /proc/kpage* files hold a u64 a page
MAX_NUMNODES = 1024
BITMAP_PAGES = 64  # page_idle's bitmap holds a bit a page, in words


@dataclass(frozen=True, slots=True)
class Reader:
    """A thread that asks about a page, and how to read its answer from the return value.

    ``answer`` is what user space got: the u64 in its buffer, or None where nothing came; for
    a function without a buffer, what it returned. ``buffer`` is the buffer's address, or 0.
    """

    thread: Thread
    answer: Callable[[int | None], int | None]
    buffer: int = 0


@dataclass(slots=True)
class _Request:
    """What is asked: the page, and the buffer once one was made."""

    machine: Machine
    function: str
    pfn: int
    pages: int
    buffer: int = 0


def _user_buffer(request: _Request) -> int:
    size = request.pages * ENTRY_SIZE
    request.buffer = request.machine.memory.allocate("buf", size, USER_LOW)
    if request.function.endswith("_write"):
        for address in range(request.buffer, request.buffer + size, 8):
            request.machine.memory.words[address] = (1 << 64) - 1
    return request.buffer


def _offset(request: _Request) -> int:
    if "bitmap" in request.function:
        return request.pfn // BITMAP_PAGES * ENTRY_SIZE
    return request.pfn * ENTRY_SIZE


def _position(request: _Request) -> int:
    memory = request.machine.memory
    address = memory.allocate("ppos", 8, USER_LOW)
    memory.words[address] = _offset(request)  # of the initial image: no store to undo
    return address


def _opaque(name: str) -> Callable[[_Request], int]:
    return lambda request: request.machine.memory.opaque(name)


def _zeroed(name: str) -> Callable[[_Request], int]:
    """Make an object of the caller's own that begins as zeros: a total to add to."""

    def make(request: _Request) -> int:
        types = request.machine.types
        kind = types.struct(name)
        return request.machine.memory.allocate(name, types.size(kind), CONSTANT_LOW)

    return make


# (type as written, levels of pointer, part of the parameter's name) -> its value
_PARAMETERS: tuple[tuple[str, int, str, Callable[[_Request], int]], ...] = (
    ("struct file", 1, "", _opaque("struct file")),
    ("struct kobject", 1, "", _opaque("struct kobject")),
    ("struct bin_attribute", 1, "", _opaque("struct bin_attribute")),
    ("char", 1, "", _user_buffer),
    ("loff_t", 1, "", _position),
    ("loff_t", 0, "", _offset),
    ("size_t", 0, "", lambda request: request.pages * ENTRY_SIZE),
    ("struct page", 1, "", lambda request: request.machine.page_address(request.pfn)),
    ("struct folio", 1, "", lambda request: request.machine.page_address(request.pfn)),
    ("struct mem_size_stats", 1, "", _zeroed("struct mem_size_stats")),
    ("bool", 0, "", lambda _request: 0),
    ("_Bool", 0, "", lambda _request: 0),
    ("unsigned long", 0, "flags", lambda _request: 0),
    ("int", 0, "flags", lambda _request: 0),
    ("unsigned long", 0, "pfn", lambda request: request.pfn),
)


def _make_argument(request: _Request, parameter: Parameter) -> int:
    kind = parameter.type
    for base, pointers, part, make in _PARAMETERS:
        if kind.base == base and kind.pointers == pointers and part in parameter.name:
            return make(request)
    raise Undecided(
        f"needs a set-up for {request.function}(): its parameter "
        f"{kind.base} {'*' * kind.pointers}{parameter.name}"
    )


# Variables of the running kernel that readers look at: type, levels of pointer, value, and
# whether it can change once the system is up.
_BOOT_GLOBALS: tuple[tuple[str, str, int, Callable[[Machine], int], bool], ...] = (
    ("max_pfn", "unsigned long", 0, lambda m: m.first_pfn + m.page_count, True),
    ("max_low_pfn", "unsigned long", 0, lambda m: m.first_pfn + m.page_count, True),
    ("zero_pfn", "unsigned long", 0, lambda _m: 1, True),
    ("physical_mask", "unsigned long long", 0, lambda _m: (1 << 52) - 1, True),
    ("sme_me_mask", "unsigned long long", 0, lambda _m: 0, True),
    ("__supported_pte_mask", "unsigned long", 0, lambda _m: (1 << 64) - 1, True),
    ("__default_kernel_pte_mask", "unsigned long", 0, lambda _m: (1 << 64) - 1, True),
    ("swap_migration_ad_supported", "bool", 0, lambda _m: 1, True),
    ("huge_zero_page", "struct page", 1, lambda _m: 0, False),
    ("huge_zero_folio", "struct folio", 1, lambda _m: 0, False),
    ("huge_zero_pfn", "unsigned long", 0, lambda _m: (1 << 64) - 1, False),
)

# Static keys of a running kernel with Debian's configuration and no special boot option.
_KEYS = {
    "memory_cgrp_subsys_enabled_key": True,
    "memory_cgrp_subsys_on_dfl_key": True,
    "hugetlb_optimize_vmemmap_key": False,
    "hugetlb_free_vmemmap_enabled_key": False,
    "page_alloc_shuffle_key": False,
    "_debug_guardpage_enabled": False,
    "_debug_pagealloc_enabled": False,
    "_page_poisoning_enabled": False,
    "page_owner_inited": False,
    "page_table_check_disabled": True,
    "devmap_managed_key": False,
    "cgroup_memory_nokmem": False,
    "deferred_pages": False,
    "init_on_free": False,
    "init_on_alloc": True,
    "check_pages_enabled": True,
    "lru_gen_caps": False,
    "memcg_kmem_online_key": True,
    "memcg_kmem_enabled_key": True,
}


def set_up_boot(machine: Machine) -> None:
    """Give the globals and static keys of a booted kernel, where the scenario gave none."""
    for name, base, pointers, value, constant in _BOOT_GLOBALS:
        if machine.find_global(name) is None:
            kind = machine.types.resolve(CType(base, pointers))
            machine.define_global(name, kind, value(machine), constant=constant)
    if machine.find_global("node_data") is None:
        nodes = ArrayType(PointerType(machine.types.struct("struct pglist_data")), MAX_NUMNODES)
        address = machine.define_global("node_data", nodes, 0, constant=True)
        node = machine.memory.opaque("struct pglist_data")  # statistics take it, nobody looks in
        for index in range(MAX_NUMNODES):
            machine.memory.words[address + 8 * index] = node
    for key, on in _KEYS.items():
        machine.static_keys.setdefault(key, on)


def make_reader(
    machine: Machine, function: str, pfn: int, *, name: str, cpu: int, near: str, pages: int = 1
) -> Reader:
    """Return a thread that runs an entry point on a page; the pages must be made already.

    With ``pages`` more than one, it reads that many entries in one call.

    Raises:
        Undecided: the function is not in the tree, or has a parameter nobody can make.

    """
    definition = machine.find_definition(function, near)
    if definition is None:
        raise Undecided(f"needs {function}")
    if isinstance(definition, Skipped):
        raise Undecided(f"needs {function} ({definition.reason})")
    set_up_boot(machine)
    request = _Request(machine, function, pfn, pages)
    args = [_make_argument(request, p) for p in real_parameters(definition)]
    thread = make_thread(machine, function, args, name, near=near, cpu=cpu)

    def answer(result: int | None) -> int | None:
        if result is None or not request.buffer:
            return result
        return machine.memory.load(request.buffer, ENTRY_SIZE) if result > 0 else None

    return Reader(thread, answer, request.buffer)
