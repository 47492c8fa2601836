"""The simulated address space: words of eight bytes, an array of struct pages, an undo log.

Accesses are atomic and lie within one word; a wider object is accessed word by word by its
user. Where things lie follows x86-64: what one thread has for itself (its stack, user
memory) and constants lie outside [SHARED_LOW, SHARED_HIGH), so an address says whether an
access is a step. Knows nothing of C syntax.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from reviewer.replay.stepping.thread import Undecided

USER_LOW = 0x00007F0000000000
OPAQUE_LOW = 0xFFFF100000000000  # objects that exist but have no contents here
OPAQUE_HIGH = 0xFFFF200000000000
SHARED_LOW = 0xFFFF888000000000  # the direct map: objects allocated on demand
VMEMMAP = 0xFFFFEA0000000000  # x86-64 without KASLR
VMEMMAP_END = 0xFFFFEB0000000000
SHARED_HIGH = 0xFFFFFE0000000000
STACK_LOW = 0xFFFFFE0000000000
STACK_SIZE = 1 << 24
TEXT_LOW = 0xFFFFFFFF81000000  # functions, 16 bytes each
CONSTANT_LOW = 0xFFFFFFFF82000000  # data nobody writes

RESERVED = 1 << 28  # of the direct map, for addresses a scenario chooses itself

_WORD = 8
_FULL = (1 << 64) - 1


class BadAddress(Exception):  # noqa: N818 - becomes a MemoryFault where the source line is known
    """Nothing is at this address."""

    def __init__(self, address: int) -> None:
        super().__init__(f"{address:#x}")
        self.address = address


@dataclass(frozen=True, slots=True)
class SimulatedObject:
    """A named piece of memory; ``stride`` > 0 makes it an array whose elements are numbered.

    ``member`` names what lies at an offset of one element, given the type it is accessed as
    ("" when it has no name).
    """

    start: int
    size: int
    name: str
    stride: int = 0
    first: int = 0
    member: Callable[[int, object], str] | None = None

    def place(self, address: int, member: str, kind: object) -> str:
        """Name the address, through ``member`` when the source says which one it used."""
        offset = address - self.start
        name = self.name
        if self.stride:
            index, offset = divmod(offset, self.stride)
            name = f"{name}[{index + self.first}]"
        if not member and self.member is not None:
            member = self.member(offset, kind)
        if member:
            return f"{name}.{member}"
        return f"{name}+{offset:#x}" if offset else name


class Memory:
    """Words by address. ``rollback(0)`` is the initial image, sealed by ``seal``."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self.digest = 0
        self._journal: list[tuple[int, int, int]] = []
        self._objects: list[SimulatedObject] = []
        self._starts: list[int] = []
        self._next = {
            USER_LOW: USER_LOW,
            SHARED_LOW: SHARED_LOW + RESERVED,
            OPAQUE_LOW: OPAQUE_LOW,
            CONSTANT_LOW: CONSTANT_LOW,
        }

    # ---- what is where -------------------------------------------------------------------

    def allocate(
        self,
        name: str,
        size: int,
        region: int = SHARED_LOW,
        align: int = 64,
        member: Callable[[int, object], str] | None = None,
    ) -> int:
        """Add a zeroed object and return its address. It belongs to the initial image."""
        start = -(-self._next[region] // align) * align
        self._next[region] = start + max(size, 1)
        self.place(SimulatedObject(start, size, name, member=member))
        return start

    def opaque(self, name: str) -> int:
        """Return the address of an object that is there but must not be looked into."""
        start = self._next[OPAQUE_LOW]
        self._next[OPAQUE_LOW] = start + 0x10000
        self._index(SimulatedObject(start, 0x10000, name))
        return start

    def place(self, thing: SimulatedObject) -> None:
        """Add a zeroed object at its address. It belongs to the initial image."""
        words = self.words
        for address in range(thing.start & -_WORD, thing.start + thing.size, _WORD):
            words.setdefault(address, 0)
        self._index(thing)

    def _index(self, thing: SimulatedObject) -> None:
        at = bisect.bisect(self._starts, thing.start)
        self._starts.insert(at, thing.start)
        self._objects.insert(at, thing)

    def find_object(self, address: int) -> SimulatedObject | None:
        """Return the object that holds the address."""
        at = bisect.bisect(self._starts, address) - 1
        if at >= 0:
            thing = self._objects[at]
            if address < thing.start + thing.size:
                return thing
        return None

    def describe(self, address: int, member: str = "", kind: object = None) -> str:
        """Name a place as the kernel's source would: "page[397].compound_head"."""
        thing = self.find_object(address)
        return thing.place(address, member, kind) if thing else f"*{address:#x}"

    # ---- access --------------------------------------------------------------------------

    def _missing(self, address: int) -> Exception:
        if VMEMMAP <= address < VMEMMAP_END:
            return Undecided(f"needs the struct page at {address:#x}, outside the scenario")
        if OPAQUE_LOW <= address < OPAQUE_HIGH:
            return Undecided(f"needs the contents of a {self.describe(address)}")
        return BadAddress(address)

    def load(self, address: int, size: int) -> int:
        """Return ``size`` bytes (at most a word, within one) as an unsigned number."""
        word = address & -_WORD
        try:
            value = self.words[word]
        except KeyError:
            raise self._missing(address) from None
        if size == _WORD and word == address:
            return value
        shift = address - word
        if shift + size > _WORD:
            raise Undecided(f"needs an access of {size} bytes across words at {address:#x}")
        return value >> (shift * 8) & ((1 << (size * 8)) - 1)

    def store(self, address: int, size: int, value: int) -> None:
        """Store the low ``size`` bytes of ``value`` (any sign)."""
        words = self.words
        word = address & -_WORD
        try:
            old = words[word]
        except KeyError:
            raise self._missing(address) from None
        if size == _WORD and word == address:
            new = value & _FULL
        else:
            shift = address - word
            if shift + size > _WORD:
                raise Undecided(f"needs an access of {size} bytes across words at {address:#x}")
            mask = (1 << (size * 8)) - 1
            new = old & ~(mask << (shift * 8)) | (value & mask) << (shift * 8)
        self._journal.append((word, old, self.digest))
        if new != old:
            self.digest ^= hash((word, old)) ^ hash((word, new))
            words[word] = new

    def set_up(self, address: int, size: int, value: int) -> None:
        """Give the initial image a value: nothing to undo, whenever it becomes known."""
        word = address & -_WORD
        shift, mask = (address - word) * 8, (1 << (size * 8)) - 1
        self.words[word] = self.words[word] & ~(mask << shift) | (value & mask) << shift

    def clear(self, address: int, size: int) -> None:
        """Zero a stretch of own memory (a new frame), adding the words that are not there."""
        words = self.words
        for word in range(address & -_WORD, address + size, _WORD):
            if words.setdefault(word, 0):
                self.store(word, _WORD, 0)

    # ---- undo ----------------------------------------------------------------------------

    def seal(self) -> None:
        """Make the present contents the initial image: what ``rollback(0)`` returns to."""
        self._journal.clear()
        self.digest = 0

    def mark(self) -> int:
        """Return a point to roll back to; it stays valid until memory is rolled back past it."""
        return len(self._journal)

    def written(self, mark: int) -> dict[int, int]:
        """Return the words stored to since ``mark``, by address, with what they hold now."""
        words = self.words
        return {entry[0]: words[entry[0]] for entry in self._journal[mark:]}

    def rollback(self, mark: int) -> None:
        """Undo every store since ``mark``."""
        journal = self._journal
        words = self.words
        while len(journal) > mark:
            word, old, digest = journal.pop()
            words[word] = old
            self.digest = digest
