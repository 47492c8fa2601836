"""A thread as the graph of its local states, so that each of its steps is interpreted once.

A thread is determined by its own state and by what its accesses load. The graph is keyed by
both: of thousands of schedules that show a thread the same values, the first is interpreted,
the others walk the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewer.replay.program import Failure, SharedMemory
from reviewer.replay.thread import AccessKind, Oops, Thread, Undecided


@dataclass(slots=True, eq=False)
class LocalState:
    """Where a thread stands. ``kind`` None: it ended, with ``result`` or ``failure``."""

    number: int
    saved: object
    kind: AccessKind | None
    address: int
    size: int
    result: int | None = None
    failure: Failure | None = None
    next: dict[int, Transition] = field(default_factory=dict)

    @property
    def words(self) -> range:
        """The 8-byte words the pending access may touch."""
        return range(self.address >> 3, (self.address + self.size - 1 >> 3) + 1)


@dataclass(slots=True, eq=False)
class Transition:
    """One step: where it leads and, if it changes memory, the value it leaves."""

    target: LocalState
    value: int
    stores: bool


class Unfolding:
    """The graph of one thread, grown where the exploration asks for it.

    ``interpreted`` counts the steps that were really run.
    """

    def __init__(self, index: int, thread: Thread, memory: SharedMemory) -> None:
        self.index = index
        self.interpreted = 0
        self._thread = thread
        self._memory = memory
        self._known: dict[object, LocalState] = {}
        self._parked: LocalState | None = None
        self._count = 0
        self.root = self._first()

    def is_ready(self, state: LocalState) -> bool:
        """Say whether the pending access may run in the memory as it is now."""
        if state.kind is not AccessKind.WAIT:
            return state.kind is not None
        self._park(state)
        return self._thread.is_ready()

    def step(self, state: LocalState) -> tuple[LocalState, bool]:
        """Make the pending step of ``state`` in memory; the flag says it was never made before."""
        memory = self._memory
        try:
            seen = memory.load(state.address, state.size)
        except Oops:
            seen = -1  # nothing is there: the thread itself says so when it is run
        key = -2 if state.kind is AccessKind.STORE and seen >= 0 else seen
        found = state.next.get(key)
        if found is not None:
            if found.stores:
                memory.store(state.address, state.size, found.value)
            return found.target, False
        target = self._interpret(state)
        value = memory.load(state.address, state.size) if seen >= 0 else 0
        stores = value != seen or state.kind is AccessKind.STORE
        state.next[key] = Transition(target, value, stores)
        return target, True

    def _park(self, state: LocalState) -> None:
        if self._parked is not state:
            self._thread.restore(state.saved)
            self._parked = state

    def _first(self) -> LocalState:
        try:
            self._thread.start()
        except (Oops, Undecided) as event:
            return self._ended(event)
        return self._arrive()

    def _interpret(self, state: LocalState) -> LocalState:
        self._park(state)
        self._parked = None
        self.interpreted += 1
        try:
            self._thread.step()
        except (Oops, Undecided) as event:
            return self._ended(event)
        return self._arrive()

    def _arrive(self) -> LocalState:
        thread = self._thread
        saved = thread.save()
        state = self._known.get(saved)
        if state is None:
            self._count += 1
            state = LocalState(self._count, saved, thread.kind, thread.address, thread.size)
            state.result = thread.result if thread.kind is None else None
            self._known[saved] = state
        self._parked = state
        return state

    def _ended(self, event: Oops | Undecided) -> LocalState:
        self._count += 1
        if isinstance(event, Oops):
            failure = Failure.from_oops(self.index, event)
        else:
            failure = Failure.from_undecided(self.index, event)
        return LocalState(self._count, None, None, 0, 0, failure=failure)
