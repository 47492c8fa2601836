"""Systematic exploration: every interleaving of the threads, within a bound, as few as needed.

What is implemented, after which paper, and where it differs:

- Preemption bounding (Musuvathi, Qadeer: "Iterative context bounding for systematic testing of
  multithreaded programs", PLDI 2007). A switch away from a thread that could go on costs one;
  bounds 0, 1, 2, ... are exhausted in turn, so the first failure has the fewest preemptions.
- Partial-order reduction by independent steps (Godefroid: "Partial-order methods for the
  verification of concurrent systems", 1996, persistent sets of one thread). A step on a word
  that no other thread will touch from where it stands (or, for a load, write) commutes with
  all they will do: no switch is tried before it. (A step that ends in a failure ends the
  execution for all: it takes the others' steps away, so it commutes with none of them.)
  What a thread will touch is not known beforehand: it is learnt while exploring, for each of
  its local states, and the search is repeated when a state that was relied on proves to touch
  more (as Java PathFinder does for shared fields); the last round has met no such state, so it
  is complete. Moving a switch over such steps never adds a preemption, so the bound keeps its
  meaning.
  Differences: no sleep sets and no backtracking by happens-before as in Flanagan and Godefroid
  (POPL 2005), whose search with a preemption bound loses executions (Coons, Musuvathi,
  McKinley, OOPSLA 2013); states met again are pruned instead.
- State caching: a global state (local states, memory, who ran last) is entered again only with
  more preemptions left. Memory enters as a hash (Wolper, Leroy, 1993), so two contents with
  the same hash would be taken for one.

A loop that makes no progress leads back to a known state and ends there; one that changes
memory for ever ends at the limit on steps, and that is said. Limits are counts; seconds come
last, and the report says so when they decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewer.model.witness import Schedule
from reviewer.replay.explore.exploration import Exploration, Found, Limits
from reviewer.replay.explore.unfold import Batch, Cell, Footprints, LocalState, Unfolding
from reviewer.replay.stepping.program import Failure, Oracle, Program
from reviewer.replay.stepping.thread import AccessKind

UNBOUNDED = 1 << 30
PROGRESS_EVERY = 256


class _Stopped(Exception):  # noqa: N818 - a turn of the search, not an error
    """A limit was reached."""


@dataclass(slots=True)
class _Frame:
    """A state of the search with what is left to try from it."""

    locals: tuple[LocalState, ...]
    mark: int
    last: int
    left: int
    length: int
    steps: int
    choices: list[tuple[int, int]]


class Explorer:
    """Explores one program. ``progress`` is called now and then with the states so far."""

    def __init__(
        self,
        program: Program,
        limits: Limits,
        oracle: Oracle | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._memory = program.memory
        self._answer = program.answer
        self._limits = limits
        self._oracle = oracle
        self._progress = progress
        program.memory.rollback(0)
        self._footprints = Footprints()
        self._graphs = [
            Unfolding(i, thread, program.memory, self._footprints)
            for i, thread in enumerate(program.threads)
        ]
        self._failures: dict[Failure, Found] = {}
        self._finals: dict[tuple[int | None, ...], Schedule] = {}
        self._path: list[tuple[int, int]] = []
        self._cut = ""
        self._started = time.monotonic()
        self._total = 0
        self._budget = 0
        self._clear()

    def explore(self) -> Exploration:
        """Exhaust the bounds one after the other, and report what was met on the way."""
        bound: int | None = -1
        stopped = ""
        last = self._limits.preemptions
        bounds: list[int | None] = [None] if last is None else list(range(last + 1))
        try:
            self._learn()
            for wanted in bounds:
                self._exhaust(wanted)
                bound = wanted
        except _Stopped as stop:
            stopped = str(stop)
        return Exploration(
            failures=tuple(sorted(self._failures.values(), key=_rank)),
            finals=self._finals,
            states=self._states,
            transitions=self._transitions,
            executions=self._executions,
            interpreted=sum(graph.interpreted for graph in self._graphs),
            bound=bound,
            stopped_by=stopped or self._cut,
            contended=self._contended(),
        )

    def _clear(self) -> None:
        self._visited: dict[tuple[object, ...], int] = {}
        self._states = 0
        self._transitions = 0
        self._executions = 0

    def _learn(self) -> None:
        """Run the threads one after the other, each of them first once: the first footprint."""
        for first in range(len(self._graphs)):
            self._memory.rollback(0)
            order = [first, *(i for i in range(len(self._graphs)) if i != first)]
            at = [graph.begin() for graph in self._graphs]
            for thread in order:
                steps = 0
                while self._graphs[thread].is_ready(at[thread]):
                    if steps == self._limits.steps:
                        break
                    at[thread] = self._graphs[thread].step(at[thread])[0].target
                    steps += 1

    def _exhaust(self, bound: int | None) -> None:
        """Search until a whole search has relied on nothing that was wrong."""
        while True:
            self._clear()
            self._footprints.grown = False
            self._search(UNBOUNDED if bound is None else bound, bound is None)
            self._footprints.settle()
            if not self._footprints.grown:
                return

    def _contended(self) -> frozenset[int]:
        """Return the words that one thread writes and another one touches."""
        self._footprints.settle()
        bits = 0
        for graph in self._graphs:
            writes, touches = self._footprints.others(graph.index)
            bits |= graph.root.reads & writes | graph.root.writes & touches
        return self._footprints.words_of(bits)

    def _search(self, budget: int, unbounded: bool) -> None:
        memory = self._memory
        memory.rollback(0)
        self._path = []
        self._budget = budget
        roots = [graph.begin() for graph in self._graphs]
        for i, root in enumerate(roots):
            roots[i] = self._start(i, root, roots)
        at = tuple(roots)
        stack: list[_Frame] = []
        steps = sum(made for _, made in self._path)
        broken = [i for i, state in enumerate(at) if state.failure is not None]
        self._enter(stack, at, broken[0] if broken else -1, budget, steps, unbounded)
        while stack:
            frame = stack[-1]
            if not frame.choices:
                stack.pop()
                continue
            thread, cost = frame.choices.pop()
            memory.rollback(frame.mark)
            del self._path[frame.length :]
            here, made = self._run(thread, frame.locals)
            after = (*frame.locals[:thread], here, *frame.locals[thread + 1 :])
            self._path.append((thread, made))
            steps = frame.steps + made
            if steps > self._limits.steps:
                self._cut = f"{self._limits.steps} steps in one execution"
                continue
            self._enter(stack, after, thread, frame.left - cost, steps, unbounded)

    def _start(self, thread: int, state: LocalState, at: Sequence[LocalState]) -> LocalState:
        """Let a thread make the steps before its first contended one."""
        if not self._goes_first(thread, at):
            return state
        state, made = self._run(thread, at)
        self._path.append((thread, made))
        return state

    def _enter(
        self,
        stack: list[_Frame],
        at: tuple[LocalState, ...],
        last: int,
        left: int,
        steps: int,
        unbounded: bool,
    ) -> None:
        """Push the state unless it is an end or was entered with as much left before."""
        if last >= 0 and at[last].failure is not None:
            self._fail(at[last].failure, left)
            return
        key: tuple[object, ...] = (*(s.number for s in at), self._memory.digest)
        if unbounded:
            if key in self._visited:
                return
        else:
            key = (*key, last)
            if self._visited.get(key, -1) >= left:
                return
        self._visited[key] = left
        self._count_state()
        enabled = [i for i, graph in enumerate(self._graphs) if graph.is_ready(at[i])]
        if not enabled:
            self._end(at, left)
            return
        going_on = last in enabled
        choices = [(i, 0 if not going_on or i == last else 1) for i in enabled]
        if going_on and self._goes_first(last, at):
            choices = [(last, 0)]
        choices = [(i, cost) for i, cost in choices if cost <= left]
        choices.sort(key=lambda choice: (choice[0] != last, choice[0]), reverse=True)
        mark = self._memory.mark()
        stack.append(_Frame(at, mark, last, left, len(self._path), steps, choices))

    def _futures(self, thread: int, at: Sequence[LocalState]) -> tuple[int, int]:
        """Return what the others will write, and touch, from where they stand."""
        self._footprints.settle()
        writes = touches = 0
        for i, state in enumerate(at):
            if i != thread:
                writes |= state.writes
                touches |= state.writes | state.reads
                state.consulted = True
        return writes, touches

    def _goes_first(self, thread: int, at: Sequence[LocalState]) -> bool:
        """Say whether the thread's step may be made before all that the others can do."""
        state = at[thread]
        return self._is_free(state, *self._futures(thread, at)) and not self._graphs[thread].fails(
            state
        )

    def _is_free(self, state: LocalState, writes: int, touches: int) -> bool:
        """Say whether nobody can tell the pending step from those before it, unless it fails."""
        if state.kind is None or state.kind is AccessKind.WAIT or not self._limits.reduce:
            return False
        return not state.bits & (writes if state.kind is AccessKind.LOAD else touches)

    def _run(self, thread: int, at: Sequence[LocalState]) -> tuple[LocalState, int]:
        """Make a step, and then those that no other thread can tell from one step."""
        transition, _ = self._graphs[thread].step(at[thread])
        writes, touches = self._futures(thread, at)
        target = transition.target
        key = (writes & (target.reads | target.writes), touches & target.writes)
        batch = self._find_batch(transition.batches.get(key, ()))
        if batch is None:
            batch = self._make_batch(thread, target, writes, touches)
            self._footprints.settle()  # only now is it known what this way touches
            key = (writes & (target.reads | target.writes), touches & target.writes)
            transition.batches.setdefault(key, []).append(batch)
        else:
            store = self._memory.store
            for address, size, value in batch.cells:
                store(address, size, value)
        self._transitions += 1 + batch.steps
        return batch.end, 1 + batch.steps

    def _find_batch(self, batches: Sequence[Batch]) -> Batch | None:
        """Return the one that begins in the memory as it is now."""
        load = self._memory.load
        for batch in batches:
            if all(load(address, size) == value for address, size, value in batch.sees):
                return batch
        return None

    def _make_batch(self, thread: int, state: LocalState, writes: int, touches: int) -> Batch:
        """Go on to the next contended access, or to a step that fails."""
        steps = 0
        sees: list[Cell] = []
        cells: dict[tuple[int, int], int] = {}
        own: set[tuple[int, int]] = set()
        graph = self._graphs[thread]
        while self._is_free(state, writes, touches) and steps <= self._limits.steps:
            if graph.fails(state):
                break
            place = (state.address, state.size)
            value = graph.peek(state)
            if state.kind is not AccessKind.STORE and place not in own and value is not None:
                sees.append((*place, value))
            if state.kind is not AccessKind.LOAD:
                own.add(place)
            transition, _ = graph.step(state)
            for address, size, left in transition.cells:
                cells.pop((address, size), None)  # the last store to a place comes last
                cells[address, size] = left
            state = transition.target
            steps += 1
        flat = tuple((address, size, value) for (address, size), value in cells.items())
        return Batch(steps, state, tuple(sees), flat)

    def _count_state(self) -> None:
        self._states += 1
        self._total += 1
        if self._states > self._limits.states:
            raise _Stopped(f"{self._limits.states} states")
        if self._total % PROGRESS_EVERY == 0:
            if self._progress is not None:
                self._progress(self._total)
            if time.monotonic() - self._started > self._limits.seconds:
                raise _Stopped(f"{self._limits.seconds:g} seconds (not repeatable)")

    def _schedule(self) -> Schedule:
        return Schedule(tuple(t for thread, steps in self._path for t in (thread,) * steps))

    def _fail(self, failure: Failure | None, left: int) -> None:
        assert failure is not None
        self._executions += 1
        length = sum(steps for _, steps in self._path)
        known = self._failures.get(failure)
        used = self._budget - left
        if known is None or (used, length) < (known.preemptions, len(known.schedule.threads)):
            self._failures[failure] = Found(failure, self._schedule(), used)

    def _end(self, at: Sequence[LocalState], left: int) -> None:
        if any(state.kind is not None for state in at):
            names = [str(i) for i, state in enumerate(at) if state.kind is not None]
            self._fail(Failure("deadlock", -1, f"threads {' '.join(names)} wait for ever"), left)
            return
        results = tuple(self._answer([state.result for state in at]))
        wrong = self._oracle(self._memory, results) if self._oracle else ""
        if wrong:
            self._fail(Failure("oracle", -1, wrong), left)
            return
        self._executions += 1
        if results not in self._finals:
            self._finals[results] = self._schedule()


def _rank(found: Found) -> tuple[int, int, str, str, int]:
    failure = found.failure
    length = len(found.schedule.threads)
    return (found.preemptions, length, failure.text, failure.path, failure.line)
