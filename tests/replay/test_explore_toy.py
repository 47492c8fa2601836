"""The explorer on threads of a few lines, where the right answer is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewer.model.witness import Schedule
from reviewer.replay.explore.exploration import Limits
from reviewer.replay.explore.schedulers.drive import drive
from reviewer.replay.explore.schedulers.given import Given
from reviewer.replay.explore.schedulers.pct import Pct
from reviewer.replay.explore.schedulers.shrink import shrink
from reviewer.replay.explore.schedulers.walk import RandomWalk
from reviewer.replay.explore.systematic import Explorer
from reviewer.replay.stepping.program import Program
from reviewer.replay.stepping.thread import (
    Access,
    AccessKind,
    AssertionFired,
    Body,
    ScriptedThread,
    Undecided,
)


class ToyMemory:
    """Words in a dict, with an undo log."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self.log: list[tuple[int, int]] = []

    @property
    def digest(self) -> int:
        return hash(tuple(sorted((k, v) for k, v in self.words.items() if v)))

    def mark(self) -> int:
        return len(self.log)

    def rollback(self, mark: int) -> None:
        while len(self.log) > mark:
            address, old = self.log.pop()
            self.words[address] = old

    def load(self, address: int, size: int) -> int:
        assert size == 8
        return self.words.get(address, 0)

    def store(self, address: int, size: int, value: int) -> None:
        assert size == 8
        self.log.append((address, self.words.get(address, 0)))
        self.words[address] = value

    def written(self, mark: int) -> dict[int, int]:
        return {address: self.words[address] for address, _ in self.log[mark:]}


def access(
    kind: AccessKind,
    word: int,
    perform: Callable[[], int],
    ready: Callable[[], bool] | None = None,
) -> Access:
    return Access(kind, word * 8, 8, "toy", "toy.c", word, f"w{word}", perform, ready)


class Toy:
    """Writes threads down shortly; each access is one yield."""

    def __init__(self) -> None:
        self.memory = ToyMemory()
        self.threads: list[ScriptedThread] = []

    def load(self, word: int) -> Access:
        return access(AccessKind.LOAD, word, lambda: self.memory.load(word * 8, 8))

    def store(self, word: int, value: int) -> Access:
        def perform() -> int:
            self.memory.store(word * 8, 8, value)
            return 0

        return access(AccessKind.STORE, word, perform)

    def add(self, word: int, value: int) -> Access:
        def perform() -> int:
            old = self.memory.load(word * 8, 8)
            self.memory.store(word * 8, 8, old + value)
            return old

        return access(AccessKind.RMW, word, perform)

    def lock(self, word: int) -> Access:
        def perform() -> int:
            self.memory.store(word * 8, 8, 1)
            return 0

        return access(AccessKind.WAIT, word, perform, lambda: not self.memory.load(word * 8, 8))

    def spawn(self, body: Callable[[], Body]) -> None:
        self.threads.append(ScriptedThread(f"CPU {len(self.threads)}", body))

    def program(self) -> Program:
        return Program(tuple(self.threads), self.memory)


def explore(toy: Toy, **limits: object):  # type: ignore[no-untyped-def] # limits vary in type
    given_limits = {"preemptions": None, **limits}
    return Explorer(toy.program(), Limits(**given_limits)).explore()  # type: ignore[arg-type] # as above


def store_buffering() -> Toy:
    toy = Toy()

    def side(mine: int, other: int) -> Callable[[], Body]:
        def body() -> Body:
            yield toy.store(mine, 1)
            return (yield toy.load(other))

        return body

    toy.spawn(side(0, 1))
    toy.spawn(side(1, 0))
    return toy


def lost_update(rmw: bool) -> Toy:
    toy = Toy()

    def body() -> Body:
        if rmw:
            return (yield toy.add(0, 1))
        value = yield toy.load(0)
        yield toy.store(0, value + 1)
        return value

    toy.spawn(body)
    toy.spawn(body)
    return toy


def test_store_buffering_without_reordering_never_reads_zero_twice() -> None:
    found = explore(store_buffering())
    assert set(found.finals) == {(0, 1), (1, 0), (1, 1)}
    assert not found.failures
    assert found.stopped_by == ""


