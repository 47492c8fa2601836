"""A driver that hands out the pages of a file, run on the tree's own source.

User space names a file of hugetlb pages; the driver takes what it wants of it and exports a
buffer, which a process maps; a page fault asks the driver, and the tree's fault code maps what
it gives. Whether there is anything to map, and how it is counted, is decided by this code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reviewer.model.ctree import FunctionDef, Parameter
from reviewer.replay.kernel_api.files import EXPORTED, FILE_NUMBER, GIVEN_FILE
from reviewer.replay.lowering.calls import real_parameters
from reviewer.replay.memory.valuetype import LONG, wrap
from reviewer.replay.scheme.processes import HPAGE_PMD_ORDER
from reviewer.replay.scheme.world import World
from reviewer.replay.source.objects import (
    PAGE_SHIFT,
    PAGE_SIZE,
    PFN_MASK,
    PMD_SIZE,
    VM_ACCESS,
    VM_SHARED,
    TreeObjects,
    fill,
)
from reviewer.replay.stepping.thread import Body, TreeCall, Undecided

F_SEAL_SHRINK = 0x2  # what user space seals a file with whose pages it lends
FOP_HUGE_PAGES = 1 << 4  # of the operations of hugetlbfs, in trees that ask them
PMD_TABLE = 0x67  # present, write, user, accessed, dirty; no huge entry
FAULT = "do_read_fault"
CORE = "mm/memory.c"
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Driver:
    """Functions of one file, outermost first, that lead to where pages of a file are taken."""

    path: str
    functions: tuple[str, ...]


class TreeDriver:
    """Answers for a driver in a world of processes. ``answer`` is what taking pages returned.

    ``given`` are the numbers user space asks with, by the name of the member or parameter.
    """

    def __init__(
        self, world: World, objects: TreeObjects, driver: Driver, given: Mapping[str, int]
    ) -> None:
        self.answer: int | None = None
        self._world = world
        self._objects = objects
        self._machine = objects.machine
        self._driver = driver
        self._given = {"memfd": FILE_NUMBER, "fd": FILE_NUMBER, **given}
        self._vma = 0
        self._cache = self._make_file()

    # ---- the file --------------------------------------------------------------------------

    def _make_file(self) -> int:
        """Make a sealed file of hugetlb pages; return where its page cache keeps the first."""
        objects, machine = self._objects, self._machine
        state = objects.make("struct hstate", {"order": HPAGE_PMD_ORDER, "mask": -PMD_SIZE})
        mount = objects.make("struct hugetlbfs_sb_info", {"hstate": state})
        block = objects.make("struct super_block", {"s_fs_info": mount})
        owner = objects.make("struct hugetlbfs_inode_info", {"seals": F_SEAL_SHRINK})
        inode = owner + objects.offset("struct hugetlbfs_inode_info", "vfs_inode")
        mapping = objects.make(
            "struct address_space",
            {"host": inode, "a_ops": machine.find_address("hugetlbfs_aops")},
        )
        objects.set(
            "struct inode", inode, {"i_sb": block, "i_mapping": mapping, "i_size": PMD_SIZE}
        )
        kind = machine.types.struct("struct file")
        file = machine.define_global(GIVEN_FILE, kind, 0)
        operations = objects.make("struct file_operations", {"fop_flags": FOP_HUGE_PAGES})
        machine.set_address("hugetlbfs_file_operations", operations)
        values = {"f_mapping": mapping, "f_inode": inode, "f_op": operations}
        objects.set("struct file", file, values)
        pages = objects.offset("struct address_space", "i_pages")
        return mapping + pages + objects.offset("struct xarray", "xa_head")

    # ---- taking pages, and mapping them ----------------------------------------------------

    def map(self, first: int, count: int) -> Body:
        """Let the driver take the file's pages and map some; below 0 it refuses."""
        page = self._world.cache.get("hugetlb-shared")
        if page is None:
            raise Undecided("needs a hugetlb file that holds a page; map it and touch it first")
        self._machine.memory.store(self._cache, 8, self._objects.pages.address(page))
        function, args = self._find_call()
        answer = yield TreeCall(function, args, self._driver.path)
        self.answer = wrap(answer, LONG)
        if self.answer < 0:
            return self.answer
        self._vma = self._objects.make(
            "struct vm_area_struct",
            {
                "vm_mm": self._objects.mm,
                "vm_start": self._objects.start + first * PAGE_SIZE,
                "vm_end": self._objects.start + (first + count) * PAGE_SIZE,
                "vm_pgoff": first,
                "vm_flags": VM_ACCESS | VM_SHARED,
            },
        )
        return wrap((yield self._mmap()), LONG)

    def _find_call(self) -> tuple[str, tuple[int, ...]]:
        """Return the outermost function whose parameters can be made, with its arguments."""
        missing = ""
        for name in self._driver.functions:
            found = self._machine.find_definition(name, self._driver.path)
            if not isinstance(found, FunctionDef):
                continue
            made = [self._make_argument(p) for p in real_parameters(found)]
            if None not in made:
                return name, tuple(value for value in made if value is not None)
            missing = missing or f"the parameters of {name}()"
        raise Undecided(f"needs {missing or f'the functions of {self._driver.path}'}")

    def _make_argument(self, parameter: Parameter) -> int | None:
        """Make what user space, or the driver's core, hands over; None where nothing says how."""
        kind = parameter.type
        if kind.pointers == 1 and kind.base.startswith("struct "):
            address = self._objects.make(kind.base, {})
            self._objects.set(kind.base, address, self._given)
            return address
        return self._given.get(parameter.name) if kind.pointers == 0 else None

    def _mmap(self) -> TreeCall:
        """Return the call of the exported buffer's own mmap."""
        exported = self._machine.find_global(EXPORTED)
        if exported is None:
            raise Undecided(f"needs the buffer that {self._driver.path} exports")
        buffer = self._machine.memory.load(exported.address, 8)
        name, near = self._method("struct dma_buf", buffer, "ops", "struct dma_buf_ops", "mmap")
        return TreeCall(name, (buffer, self._vma), near)

    def _method(
        self, struct: str, address: int, member: str, table: str, method: str
    ) -> tuple[str, str]:
        """Return the function in an object's table of operations."""
        load, offset = self._machine.memory.load, self._objects.offset
        operations = load(address + offset(struct, member), 8)
        found = load(operations + offset(table, method), 8) if operations else 0
        name, near = self._machine.function_named_at(found)
        if not name:
            raise Undecided(f"needs {method} of {table}")
        return name, near

    # ---- faults ----------------------------------------------------------------------------

    def fault(self, index: int) -> Body:
        """Let the tree's fault code map what the driver gives; NOTHING, or the page's number."""
        memory, objects = self._machine.memory, self._objects
        found = self._machine.find_definition(FAULT, CORE)
        if not isinstance(found, FunctionDef):
            raise Undecided(f"needs {FAULT}")
        address = objects.start + index * PAGE_SIZE
        pmd = objects.private("the driver's pmd", 8)
        memory.store(pmd, 8, PMD_TABLE)
        asked = {
            "vma": self._vma,
            "pgoff": index,
            "address": address,
            "real_address": address,
            "pmd": pmd,
            "pte": 0,
            "page": 0,
        }
        fault = objects.private_struct("struct vm_fault", asked)
        args = fill(FAULT, real_parameters(found), {"struct vm_fault *": fault}, {})
        yield TreeCall(FAULT, args, CORE)
        entry = memory.load(fault + objects.offset("struct vm_fault", "pte"), 8)
        if not entry:
            return NOTHING
        value = memory.load(entry, 8)
        memory.store(entry, 8, 0)  # who maps what is kept by the world
        pfn = (value & PFN_MASK) >> PAGE_SHIFT
        return pfn - objects.pages.first_pfn if value else NOTHING
