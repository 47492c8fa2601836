"""A thread as the tree of what its accesses saw, so that each of its steps is interpreted once.

A thread is determined by the values its accesses have found. The tree is keyed by them: of
thousands of schedules that show a thread the same values, the first is interpreted, the
others walk the tree and repeat what it wrote (its own stack included).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reviewer.replay.memory.words import BadAddress
from reviewer.replay.stepping.program import Failure, SharedMemory
from reviewer.replay.stepping.thread import AccessKind, Oops, Thread, Undecided

Cell = tuple[int, int, int]
"""Address, size in bytes, value."""


@dataclass(slots=True, eq=False)
class LocalState:
    """Where a thread stands. ``kind`` None: it ended, with ``result`` or ``failure``.

    ``reads`` and ``writes`` are the words it is known to touch from here on, the pending
    access included, as bits (see Footprints). ``consulted``: the exploration relied on them.
    """

    number: int
    parent: LocalState | None
    saved: object
    kind: AccessKind | None
    address: int = 0
    size: int = 0
    result: int | None = None
    failure: Failure | None = None
    next: dict[int, Transition] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    bits: int = 0
    consulted: bool = False
    fresh: bool = False

    @property
    def words(self) -> range:
        """The 8-byte words the pending access may touch."""
        return range(self.address >> 3, (self.address + self.size - 1 >> 3) + 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What follows a step without anybody looking: ``steps`` more, to ``end``.

    ``sees`` are what they find in memory, ``cells`` what they leave there.
    """

    steps: int
    end: LocalState
    sees: tuple[Cell, ...]
    cells: tuple[Cell, ...]


@dataclass(slots=True, eq=False)
class Transition:
    """One step: where it leads, and what it leaves in memory.

    ``batches`` belong to the explorer: by what the other threads may still touch.
    """

    target: LocalState
    cells: tuple[Cell, ...]
    batches: dict[tuple[int, int], list[Batch]] = field(default_factory=dict)


class Footprints:
    """Numbers the words, and tells which of the threads touch which.

    ``grown`` is set when a state somebody relied on proves to touch more than was known, in a
    word that matters to another thread.
    """

    def __init__(self) -> None:
        self.grown = False
        self._bits: dict[int, int] = {}
        self._roots: dict[int, LocalState] = {}
        self._fresh: list[tuple[int, LocalState]] = []

    def bits_of(self, words: range) -> int:
        """Return the words as a set of bits."""
        found = 0
        for word in words:
            bit = self._bits.get(word)
            if bit is None:
                bit = self._bits[word] = 1 << len(self._bits)
            found |= bit
        return found

    def words_of(self, bits: int) -> frozenset[int]:
        """Return the words a set of bits stands for."""
        return frozenset(word for word, bit in self._bits.items() if bits & bit)

    def add_root(self, thread: int, root: LocalState) -> None:
        """Enter a thread's first state."""
        self._roots[thread] = root

    def others(self, thread: int) -> tuple[int, int]:
        """Return what the other threads ever write, and ever touch."""
        writes = touches = 0
        for index, root in self._roots.items():
            if index != thread:
                writes |= root.writes
                touches |= root.writes | root.reads
        return writes, touches

    def arrive(self, thread: int, state: LocalState) -> None:
        """Enter what a new state is about to touch."""
        if state.kind is None:
            return
        state.bits = self.bits_of(state.words)
        if state.kind is AccessKind.LOAD:
            state.reads = state.bits
        else:
            state.writes = state.bits
        state.fresh = True
        self._fresh.append((thread, state))

    def settle(self) -> None:
        """Tell the states before the new ones what lies ahead of them.

        The newest come first, so that a long way is walked once and not once for each step.
        """
        while self._fresh:
            thread, at = self._fresh.pop()
            at.fresh = False
            others_write, others_touch = self.others(thread)
            parent = at.parent
            while parent is not None:
                reads = at.reads & ~parent.reads
                writes = at.writes & ~parent.writes
                if not reads | writes:
                    break
                parent.reads |= reads
                parent.writes |= writes
                if parent.consulted and (reads & others_write or writes & others_touch):
                    self.grown = True
                if parent.fresh:
                    break
                at, parent = parent, parent.parent


