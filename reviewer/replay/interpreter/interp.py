"""Runs lowered functions as threads: explicit frames, one shared access a step.

A frame is a register list and an index; saving a thread copies those. See assemble for what
an index means, thread for what the explorer sees.
"""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.replay.lowering.constants import fold_constant, lay_out_constant
from reviewer.replay.lowering.function import lower_function
from reviewer.replay.machine.code import ACCESS, CALL, RETURN, Stop
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.machine.machine import Function, Machine
from reviewer.replay.memory.words import STACK_LOW, STACK_SIZE, BadAddress
from reviewer.replay.stepping.thread import Access, AccessKind, MemoryFault, Undecided

PRIVATE_LIMIT = 1_000_000  # operations without an access to shared memory
DEPTH_LIMIT = 200


def make_machine(code: CodeSource) -> Machine:
    """Return an empty machine for a tree's code."""
    machine = Machine(code, lower_function, lay_out_constant)
    machine.types.fold = lambda expr: fold_constant(machine, expr)
    return machine


def make_thread(
    machine: Machine, function: str, args: Sequence[int], name: str, *, near: str = "", cpu: int = 0
) -> InterpretedThread:
    """Return a thread that calls ``function(*args)``; ``cpu`` tells the threads' stacks apart."""
    return InterpretedThread(machine, function, tuple(args), name, near=near, cpu=cpu)


def call(
    machine: Machine, function: str, args: Sequence[int] = (), *, near: str = "", cpu: int = 30
) -> int:
    """Run ``function(*args)`` to its end, alone, and return its result.

    Raises:
        Oops: the simulated kernel died.
        Undecided: something is not modelled, or it waits for a lock.

    """
    thread = make_thread(machine, function, args, function, near=near, cpu=cpu)
    thread.start()
    while thread.kind is not None:
        if not thread.is_ready():
            raise Undecided("waits for a lock that nobody will release", function=function)
        thread.step()
    assert thread.result is not None
    return thread.result


class Frame:
    """One call in progress. ``pc`` is where it stopped (its call, or its pending access)."""

    __slots__ = ("base", "function", "pc", "registers")

    def __init__(self, function: Function, registers: list[int], pc: int, base: int) -> None:
        self.function = function
        self.registers = registers
        self.pc = pc
        self.base = base


