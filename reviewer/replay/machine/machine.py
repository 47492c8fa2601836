"""One simulated machine: a tree's code, its memory image, and what boot would have set up.

Everything a scenario says about the world stands here (which pages exist, the value of a
global, the position of a static key); what it does not say and the code asks is Undecided.
Functions are lowered once, when first called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reviewer.model.ctree import Declare, FunctionDef, Span
from reviewer.model.facts import Skipped
from reviewer.replay.machine.code import Code
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.memory.layout import Types
from reviewer.replay.memory.valuetype import (
    LONG,
    WORD,
    ArrayType,
    IntType,
    PointerType,
    StructType,
    ValueType,
)
from reviewer.replay.memory.words import (
    CONSTANT_LOW,
    SHARED_LOW,
    TEXT_LOW,
    VMEMMAP,
    VMEMMAP_END,
    Memory,
    SimulatedObject,
)
from reviewer.replay.stepping.thread import Undecided

GLOBAL_LIMIT = 1 << 22  # bytes of one variable
HEAP = 1 << 17  # bytes
STATISTICS = 256  # more vmstat items than any tree has


@dataclass(slots=True, eq=False)
class Function:
    """A lowered function. ``registers`` is their number, ``stack`` its frame in bytes."""

    name: str
    path: str
    definition: FunctionDef
    code: Code
    registers: int
    stack: int

    def enter(self, base: int, args: list[int]) -> list[int]:
        """Return a frame's registers: pending address, stack, parameters, the rest zero.

        Variables begin at zero, as with CONFIG_INIT_STACK_ALL_ZERO.
        """
        return [0, base, *args, *([0] * (self.registers - 2 - len(args)))]


@dataclass(frozen=True, slots=True)
class Global:
    """A file-scope variable of the simulated kernel."""

    address: int
    type: ValueType


Lowering = Callable[["Machine", FunctionDef, str], Function]
Image = Callable[["Machine", Declare, str], "Global"]


class Machine:
    """The simulated machine; threads share it.

    ``lowering`` turns a body into a Function; ``image`` lays out a variable that keeps its value.
    """

    def __init__(self, code: CodeSource, lowering: Lowering, image: Image) -> None:
        self.code = code
        self.memory = Memory()
        self.types = Types(code)
        self.static_keys: dict[str, bool] = {}
        self.named: set[str] = set()  # enumerators that the code lowered so far names
        self.first_pfn = 0
        self.page_count = 0
        self._lowering = lowering
        self._image = image
        self._globals: dict[str, Global] = {}
        self._constants: dict[tuple[str, str], Global | None] = {}
        self._unseen: dict[str, int] = {}
        self._functions: dict[tuple[str, str], Function] = {}
        self._bodies: dict[tuple[str, str], tuple[FunctionDef | Skipped | None, str]] = {}
        self._addresses: dict[tuple[str, str], int] = {}
        self._at: dict[int, tuple[str, str]] = {}
        self._strings: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    # ---- code ------------------------------------------------------------------------------

    def find_definition(self, name: str, near: str) -> FunctionDef | Skipped | None:
        """Return the body a caller in file ``near`` means; None when there is no such function."""
        return self._find(name, near)[0]

    def _find(self, name: str, near: str) -> tuple[FunctionDef | Skipped | None, str]:
        key = (name, near)
        known = self._bodies.get(key)
        if known is None:
            facts = self.code.find_function(name, near)
            known = (None, "") if facts is None else (self.code.body(facts), facts.path)
            self._bodies[key] = known
        return known

    def function(self, name: str, near: str, span: Span | None = None) -> Function:
        """Return the lowered function, or stop: it is not in the tree, or cannot be read."""
        definition, path = self._find(name, near)
        if definition is None:
            raise Undecided(f"needs {name}", span)
        if isinstance(definition, Skipped):
            raise Undecided(f"needs {name} ({definition.reason})", span)
        key = (path, definition.name)
        known = self._functions.get(key)
        if known is None or known.definition is not definition:
            known = self._functions[key] = self._lowering(self, definition, path)
        return known

    def functions(self) -> frozenset[tuple[str, str]]:
        """Return the (path, name) of the functions that were lowered, which is: called."""
        return frozenset(self._functions)

    def function_address(self, name: str, near: str) -> int:
        """Return the address that stands for a function when it is taken as a value."""
        key = (name, near)
        address = self._addresses.get(key)
        if address is None:
            address = self._addresses[key] = TEXT_LOW + 16 * len(self._addresses)
            self._at[address] = key
        return address

    def function_named_at(self, address: int) -> tuple[str, str]:
        """Return name and file of the function a stored pointer leads to, ("", "") for none."""
        return self._at.get(address, ("", ""))

    def function_at(self, address: int, span: Span | None) -> Function:
        """Return the function a pointer leads to."""
        key = self._at.get(address)
        if key is None:
            raise Undecided(f"needs the function at {address:#x}", span)
        return self.function(*key, span)

    # ---- data ------------------------------------------------------------------------------

    def define_global(
        self, name: str, kind: ValueType, value: int, *, constant: bool = False
    ) -> int:
        """Give a file-scope variable its initial value; a ``constant`` is never a step."""
        region = CONSTANT_LOW if constant else SHARED_LOW
        size = self.types.size(kind)
        if size > GLOBAL_LIMIT:
            raise Undecided(f"needs {name}, an object of {size} bytes")
        address = self.memory.allocate(name, size, region)
        for at in range(0, size, 8):
            self.memory.words[address + at] = value >> (at * 8) & WORD
        self._globals[name] = Global(address, kind)
        return address

    def find_global(self, name: str) -> Global | None:
        """Return a variable the scenario defines."""
        return self._globals.get(name)

    def find_constant(self, name: str, near: str) -> Global | None:
        """Return a static variable of the file ``near`` that keeps the value it begins with."""
        key = (name, near)
        if key not in self._constants:
            declared = self.code.find_constant(name, near)
            self._constants[key] = None
            if declared is not None and declared.static:  # others have one address in all files
                self._constants[key] = self._image(self, declared, near)
        return self._constants[key]

    def set_address(self, name: str, address: int) -> None:
        """Say where a variable lies that the scenario has made."""
        self._unseen[name] = address

    def find_address(self, name: str) -> int:
        """Return the address of a variable: of one nobody made, nobody may look into it."""
        address = self._unseen.get(name)
        if address is None:
            address = self._unseen[name] = self.memory.opaque(name)
        return address

    def string(self, text: str) -> int:
        """Return the address of a string literal."""
        address = self._strings.get(text)
        if address is None:
            data = text.encode("utf-8") + b"\0"
            address = self.memory.allocate("string", len(data), CONSTANT_LOW, align=8)
            words = self.memory.words
            for at in range(0, len(data), 8):
                words[address + at] = int.from_bytes(data[at : at + 8], "little")
            self._strings[text] = address
            self._texts[address] = text
        return address

    def text_at(self, address: int) -> str:
        """Return the string literal at an address, empty if there is none."""
        return self._texts.get(address, "")

    def member_namer(self, kind: ValueType) -> Callable[[int, object], str] | None:
        """Return a function that names what lies at an offset of a struct."""
        if not isinstance(kind, StructType):
            return None

        def name(offset: int, wanted: object) -> str:
            shape = wanted if isinstance(wanted, IntType | PointerType | StructType) else None
            return self.types.member_at(kind, offset, shape)

        return name

    def statistics(self, name: str = "vm_stat") -> int:
        """Return the address of the vmstat items (or "vm_event"): 8 bytes each, by number."""
        known = self._globals.get(name)
        if known is None:
            items = ArrayType(LONG, STATISTICS)
            return self.define_global(name, items, 0, constant=True)
        return known.address

    def heap(self) -> tuple[int, int]:
        """Return where the heap begins, which is its first word, and how long it is."""
        known = self._globals.get("heap")
        kind = ArrayType(LONG, HEAP // 8)
        address = self.define_global("heap", kind, 0) if known is None else known.address
        return address, HEAP

    def deferred_split_queue(self) -> int:
        """Return the address of the one ``struct deferred_split``, empty at first."""
        known = self._globals.get("deferred_split_queue")
        if known is not None:
            return known.address
        kind = self.types.struct("struct deferred_split")
        address = self.define_global("deferred_split_queue", kind, 0)
        head = address + self.types.member(kind, "split_queue").offset
        self.memory.words[head] = self.memory.words[head + 8] = head
        return address

    # ---- pages -----------------------------------------------------------------------------

    def make_pages(self, first_pfn: int, count: int, named_from: int | None = None) -> int:
        """Add zeroed ``struct page``s for a pfn range; return the address of the first.

        Traces number them from ``named_from`` (default: the first one). One range a machine.
        """
        page = self.types.struct("struct page")
        stride = self.types.size(page)
        start = VMEMMAP + first_pfn * stride
        origin = first_pfn if named_from is None else named_from
        self.memory.place(
            SimulatedObject(
                start,
                count * stride,
                "page",
                stride=stride,
                first=first_pfn - origin,
                member=self.member_namer(page),
            )
        )
        self.first_pfn = first_pfn
        self.page_count = count
        return start

    def page_address(self, pfn: int) -> int:
        """Return the address of a pfn's ``struct page``, as ``pfn_to_page`` does."""
        return VMEMMAP + pfn * self.types.size(self.types.struct("struct page"))

    def page_pfn(self, address: int) -> int:
        """Return the pfn of a ``struct page``, as ``page_to_pfn`` does."""
        if not VMEMMAP <= address < VMEMMAP_END:
            raise Undecided(f"needs the pfn of {address:#x}, which is no struct page")
        return (address - VMEMMAP) // self.types.size(self.types.struct("struct page"))

    def is_online(self, pfn: int) -> bool:
        """Say whether the pfn has a ``struct page`` here."""
        return self.first_pfn <= pfn < self.first_pfn + self.page_count
