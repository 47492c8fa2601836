"""A thread as the tree of what its accesses saw, so that each of its steps is interpreted once.

A thread is determined by the values its accesses have found. The tree is keyed by them: of
thousands of schedules that show a thread the same values, the first is interpreted, the
others walk the tree and repeat what it wrote (its own stack included).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reviewer.replay.memory import BadAddress
from reviewer.replay.program import Failure, SharedMemory
from reviewer.replay.thread import AccessKind, Oops, Thread, Undecided

Cell = tuple[int, int, int]
"""Address, size in bytes, value."""


@dataclass(slots=True, eq=False)
class LocalState:
    """Where a thread stands. ``kind`` None: it ended, with ``result`` or ``failure``."""

    number: int
    saved: object
    kind: AccessKind | None
    address: int = 0
    size: int = 0
    result: int | None = None
    failure: Failure | None = None
    next: dict[int, Transition] = field(default_factory=dict)

    @property
    def words(self) -> range:
        """The 8-byte words the pending access may touch."""
        return range(self.address >> 3, (self.address + self.size - 1 >> 3) + 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What follows a step without anybody looking: ``steps`` more, to ``end``.

    ``cells`` are what they leave in memory. It holds for one ``round`` of the exploration,
    that is for one belief about which words are contended.
    """

    round: int
    steps: int
    end: LocalState
    cells: tuple[Cell, ...]


@dataclass(slots=True, eq=False)
class Transition:
    """One step: where it leads, and what it leaves in memory. ``batch`` is the explorer's."""

    target: LocalState
    cells: tuple[Cell, ...]
    batch: Batch | None = None


class Unfolding:
    """The tree of one thread, grown where the exploration asks for it.

    ``interpreted`` counts the steps that were really run.
    """

    def __init__(self, index: int, thread: Thread, memory: SharedMemory) -> None:
        self.index = index
        self.interpreted = 0
        self._thread = thread
        self._memory = memory
        self._parked: LocalState | None = None
        self._count = 0
        mark = memory.mark()
        self.root = self._run(thread.start)
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
        try:
            key = memory.load(state.address, state.size)
        except (BadAddress, Undecided):
            key = -1  # nothing is there: the thread itself says so when it is run
        else:
            if state.kind is AccessKind.STORE:
                key = -2
        found = state.next.get(key)
        if found is not None:
            for address, size, value in found.cells:
                memory.store(address, size, value)
            return found, False
        mark = memory.mark()
        self._park(state)
        self._parked = None
        target = self._run(self._thread.step)
        cells = self._cells(mark, state if key != -1 else None)
        made = state.next[key] = Transition(target, cells)
        return made, True

    def _park(self, state: LocalState) -> None:
        if self._parked is not state:
            self._thread.restore(state.saved)
            self._parked = state

    def _run(self, act: Callable[[], None]) -> LocalState:
        self.interpreted += 1
        self._count += 1
        thread = self._thread
        try:
            act()
        except Oops as oops:
            return LocalState(self._count, None, None, failure=Failure.from_oops(self.index, oops))
        except Undecided as event:
            return LocalState(
                self._count, None, None, failure=Failure.from_undecided(self.index, event)
            )
        state = LocalState(self._count, thread.save(), thread.kind, thread.address, thread.size)
        if thread.kind is None:
            state.result = thread.result
        self._parked = state
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