class Unfolding:
    """The tree of one thread, grown where the exploration asks for it.

    ``interpreted`` counts the steps that were really run.
    """

    def __init__(
        self, index: int, thread: Thread, memory: SharedMemory, footprints: Footprints
    ) -> None:
        self.index = index
        self.interpreted = 0
        self._thread = thread
        self._memory = memory
        self._parked: LocalState | None = None
        self._count = 0
        mark = memory.mark()
        self._footprints = footprints
        self.root = self._run(thread.start, None)
        footprints.add_root(index, self.root)
        self._setup = self._cells(mark, None)

    def begin(self) -> LocalState:
        """Enter the root in a memory that was rolled back to its initial image."""
        for address, size, value in self._setup:
            self._memory.store(address, size, value)
        return self.root

    def is_ready(self, state: LocalState) -> bool:
        """Say whether the pending access may run in the memory as it is now."""
        if state.kind is not AccessKind.WAIT:
            return state.kind is not None
        self._park(state)
        return self._thread.is_ready()

    def step(self, state: LocalState) -> tuple[Transition, bool]:
        """Make the pending step of ``state`` in memory; the flag says it was never made before."""
        memory = self._memory
        seen = self.peek(state)
        key = -1 if seen is None else seen
        if state.kind is AccessKind.STORE and seen is not None:
            key = -2
        found = state.next.get(key)
        if found is not None:
            for address, size, value in found.cells:
                memory.store(address, size, value)
            return found, False
        mark = memory.mark()
        self._park(state)
        self._parked = None
        target = self._run(self._thread.step, state)
        cells = self._cells(mark, state if key != -1 else None)
        made = state.next[key] = Transition(target, cells)
        return made, True

    def fails(self, state: LocalState) -> bool:
        """Say whether the pending step would end in a failure in the memory as it is now."""
        mark = self._memory.mark()
        transition, _ = self.step(state)
        self._memory.rollback(mark)
        return transition.target.failure is not None

    def peek(self, state: LocalState) -> int | None:
        """Return what the pending access would find; None where nothing is.

        (The thread itself says that nothing is there, when it is run.)
        """
        try:
            return self._memory.load(state.address, state.size)
        except (BadAddress, Undecided):
            return None

    def _park(self, state: LocalState) -> None:
        if self._parked is not state:
            self._thread.restore(state.saved)
            self._parked = state

    def _run(self, act: Callable[[], None], parent: LocalState | None) -> LocalState:
        self.interpreted += 1
        self._count += 1
        thread = self._thread
        failure = None
        try:
            act()
        except Oops as oops:
            failure = Failure.from_oops(self.index, oops)
        except Undecided as event:
            failure = Failure.from_undecided(self.index, event)
        if failure is not None:
            return LocalState(self._count, parent, None, None, failure=failure)
        saved = thread.save()
        state = LocalState(self._count, parent, saved, thread.kind, thread.address, thread.size)
        if thread.kind is None:
            state.result = thread.result
        self._parked = state
        self._footprints.arrive(self.index, state)
        return state

    def _cells(self, mark: int, state: LocalState | None) -> tuple[Cell, ...]:
        """Return what was written since the mark; of the step's own words its own bytes only.

        Other bytes of those words are other members, which other threads may change.
        """
        memory = self._memory
        written = memory.written(mark)
        cells: list[Cell] = []
        if state is not None:
            own = [word << 3 for word in state.words]
            if any(written.pop(word, None) is not None for word in own):
                value = memory.load(state.address, state.size)
                cells.append((state.address, state.size, value))
        cells += [(word, 8, value) for word, value in written.items()]
        return tuple(cells)