@pytest.mark.parametrize(("rmw", "both_zero"), [(False, True), (True, False)])
def test_an_update_is_lost_only_between_a_load_and_a_store(rmw: bool, both_zero: bool) -> None:
    assert ((0, 0) in explore(lost_update(rmw)).finals) is both_zero


def test_a_lost_update_needs_one_preemption() -> None:
    assert (0, 0) not in explore(lost_update(False), preemptions=0).finals
    assert (0, 0) in explore(lost_update(False), preemptions=1).finals


def test_a_lock_keeps_the_update() -> None:
    toy = Toy()

    def body() -> Body:
        yield toy.lock(1)
        value = yield toy.load(0)
        yield toy.store(0, value + 1)
        yield toy.store(1, 0)
        return value

    toy.spawn(body)
    toy.spawn(body)
    found = explore(toy)
    assert set(found.finals) == {(0, 1), (1, 0)}
    assert not found.failures


def test_two_locks_in_two_orders_deadlock() -> None:
    toy = Toy()

    def side(first: int, second: int) -> Callable[[], Body]:
        def body() -> Body:
            yield toy.lock(first)
            yield toy.lock(second)
            yield toy.store(second, 0)
            yield toy.store(first, 0)
            return 0

        return body

    toy.spawn(side(0, 1))
    toy.spawn(side(1, 0))
    found = explore(toy)
    assert [f.failure.kind for f in found.failures] == ["deadlock"]
    assert found.failures[0].preemptions == 1
    assert found.finals


def freed_head(pages: int, checks_first: bool) -> Toy:
    """The seed's race by hand: words 0 (head's flag), 1.. (tails' head pointers)."""
    toy = Toy()
    toy.memory.words = {0: 1, **{i * 8: 1 for i in range(1, pages)}}

    def reader() -> Body:
        if not (yield toy.load(pages - 1)):
            return 0
        if checks_first and not (yield toy.load(0)):
            return 0
        if not (yield toy.load(0)):
            raise AssertionFired("VM_BUG_ON_PAGE(!PageHead(page))", 0, "toy.h", 7, "PageDoubleMap")
        return 1

    def free() -> Body:
        for page in range(1, pages):
            yield toy.store(page, 0)
        yield toy.store(0, 0)
        return 0

    toy.spawn(reader)
    toy.spawn(free)
    return toy


@pytest.mark.parametrize("checks_first", [False, True])
def test_a_free_between_two_loads_is_found(checks_first: bool) -> None:
    toy = freed_head(64, checks_first)
    found = explore(toy, preemptions=2)
    assert [f.failure.text for f in found.failures] == ["VM_BUG_ON_PAGE(!PageHead(page))"]
    assert found.failures[0].preemptions == 1
    assert set(found.finals) == {(0, 0), (1, 0)}
    assert found.states < 60, "stores to words nobody else reads must cost no state"


def test_a_failure_replays_to_itself_and_shrinks() -> None:
    toy = freed_head(8, True)
    program = toy.program()
    found = explore(toy, preemptions=3).failures[0]
    again = drive(program, Given(found.schedule), 1000, trace=True)
    assert again.failure == found.failure
    assert again.schedule == found.schedule
    assert len(again.trace) == len(found.schedule.threads)
    assert again.trace[-1].text == "load w0 = 0x0"
    wordy = Schedule((0, 1, 0, *([1] * 7), 0))
    assert drive(program, Given(wordy), 1000).failure == found.failure
    small = shrink(program, wordy, found.failure)
    assert len(small.threads) <= len(wordy.threads)
    assert drive(program, Given(small), 1000).failure == found.failure


def test_what_is_not_modelled_is_named() -> None:
    toy = Toy()

    def body() -> Body:
        yield toy.load(0)
        raise Undecided("needs frobnicate")

    toy.spawn(body)
    found = explore(toy)
    assert [(f.failure.kind, f.failure.text) for f in found.failures] == [
        ("undecided", "needs frobnicate")
    ]


def test_a_loop_that_writes_for_ever_is_cut_off_and_said() -> None:
    toy = Toy()

    def body() -> Body:
        while True:
            yield toy.add(0, 1)

    toy.spawn(body)
    found = explore(toy, steps=200)
    assert found.stopped_by == "200 steps in one execution"
    assert not found.finals


