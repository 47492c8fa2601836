"""Interpreted threads: steps, saving, primitives, what they do where something is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.replay.interpreter.interp import InterpretedThread, call, make_thread
from reviewer.replay.interpreter.mixed import MixedThread
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.valuetype import INT, LONG, ULONG
from reviewer.replay.stepping.thread import (
    Access,
    AccessKind,
    AssertionFired,
    Body,
    MemoryFault,
    ScriptedThread,
    Thread,
    TreeCall,
    Undecided,
)

MachineOf = Callable[[str], Machine]

COUNTER = """
extern atomic_t shared;
extern long plain;
int count(int n) { int i; for (i = 0; i < n; i++) atomic_inc(&shared); return i; }
long add(long by) { plain += by; return plain; }
"""


def _steps(thread: Thread) -> list[tuple[AccessKind, str]]:
    found = []
    thread.start()
    while thread.kind is not None:
        found.append((thread.kind, thread.access().what))
        thread.step()
    return found


def _finish(thread: Thread) -> int:
    """Run a thread to its end; return how many steps that took."""
    steps = 0
    while thread.kind is not None:
        thread.step()
        steps += 1
    return steps


@pytest.fixture
def counting(machine_of: MachineOf) -> Machine:
    machine = machine_of(COUNTER)
    machine.define_global("shared", INT, 0)
    machine.define_global("plain", LONG, 40)
    machine.memory.seal()
    return machine


def test_each_shared_access_is_one_step(counting: Machine) -> None:
    load, store = (AccessKind.LOAD, "plain"), (AccessKind.STORE, "plain")
    assert _steps(make_thread(counting, "add", [2], "t")) == [load, store, load]
    assert _steps(make_thread(counting, "count", [2], "t")) == [(AccessKind.RMW, "shared")] * 2


def test_two_threads_lose_an_update_that_is_not_atomic(counting: Machine) -> None:
    one = make_thread(counting, "add", [1], "one", cpu=0)
    two = make_thread(counting, "add", [2], "two", cpu=1)
    one.start()
    two.start()
    one.step()
    for _ in range(3):
        two.step()
    assert two.result == 42
    one.step()
    one.step()
    assert one.result == 41


def test_a_saved_thread_runs_on_from_where_it_was(counting: Machine) -> None:
    memory = counting.memory
    thread = make_thread(counting, "count", [5], "t")
    thread.start()
    thread.step()
    thread.step()
    saved, mark, digest = thread.save(), memory.mark(), memory.digest
    _finish(thread)
    assert thread.result == 5
    memory.rollback(mark)
    thread.restore(saved)
    assert (thread.save(), memory.digest) == (saved, digest)
    assert (_finish(thread), thread.result) == (3, 5)
    memory.rollback(0)
    assert memory.digest == 0
    assert call(counting, "add", [2]) == 42


def test_a_mixed_thread_saves_and_restores_inside_a_call(counting: Machine) -> None:
    memory = counting.memory
    shared = counting.find_global("shared")
    assert shared is not None

    def load() -> Access:
        return Access(
            AccessKind.LOAD, shared.address, 4, "model", "", 0, "shared",
            perform=lambda: memory.load(shared.address, 4),
        )  # fmt: skip

    def body() -> Body:
        done = yield TreeCall("count", (2,))
        seen = yield load()
        done += yield TreeCall("add", (seen,))
        return done

    thread = MixedThread(counting, "t", body, cpu=0)
    states = []
    thread.start()
    while thread.kind is not None:
        states.append((thread.save(), memory.mark(), thread.address, thread.access().what))
        thread.step()
    assert [what for *_rest, what in states] == ["shared"] * 3 + ["plain"] * 3
    assert thread.result == 44
    for saved, mark, address, what in reversed(states):
        memory.rollback(mark)
        thread.restore(saved)
        assert (thread.save(), thread.address, thread.access().what) == (saved, address, what)
    _finish(thread)
    assert thread.result == 44


def test_a_scripted_thread_is_restored_by_what_it_was_sent(counting: Machine) -> None:
    memory = counting.memory
    shared = counting.find_global("shared")
    assert shared is not None

    def body() -> Body:
        total = 0
        for _ in range(3):
            total += yield Access(
                AccessKind.LOAD, shared.address, 4, "model", "", 0, "shared",
                perform=lambda: memory.load(shared.address, 4),
            )  # fmt: skip
        return total

    thread = ScriptedThread("t", body)
    thread.start()
    thread.step()
    saved = thread.save()
    thread.step()
    thread.restore(saved)
    assert thread.save() == saved
    thread.step()
    thread.step()
    assert thread.result == 0


LOCKS = """
extern spinlock_t lock;
extern long plain;
long locked_add(long by) { spin_lock(&lock); plain += by; spin_unlock(&lock); return 0; }
"""


def test_a_lock_is_waited_for(machine_of: MachineOf) -> None:
    machine = machine_of(LOCKS)
    machine.define_global("lock", INT, 0)
    machine.define_global("plain", LONG, 0)
    machine.memory.seal()
    one = make_thread(machine, "locked_add", [1], "one", cpu=0)
    two = make_thread(machine, "locked_add", [2], "two", cpu=1)
    one.start()
    two.start()
    assert [one.kind, one.is_ready(), two.is_ready()] == [AccessKind.WAIT, True, True]
    one.step()
    assert not two.is_ready()
    _finish(one)
    assert two.is_ready()


MISSING = """
int unknown(int x);
int needs(int x) { if (x > 3) return unknown(x); return x; }
int forever(int x) { while (x) x = x | 1; return x; }
int fault(long *p) { return *p; }
int deep(int x) { return deep(x + 1) + 1; }
int divide(int x) { return 10 / x; }
int shift(int x) { return 1 << x; }
"""


def test_what_is_missing_stops_only_a_run_that_reaches_it(machine_of: MachineOf) -> None:
    machine = machine_of(MISSING)
    assert call(machine, "needs", [3]) == 3
    with pytest.raises(Undecided, match=r"needs unknown at mm/probe.c:3 in needs\(\)"):
        call(machine, "needs", [4])


@pytest.mark.parametrize(
    ("function", "argument", "reason"),
    [
        ("forever", 1, "without touching shared memory"),
        ("deep", 1, "calls 200 deep"),
        ("divide", 0, "division by zero"),
        ("shift", 32, "shift of 32 bits by 32"),
        ("absent", 0, "needs absent"),
    ],
)
def test_what_has_no_meaning_is_undecided(
    machine_of: MachineOf, function: str, argument: int, reason: str
) -> None:
    with pytest.raises(Undecided, match=reason):
        call(machine_of(MISSING), function, [argument])


HOSTILE = f"""
int wide(int x) {{ char room[1UL << 40]; room[x] = 1; return room[x]; }}
int global(int x) {{ static char room[1UL << 40]; room[x] = 1; return room[x]; }}
int nested(int x) {{ return {"- " * 3000}x; }}
"""


@pytest.mark.parametrize("function", ["wide", "global", "nested"])
def test_hostile_text_is_cut_off(machine_of: MachineOf, function: str) -> None:
    with pytest.raises(Undecided, match="needs"):
        call(machine_of(HOSTILE), function, [1])


def test_a_null_pointer_is_a_fault_with_its_line(machine_of: MachineOf) -> None:
    with pytest.raises(MemoryFault) as caught:
        call(machine_of(MISSING), "fault", [0])
    assert (caught.value.line, caught.value.function) == (5, "fault")
    assert caught.value.text == "unable to handle page fault for address: 0000000000000000"


ASSERTS = """
#include <linux/mm.h>
#undef BUG_ON
#define BUG_ON(c) do { if (c) BUG(); } while (0)
int asks(struct page *page) { VM_BUG_ON_PAGE(!PageHead(page), page); return 7; }
int plain_bug(int x) { BUG_ON(x); return 1; }
int warns(int x) { return WARN(x, "odd: %d", x) ? 5 : 6; }
"""


def test_an_assertion_fires_with_the_text_of_the_source(machine_of: MachineOf) -> None:
    machine = machine_of(ASSERTS)
    page = machine.make_pages(0x1000, 2)
    with pytest.raises(AssertionFired) as caught:
        call(machine, "asks", [page + 64])
    fired = caught.value
    assert (fired.condition, fired.page) == ("VM_BUG_ON_PAGE(!PageHead(page))", page + 64)
    assert (fired.path, fired.line, fired.function) == ("mm/probe.c", 5, "asks")
    assert call(machine, "plain_bug", [0]) == 1
    with pytest.raises(AssertionFired, match="BUG_ON"):
        call(machine, "plain_bug", [1])


def test_a_warning_is_noted_and_the_thread_goes_on(machine_of: MachineOf) -> None:
    thread: InterpretedThread = make_thread(machine_of(ASSERTS), "warns", [1], "t")
    thread.start()
    assert thread.result == 5
    assert [(path, line) for _text, path, line in thread.warnings] == [("mm/probe.c", 7)]


POINTERS = """
typedef int (*operation)(int, int);
static int plus(int a, int b) { return a + b; }
static int times(int a, int b) { return a * b; }
static operation pick(int which) { return which ? plus : times; }
int apply(int which) { return pick(which)(6, 7); }
struct pair { long a; int b; };
static struct pair make(long a, int b) { struct pair p = { .b = b, .a = a }; return p; }
static long sum(struct pair p) { p.b += 1; return p.a + p.b; }
long pairs(void)
{
	struct pair p = make(40, 1), q;
	q = p;
	q.a++;
	return sum(q) + p.b + make(1, 2).b;
}
int text(void) { const char *s = "ab" "c"; char t[] = "xy"; return s[2] * 1000 + t[1] + sizeof(t); }
int jump(int n) { int s = 0; again: s += n; if (--n) goto again; return s; }
static int steps(void) { static int calls; return ++calls; }
int twice(void) { steps(); return steps(); }
int grid(void)
{
	int g[2][3] = { { 1, 2, 3 }, [1] = { [2] = 9 } };
	return g[0][1] * 10 + g[1][2] + g[1][0];
}
"""


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        ("apply", [1], 13),
        ("apply", [0], 42),
        ("pairs", [], 41 + 2 + 1 + 2),
        ("text", [], 99 * 1000 + 121 + 3),
        ("jump", [4], 10),
        ("twice", [], 2),
        ("grid", [], 29),
    ],
)
def test_pointers_structs_and_jumps(
    machine_of: MachineOf, function: str, arguments: list[int], result: int
) -> None:
    assert call(machine_of(POINTERS), function, arguments) == result


PRIMITIVES = """
#include <linux/mm.h>
extern unsigned long word;
int bits(void)
{
	set_bit(3, &word);
	if (test_and_set_bit(3, &word) != 1 || test_and_clear_bit(65, &word) != 0)
		return -1;
	__set_bit(63, &word);
	return test_bit(63, &word) && !test_bit(2, &word);
}
int exchange(void)
{
	unsigned long old = 5;
	return cmpxchg(&word, old, 6) == 5 && cmpxchg(&word, 5, 7) == 6 && xchg(&word, 9) == 6;
}
int chosen(int a) { return min(a, 3) * 100 + max_t(long, a, 3) * 10 + clamp(a, 2, 4); }
"""


def test_primitives_do_what_the_kernel_says(machine_of: MachineOf) -> None:
    machine = machine_of(PRIMITIVES)
    address = machine.define_global("word", ULONG, 5)
    machine.memory.allocate("next word", 8)
    machine.memory.words[address + 8] = 0
    assert call(machine, "exchange") == 1
    assert machine.memory.load(address, 8) == 9
    machine.memory.store(address, 8, 0)
    assert call(machine, "bits") == 1
    assert machine.memory.load(address, 8) == 1 << 63 | 8
    assert call(machine, "chosen", [7]) == 374


SNAPSHOT = """
#include <linux/mm.h>
unsigned long snapshot(struct page *page)
{
	struct page copy;
	memcpy(&copy, page, sizeof(copy));
	return copy.flags + copy.index;
}
"""


def test_a_copy_of_a_page_is_a_step_a_word(machine_of: MachineOf) -> None:
    machine = machine_of(SNAPSHOT)
    page = machine.make_pages(0x1000, 1)
    members = machine.types.layout(machine.types.struct("struct page")).members
    machine.memory.store(page + members["flags"].offset, 8, 40)
    machine.memory.store(page + members["index"].offset, 8, 2)
    thread = make_thread(machine, "snapshot", [page], "t")
    steps = _steps(thread)
    assert thread.result == 42
    assert [kind for kind, _what in steps] == [AccessKind.LOAD] * 8
    assert steps[0] == (AccessKind.LOAD, "page[0].flags")


def test_stepping_over_the_same_start_gives_the_same_steps(counting: Machine) -> None:
    thread = make_thread(counting, "add", [2], "t")
    first = _steps(thread)
    counting.memory.rollback(0)
    assert _steps(thread) == first
    assert thread.result == 42
