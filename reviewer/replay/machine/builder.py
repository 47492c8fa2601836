"""What lowering a function keeps track of: variables, registers, its stack, instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass

from reviewer.model.ctree import Expr, FunctionDef, Index, Member, Name, Span, StructDef, Unary
from reviewer.replay.machine.arith import Operand, Registers, convert
from reviewer.replay.machine.instr import (
    FIRST_FREE,
    STACK,
    Act,
    Address,
    Item,
    Label,
    Reporter,
    Set,
)
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.valuetype import ULONG, ArrayType, StructType, ValueType
from reviewer.replay.stepping.thread import Undecided


@dataclass(frozen=True, slots=True)
class Place:
    """An lvalue: a register, or memory. For a bit field see ``layout.MemberPlace``."""

    type: ValueType
    reg: int = -1
    address: Address | None = None
    bits: int = 0
    shift: int = 0
    unit: int = 0
    member: str = ""


FRAME_LIMIT = 1 << 16  # bytes; four times a kernel stack


def find_address_taken(definition: FunctionDef) -> frozenset[str]:
    """Return the names that ``&`` is applied to anywhere in a body: they live in memory."""
    taken: set[str] = set()
    todo: list[object] = [definition.body]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo.extend(node)
            continue
        if isinstance(node, Span | StructDef) or not is_dataclass(node):
            continue
        if isinstance(node, Unary) and node.op == "&":
            base: Expr = node.operand
            while (isinstance(base, Member) and not base.arrow) or isinstance(base, Index):
                base = base.base
            if isinstance(base, Name):
                taken.add(base.name)
        todo.extend(getattr(node, part.name) for part in fields(node))
    return frozenset(taken)


def pieces(size: int) -> list[tuple[int, int]]:
    """Cut an object into (offset, bytes) of at most a word, each naturally aligned."""
    found = []
    at = 0
    while at < size:
        step = next(n for n in (8, 4, 2, 1) if at % n == 0 and at + n <= size)
        found.append((at, step))
        at += step
    return found


class Builder:
    """The state of lowering one function. Offsets and sizes are in bytes."""

    def __init__(self, machine: Machine, definition: FunctionDef, near: str) -> None:
        self.machine = machine
        self.types = machine.types
        self.definition = definition
        self.near = near
        self.items: list[Item] = []
        self.registers = FIRST_FREE
        self.stack = 0
        self.in_memory = find_address_taken(definition)
        self._scopes: list[dict[str, Place]] = [{}]
        self._labels: dict[str, Label] = {}

    # ---- instructions --------------------------------------------------------------------

    def emit(self, item: Item) -> None:
        """Append an instruction or a label."""
        self.items.append(item)

    @contextmanager
    def capture(self) -> Iterator[list[Item]]:
        """Collect what is emitted in a list of its own instead."""
        outer = self.items
        captured: list[Item] = []
        self.items = captured
        try:
            yield captured
        finally:
            self.items = outer

    def guard(self, span: Span, lower: Callable[[], Operand | None]) -> Operand | None:
        """Lower something; where that needs what is missing, stop there only if it is reached."""
        with self.capture() as captured:
            try:
                found = lower()
            except Undecided as undecided:
                captured.clear()
                self.trap(undecided, span)
                found = None
        self.items.extend(captured)
        return found

    def trap(self, undecided: Undecided, span: Span) -> None:
        """Emit the stop for something that is missing."""
        reason = undecided.reason
        at = undecided.span or span
        name = self.definition.name

        def stop(_thread: Reporter, _registers: Registers) -> None:
            raise Undecided(reason, at, name)

        self.emit(Act(span, stop))

    def label(self, name: str) -> Label:
        """Return the function's label of that name."""
        return self._labels.setdefault(name, Label())

    # ---- registers and stack -------------------------------------------------------------

    def register(self) -> int:
        """Return a fresh register."""
        self.registers += 1
        return self.registers - 1

    def settle(self, operand: Operand) -> Operand:
        """Return an operand that is cheap to use again: a constant or a register."""
        if operand.fn is None:
            return operand
        reg = self.register()
        self.emit(Set(reg, operand))
        return Operand(operand.type, reg=reg)

    def keep(self, operand: Operand) -> Operand:
        """Return the present value of an operand in a register that nothing else writes."""
        if operand.const is not None:
            return operand
        reg = self.register()
        self.emit(Set(reg, operand))
        return Operand(operand.type, reg=reg)

    def reserve(self, kind: ValueType) -> Address:
        """Return the address of fresh room on the frame's stack."""
        align = max(self.types.align(kind), 8)
        self.stack = -(-self.stack // align) * align
        at = self.stack
        self.stack += -(-max(self.types.size(kind), 1) // 8) * 8
        if self.stack > FRAME_LIMIT:
            self.stack = at
            raise Undecided(f"needs a stack frame of more than {FRAME_LIMIT} bytes")
        return Address(Operand(ULONG, reg=STACK), at, private=True)

    # ---- names -----------------------------------------------------------------------------

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Open a block scope."""
        self._scopes.append({})
        try:
            yield
        finally:
            self._scopes.pop()

    def declare(self, name: str, kind: ValueType) -> Place:
        """Add a variable to the innermost scope: a register unless it needs an address."""
        if isinstance(kind, ArrayType | StructType) or name in self.in_memory:
            place = Place(kind, address=self.reserve(kind), member=name)
        else:
            place = Place(kind, reg=self.register(), member=name)
        self._scopes[-1][name] = place
        return place

    def bind(self, name: str, place: Place) -> None:
        """Give a name to a place that exists already (a static local)."""
        self._scopes[-1][name] = place

    def find_variable(self, name: str) -> Place | None:
        """Return the variable a name means here, local first, then global."""
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        found = self.machine.find_global(name) or self.machine.find_constant(name, self.near)
        if found is None:
            return None
        return Place(found.type, address=Address(Operand(ULONG, const=found.address)))

    def assign_register(self, reg: int, operand: Operand, kind: ValueType) -> None:
        """Set a variable that lives in a register."""
        self.emit(Set(reg, convert(operand, kind)))
