"""Runs one execution as a scheduler says, and writes down what happened."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.model.witness import Schedule, Step
from reviewer.replay.memory.words import BadAddress
from reviewer.replay.stepping.program import Execution, Failure, Oracle, Program, Scheduler
from reviewer.replay.stepping.thread import Access, AccessKind, Oops, Undecided

Observer = Callable[[Step, int], None]
"""Told of each step just made, and of the address it touched."""

Spell = Callable[[Access, int], str]
"""Spells a value found or left at the place of an access."""


def drive(
    program: Program,
    scheduler: Scheduler,
    limit: int,
    *,
    trace: bool = False,
    oracle: Oracle | None = None,
    observer: Observer | None = None,
    spell: Spell | None = None,
) -> Execution:
    """Run the program from its start for at most ``limit`` steps.

    ``trace`` asks for a Step each; without it a run is several times faster.
    """
    run = _Run(program, trace, observer, spell or spell_number)
    failure, stopped = run.go(scheduler, limit)
    results = tuple(program.answer([thread.result for thread in program.threads]))
    if failure is None and not stopped and oracle is not None:
        wrong = oracle(program.memory, results)
        failure = Failure("oracle", -1, wrong) if wrong else None
    return Execution(
        Schedule(tuple(run.order)),
        tuple(run.trace),
        results,
        failure,
        program.memory.digest,
        stopped,
    )


class _Run:
    """One execution on its way."""

    def __init__(
        self, program: Program, trace: bool, observer: Observer | None, spell: Spell
    ) -> None:
        self._program = program
        self._spell = spell
        self._wants_trace = trace
        self._observer = observer
        self.order: list[int] = []
        self.trace: list[Step] = []

    def go(self, scheduler: Scheduler, limit: int) -> tuple[Failure | None, str]:
        """Step until an end; return the failure, and what cut the run off."""
        threads = self._program.threads
        last = -1
        self._program.memory.rollback(0)
        for i, thread in enumerate(threads):
            failure = self._event(i, thread.start)
            if failure is not None:
                return failure, ""
        while True:
            enabled = [i for i, thread in enumerate(threads) if thread.is_ready()]
            if not enabled:
                waiting = [str(i) for i, thread in enumerate(threads) if thread.kind is not None]
                if waiting:
                    text = f"threads {' '.join(waiting)} wait for ever"
                    return Failure("deadlock", -1, text), ""
                return None, ""
            if len(self.order) >= limit:
                return None, f"{limit} steps in one execution"
            choice = scheduler.choose(enabled, threads, last)
            if choice is None:
                return None, "the schedule ended"
            failure = self._step(choice)
            if failure is not None:
                return failure, ""
            last = choice

    def _step(self, index: int) -> Failure | None:
        thread = self._program.threads[index]
        self.order.append(index)
        if not self._wants_trace and self._observer is None:
            return self._event(index, thread.step)
        access = thread.access()
        before = self._peek(access)
        failure = self._event(index, thread.step)
        text = describe_step(access, before, self._peek(access), self._spell)
        step = Step(
            index,
            thread.name,
            access.function,
            access.path,
            access.line,
            text,
            access.kind.value,
            access.what,
            page_index(access.what),
        )
        if self._wants_trace:
            self.trace.append(step)
        if self._observer is not None:
            self._observer(step, access.address)
        return failure

    def _peek(self, access: Access) -> int | None:
        try:
            return self._program.memory.load(access.address, access.size)
        except (BadAddress, Undecided):
            return None

    def _event(self, index: int, act: Callable[[], None]) -> Failure | None:
        try:
            act()
        except Oops as oops:
            return Failure.from_oops(index, oops)
        except Undecided as event:
            return Failure.from_undecided(index, event)
        return None


def describe_step(access: Access, before: int | None, after: int | None, spell: Spell) -> str:
    """Say what a step did: ``page[0].flags: 0x10000 -> 0x0``, ``load page[0].flags = 0x0``."""
    if before is None or after is None:
        return f"{access.kind} {access.what}"
    if access.kind is AccessKind.LOAD:
        return f"load {access.what} = {spell(access, after)}"
    return f"{access.kind} {access.what}: {spell(access, before)} -> {spell(access, after)}"


def spell_number(access: Access, value: int) -> str:
    """Spell a 4-byte value as the signed count it mostly is, others in hexadecimal."""
    if access.size == 4 and (value < 1 << 16 or value >= (1 << 32) - (1 << 16)):
        return str(value if value < 1 << 31 else value - (1 << 32))
    return f"{value:#x}"


def page_index(what: str) -> int | None:
    """Return 397 for ``page[397].flags``, None for what is no struct page."""
    if not what.startswith("page["):
        return None
    number, _, _ = what[len("page[") :].partition("]")
    return int(number) if number.lstrip("-").isdigit() else None