class InterpretedThread:
    """A thread of the tree's own source. Implements ``thread.Thread``."""

    def __init__(
        self,
        machine: Machine,
        function: str,
        args: tuple[int, ...],
        name: str,
        *,
        near: str,
        cpu: int,
    ) -> None:
        self.name = name
        self.kind: AccessKind | None = None
        self.address = 0
        self.size = 0
        self.result: int | None = None
        self.ops = 0
        self.machine = machine
        self.warnings: tuple[tuple[str, str, int], ...] = ()
        self.dumped: tuple[int, str] = (0, "")  # page and reason of the last dump_page()
        self._entry = (function, near, args)
        self._stack = STACK_LOW + (cpu + 1) * STACK_SIZE
        self._frames: list[Frame] = []
        self._stop: Stop | None = None

    # ---- running ---------------------------------------------------------------------------

    def start(self) -> None:
        """Go back to the beginning and run to the first access."""
        name, near, args = self._entry
        self.result = None
        self.warnings = ()
        self.dumped = (0, "")
        self._frames = []
        self._push(self.machine.function(name, near), list(args))
        self._run(0)

    def is_ready(self) -> bool:
        """Say whether the pending access may run now."""
        stop = self._stop
        return stop is not None and (stop.ready is None or stop.ready(self.address))

    def step(self) -> None:
        """Make the pending access and run to the next one, or to the end."""
        stop = self._stop
        assert stop is not None and stop.perform is not None, "step of a finished thread"
        try:
            pc = stop.perform(self._frames[-1].registers)
        except BadAddress as bad:
            raise self._fault(bad) from None
        self._run(pc)

    def _run(self, pc: int) -> None:
        frame = self._frames[-1]
        registers = frame.registers
        ops = frame.function.code.ops
        at = pc
        done = 0
        try:
            for done in range(PRIVATE_LIMIT):  # noqa: B007 - counted after the loop
                at = pc
                pc = ops[pc](registers)
                if pc >= 0:
                    continue
                frame.pc = ~pc
                stop = frame.function.code.stops[~pc]
                what = stop.what
                if what == ACCESS:
                    self._stop = stop
                    self.kind = stop.kind
                    self.address = registers[0]
                    self.size = stop.size
                    return
                if what == CALL:
                    pc = self._call(stop, frame)
                elif what == RETURN:
                    pc = self._return(stop, registers)
                    if pc < 0:
                        return
                else:
                    assert stop.run is not None
                    stop.run(self, registers)
                    pc = stop.then
                    continue
                frame = self._frames[-1]
                registers = frame.registers
                ops = frame.function.code.ops
            raise Undecided(
                f"runs {PRIVATE_LIMIT} operations without touching shared memory",
                function=frame.function.name,
            )
        except BadAddress as bad:
            frame.pc = at
            raise self._fault(bad) from None
        except RecursionError:
            raise Undecided(
                "needs an expression that nests less deep", function=frame.function.name
            ) from None
        except Undecided as undecided:
            if undecided.function:
                raise
            stop_here = frame.function.code.stops.get(at)
            span = undecided.span or (stop_here.span if stop_here else None)
            raise Undecided(undecided.reason, span, frame.function.name) from None
        finally:
            self.ops += done + 1

    def _push(self, function: Function, args: list[int]) -> None:
        if len(self._frames) >= DEPTH_LIMIT:
            raise Undecided(f"calls {DEPTH_LIMIT} deep", function=function.name)
        if len(args) != len(function.definition.parameters):
            raise Undecided(f"needs a call of {function.name} with its own number of arguments")
        top = self._frames[-1] if self._frames else None
        base = top.base + top.function.stack if top else self._stack
        if function.stack:
            self.machine.memory.clear(base, function.stack)
        self._frames.append(Frame(function, function.enter(base, args), 0, base))

    def _call(self, stop: Stop, frame: Frame) -> int:
        registers = frame.registers
        machine = self.machine
        target = stop.target
        if target is None:
            if stop.pointer is not None:
                target = machine.function_at(stop.pointer(registers), stop.span)
            else:
                target = machine.function(stop.name, stop.near, stop.span)
                stop.target = target
        self._push(target, [arg(registers) for arg in stop.args])
        return 0

    def _return(self, stop: Stop, registers: list[int]) -> int:
        value = stop.value(registers) if stop.value is not None else 0
        if len(self._frames) == 1:
            self._frames.pop()
            self.result = int(value)
            self.kind = None
            self._stop = None
            return -1
        self._frames.pop()
        caller = self._frames[-1]
        call = caller.function.code.stops[caller.pc]
        caller.registers[call.dst] = value
        return call.then

    # ---- for the explorer and the reader of a trace -------------------------------------------

    def _fault(self, bad: BadAddress) -> MemoryFault:
        function, path, line = self.backtrace()[0]
        return MemoryFault(bad.address & ((1 << 64) - 1), path, line, function)

    def access(self) -> Access:
        """Describe the pending access."""
        stop = self._stop
        assert stop is not None and stop.span is not None, "a finished thread has no access"
        return Access(
            stop.kind,
            self.address,
            self.size,
            self._frames[-1].function.name,
            stop.span.at_path,
            stop.span.at_line,
            self.machine.memory.describe(self.address, stop.member, stop.pointee),
        )

    def backtrace(self) -> tuple[tuple[str, str, int], ...]:
        """Return (function, path, line), innermost first."""
        found = []
        for frame in reversed(self._frames):
            stop = frame.function.code.stops.get(frame.pc)
            span = stop.span if stop is not None and stop.span else frame.function.definition.span
            found.append((frame.function.name, span.at_path, span.at_line))
        return tuple(found)

    def save(self) -> object:
        """Return the thread's own state: frames as plain data."""
        frames = tuple(
            (frame.function, tuple(frame.registers), frame.pc, frame.base) for frame in self._frames
        )
        return (frames, self.warnings, self.dumped, self.result)

    def restore(self, saved: object) -> None:
        """Go back to a saved state."""
        assert isinstance(saved, tuple)
        frames, self.warnings, self.dumped, self.result = saved
        self._frames = [Frame(f, list(regs), pc, base) for f, regs, pc, base in frames]
        if not self._frames:
            self.kind = None
            self._stop = None
            return
        top = self._frames[-1]
        stop = top.function.code.stops[top.pc]
        self._stop = stop
        self.kind = stop.kind
        self.address = top.registers[0]
        self.size = stop.size
