"""Systematic exploration: every interleaving of the threads, within a bound, as few as needed.

What is implemented, after which paper, and where it differs:

- Preemption bounding (Musuvathi, Qadeer: "Iterative context bounding for systematic testing of
  multithreaded programs", PLDI 2007). A switch away from a thread that could go on costs one;
  bounds 0, 1, 2, ... are exhausted in turn, so the first failure has the fewest preemptions.
- Partial-order reduction by independent steps (Godefroid: "Partial-order methods for the
  verification of concurrent systems", 1996, persistent sets of one thread). A step on a word
  that only its thread touches, or that nobody writes, commutes with every step of the others:
  no switch is tried before it. Which words those are is not known beforehand: it is learnt
  while exploring, and the search starts again when a word proves to be contended (as Java
  PathFinder does for shared fields); the last round has met no such word, so it is complete.
  Moving a switch over such steps never adds a preemption, so the bound keeps its meaning.
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
from reviewer.replay.exploration import Exploration, Found, Limits
from reviewer.replay.program import Failure, Oracle, Program
from reviewer.replay.thread import AccessKind
from reviewer.replay.unfold import Batch, LocalState, Transition, Unfolding

UNBOUNDED = 1 << 30
PROGRESS_EVERY = 2048


class _Grown(Exception):  # noqa: N818 - a turn of the search, not an error
    """A word proved to be contended: what was batched over it must be tried again."""


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
        self._graphs = [
            Unfolding(i, thread, program.memory) for i, thread in enumerate(program.threads)
        ]
        self._readers: dict[int, int] = {}
        self._writers: dict[int, int] = {}
        self._contended: set[int] = set()
        self._failures: dict[Failure, Found] = {}
        self._finals: dict[tuple[int | None, ...], Schedule] = {}
        self._path: list[tuple[int, int]] = []
        self._cut = ""
        self._started = time.monotonic()
        self._total = 0
        self._round = 0
        self._searching = False
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
            contended=frozenset(self._contended),
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
                    at[thread] = self._step(thread, at[thread]).target
                    steps += 1
        self._contended = self._shared()
        self._round += 1
        self._searching = True

    def _exhaust(self, bound: int | None) -> None:
        while True:
            self._clear()
            try:
                self._search(UNBOUNDED if bound is None else bound, bound is None)
            except _Grown:
                self._contended = self._shared()
                self._round += 1
                continue
            return

    def _shared(self) -> set[int]:
        """Words that one thread writes and another one touches."""
        shared = set()
        for word, writers in self._writers.items():
            users = writers | self._readers.get(word, 0)
            if users & (users - 1):
                shared.add(word)
        return shared

    def _search(self, budget: int, unbounded: bool) -> None:
        memory = self._memory
        memory.rollback(0)
        self._path = []
        self._budget = budget
        roots = [graph.begin() for graph in self._graphs]
        at = tuple(self._start(i, state) for i, state in enumerate(roots))
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
            here, made = self._run(thread, frame.locals[thread])
            after = (*frame.locals[:thread], here, *frame.locals[thread + 1 :])
            self._path.append((thread, made))
            steps = frame.steps + made
            if steps > self._limits.steps:
                self._cut = f"{self._limits.steps} steps in one execution"
                continue
            self._enter(stack, after, thread, frame.left - cost, steps, unbounded)

    def _start(self, thread: int, state: LocalState) -> LocalState:
        """Let a thread make the steps before its first contended one."""
        if self._ends_batch(state):
            return state
        state, made = self._run(thread, state)
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
        choices = [(i, cost) for i, cost in choices if cost <= left]
        choices.sort(key=lambda choice: (choice[0] != last, choice[0]), reverse=True)
        mark = self._memory.mark()
        stack.append(_Frame(at, mark, last, left, len(self._path), steps, choices))

    def _ends_batch(self, state: LocalState) -> bool:
        """Say whether another thread may be let in before the pending step."""
        if state.kind is None or state.kind is AccessKind.WAIT or not self._limits.reduce:
            return True
        contended = self._contended
        return any(word in contended for word in state.words)

    def _run(self, thread: int, state: LocalState) -> tuple[LocalState, int]:
        """Make a step, and then those that no other thread can tell from one step."""
        transition = self._step(thread, state)
        batch = transition.batch
        if batch is None or batch.round != self._round:
            batch = transition.batch = self._make_batch(thread, transition.target)
        else:
            store = self._memory.store
            for address, size, value in batch.cells:
                store(address, size, value)
        self._transitions += 1 + batch.steps
        return batch.end, 1 + batch.steps

    def _make_batch(self, thread: int, state: LocalState) -> Batch:
        """Go on to the next contended access. What is found on the way is always the same.

        No other thread writes the words in between, so the way depends on the state alone.
        """
        steps = 0
        cells: dict[tuple[int, int], int] = {}
        while not self._ends_batch(state) and steps <= self._limits.steps:
            transition = self._step(thread, state)
            for address, size, value in transition.cells:
                cells.pop((address, size), None)  # the last store to a place comes last
                cells[address, size] = value
            state = transition.target
            steps += 1
        flat = tuple((address, size, value) for (address, size), value in cells.items())
        return Batch(self._round, steps, state, flat)

    def _step(self, thread: int, state: LocalState) -> Transition:
        transition, new = self._graphs[thread].step(state)
        if new:
            bit = 1 << thread
            table = self._readers if state.kind is AccessKind.LOAD else self._writers
            for word in state.words:
                if not table.get(word, 0) & bit:
                    table[word] = table.get(word, 0) | bit
                    self._check_growth(word)
        return transition

    def _check_growth(self, word: int) -> None:
        writers = self._writers.get(word, 0)
        users = writers | self._readers.get(word, 0)
        if self._searching and writers and users & (users - 1) and word not in self._contended:
            raise _Grown

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
