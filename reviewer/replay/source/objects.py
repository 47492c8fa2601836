"""The objects that a tree's mm functions take: an mm, a VMA, page-table entries, an anon_vma.

They are laid out as the tree says and hold what one process that maps the range would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reviewer.model.ctree import FunctionDef, Parameter
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.pages import Pages
from reviewer.replay.memory.words import CONSTANT_LOW, SimulatedObject
from reviewer.replay.scheme.world import ANON_VMA, INODE_MAPPING
from reviewer.replay.stepping.thread import Undecided

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PMD_SIZE = 1 << 21
TABLES = 64  # page tables, each with one PMD
VM_ACCESS = 3  # VM_READ | VM_WRITE
VM_SHARED = 8
PMD_BITS = 0xE7  # present, write, user, accessed, dirty, huge: x86-64
PMD_READ_ONLY = 0xA5  # the same without write and dirty
PMD_HUGE = 0x80
DIRTY = ("noop_dirty_folio", "__set_page_dirty_no_writeback")
"""What marks a page of shared memory dirty, under the names it has had."""
PFN_MASK = (1 << 52) - PAGE_SIZE  # of an entry; above it stand flags


class TreeObjects:
    """One address space on a tree's own types. ``start`` is the range's address."""

    def __init__(self, machine: Machine, pages: Pages, index: int) -> None:
        self.machine = machine
        self.pages = pages
        self.start = index << PAGE_SHIFT
        self._entries = machine.memory.allocate("pmd", 8 * TABLES, CONSTANT_LOW)
        self.table = machine.memory.allocate("page table", PAGE_SIZE, CONSTANT_LOW)
        self._scratch: dict[str, int] = {}
        # odd: rmap functions that fork calls assert that a copy is in progress
        self.mm = self.make("struct mm_struct", {"write_protect_seq": 1})
        self.vma = self.make(
            "struct vm_area_struct",
            {
                "vm_mm": self.mm,
                "vm_start": self.start,
                "vm_end": self.start + PMD_SIZE,
                "vm_pgoff": index,
                "vm_flags": VM_ACCESS,
                "anon_vma": ANON_VMA,
            },
        )
        self.file_vma = self.make(
            "struct vm_area_struct",
            {
                "vm_mm": self.mm,
                "vm_start": self.start,
                "vm_end": self.start + PMD_SIZE,
                "vm_flags": VM_ACCESS | VM_SHARED,
            },
        )
        self._place_anon_vma()
        self._place_mapping()

    def make(self, name: str, values: Mapping[str, int]) -> int:
        """Make a struct with these members, the others zero; return its address."""
        kind = self.machine.types.struct(name)
        size = self.machine.types.size(kind)
        namer = self.machine.member_namer(kind)
        address = self.machine.memory.allocate(name.partition(" ")[2], size, member=namer)
        self.set(name, address, values)
        return address

    def _place_anon_vma(self) -> None:
        """Give the anon_vma that pages point to a body: it is its own root."""
        kind = self.machine.types.struct("struct anon_vma")
        memory = self.machine.memory
        if memory.find_object(ANON_VMA) is None:
            size = self.machine.types.size(kind)
            namer = self.machine.member_namer(kind)
            memory.place(SimulatedObject(ANON_VMA, size, "anon_vma", member=namer))
        self.set("struct anon_vma", ANON_VMA, {"root": ANON_VMA})

    def _place_mapping(self) -> None:
        """Give the file that pages belong to a body: one in memory, never written back."""
        machine = self.machine
        if not (self.has("struct address_space") and self.has("struct address_space_operations")):
            return
        if machine.memory.find_object(INODE_MAPPING) is None:
            kind = machine.types.struct("struct address_space")
            namer = machine.member_namer(kind)
            size = machine.types.size(kind)
            machine.memory.place(SimulatedObject(INODE_MAPPING, size, "mapping", member=namer))
        near = "mm/page-writeback.c"
        dirty = [machine.function_address(name, near) for name in DIRTY if self._runs(name, near)]
        values = dict.fromkeys(("dirty_folio", "set_page_dirty"), (*dirty, 0)[0])
        operations = self.make("struct address_space_operations", values)
        self.set("struct address_space", INODE_MAPPING, {"a_ops": operations})

    def _runs(self, function: str, near: str) -> bool:
        return isinstance(self.machine.find_definition(function, near), FunctionDef)

    def set(self, struct: str, address: int, values: Mapping[str, int]) -> None:
        """Set members; one that this tree's struct does not have is not asked for either."""
        types = self.machine.types
        for member, value in values.items():
            try:
                place = types.member(types.struct(struct), member)
            except Undecided:
                continue
            self.machine.memory.store(address + place.offset, types.size(place.type), value)

    def has(self, struct: str) -> bool:
        """Say whether the tree has such a struct."""
        return self.machine.code.find_struct(struct) is not None

    def offset(self, struct: str, member: str) -> int:
        """Return where a member lies in a struct."""
        types = self.machine.types
        return types.member(types.struct(struct), member).offset

    def private(self, name: str, size: int) -> int:
        """Return the address of an object of the caller's own, made once."""
        known = self._scratch.get(name)
        if known is None:
            memory = self.machine.memory
            known = self._scratch[name] = memory.allocate(name, size, CONSTANT_LOW)
        return known

    def private_struct(self, struct: str, values: Mapping[str, int]) -> int:
        """Return the address of a struct of the caller's own with these members."""
        size = self.machine.types.size(self.machine.types.struct(struct))
        address = self.private(struct, size)
        self.set(struct, address, values)
        return address

    def pmd_of(self, table: int) -> int:
        """Return the address of the PMD of a process's page tables, given their number."""
        return self._entries + 8 * (table % TABLES)

    def make_entry(self, page: int, bits: int = PMD_BITS) -> int:
        """Return an entry that maps a page; by default a PMD."""
        return (self.pages.first_pfn + page) << PAGE_SHIFT | bits


def fill(
    function: str,
    parameters: Sequence[Parameter],
    by_type: Mapping[str, int],
    by_name: Mapping[str, int],
) -> tuple[int, ...]:
    """Return an argument for each parameter: a pointer by its type, a number by its name.

    Raises:
        Undecided: one is not described.

    """
    found = []
    for parameter in parameters:
        kind = parameter.type
        spelled = kind.base + " *" * kind.pointers
        value = by_type.get(spelled, by_name.get(parameter.name))
        if value is None:
            raise Undecided(
                f"needs a value for {function}()'s parameter {spelled} {parameter.name}"
            )
        found.append(value)
    return tuple(found)