def test_the_limit_on_states_is_said() -> None:
    toy = freed_head(64, True)
    found = explore(toy, preemptions=2, states=5)
    assert found.stopped_by == "5 states"
    assert found.bound is not None
    assert found.bound < 2


def test_random_strategies_repeat_themselves_and_meet_the_race() -> None:
    program = freed_head(6, False).program()
    walks = [drive(program, RandomWalk(seed), 100) for seed in range(40)]
    assert [drive(program, RandomWalk(seed), 100) for seed in range(40)] == walks
    assert any(run.failure for run in walks)
    guided = [drive(program, Pct(seed, 2, 2, 8), 100) for seed in range(40)]
    assert [drive(program, Pct(seed, 2, 2, 8), 100) for seed in range(40)] == guided
    assert any(run.failure for run in guided)


# ---- laws on small random programs -----------------------------------------------------------

NAMES = ["load", "store", "add", "assert", "lock", "unlock"]
OPERATIONS = st.tuples(st.sampled_from(NAMES), st.integers(0, 3), st.integers(1, 2))
PROGRAMS = st.lists(st.lists(OPERATIONS, min_size=1, max_size=4), min_size=2, max_size=3)


def build(script: Sequence[Sequence[tuple[str, int, int]]]) -> Toy:
    toy = Toy()

    def thread(operations: Sequence[tuple[str, int, int]]) -> Callable[[], Body]:
        def body() -> Body:
            seen = 0
            for name, word, value in operations:
                if name == "load":
                    seen = seen * 7 + (yield toy.load(word))
                elif name == "store":
                    yield toy.store(word, value)
                elif name == "add":
                    seen = seen * 7 + (yield toy.add(word, value))
                elif name == "lock":
                    yield toy.lock(word)
                elif name == "unlock":
                    yield toy.store(word, 0)
                elif (yield toy.load(word)) == value + 1:
                    raise AssertionFired(f"w{word}=={value + 1}", 0, "toy.c", word, "toy")
            return seen

        return body

    for operations in script:
        toy.spawn(thread(operations))
    return toy


@settings(max_examples=120, deadline=None)
@given(PROGRAMS, st.sampled_from([0, 1, 2, None]))
@example([[("store", 0, 2), ("assert", 0, 1)], [("assert", 0, 1)]], 1)
@example([[("store", 0, 2), ("assert", 0, 1)], [("assert", 0, 1)]], None)
def test_reduction_changes_no_outcome(
    script: list[list[tuple[str, int, int]]], bound: int | None
) -> None:
    full = explore(build(script), preemptions=bound, reduce=False)
    less = explore(build(script), preemptions=bound)
    assert less.stopped_by == full.stopped_by == ""
    assert set(less.finals) == set(full.finals)
    assert {f.failure for f in less.failures} == {f.failure for f in full.failures}
    if bound is None:
        assert less.states <= full.states
    else:  # a state met again with more left counts again: no law there
        assert {f.failure: f.preemptions for f in less.failures} == {
            f.failure: f.preemptions for f in full.failures
        }


@settings(max_examples=60, deadline=None)
@given(PROGRAMS)
def test_every_answer_is_shown_by_its_schedule(script: list[list[tuple[str, int, int]]]) -> None:
    toy = build(script)
    found = explore(toy, preemptions=2)
    for results, schedule in found.finals.items():
        run = drive(toy.program(), Given(schedule), 1000)
        assert (run.results, run.failure, run.stopped_by) == (results, None, "")
        assert Schedule.parse(str(schedule)) == schedule
    for failing in found.failures:
        run = drive(toy.program(), Given(failing.schedule), 1000)
        assert run.failure == failing.failure
        small = shrink(toy.program(), failing.schedule, failing.failure)
        assert len(small.threads) <= len(failing.schedule.threads)
        assert drive(toy.program(), Given(small), 1000).failure == failing.failure


@settings(max_examples=40, deadline=None)
@given(PROGRAMS, st.integers(0, 1000))
def test_a_random_run_is_among_the_explored(
    script: list[list[tuple[str, int, int]]], seed: int
) -> None:
    toy = build(script)
    found = explore(toy)
    run = drive(toy.program(), RandomWalk(seed), 1000)
    if run.failure:
        assert run.failure in {f.failure for f in found.failures}
    else:
        assert run.results in found.finals
