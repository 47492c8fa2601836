"""The instructions a function is lowered to: a flat list with labels, over registers.

Register 0 holds the address of the pending access, register 1 where the frame's own stack
begins; the rest are parameters, variables and temporaries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reviewer.model.ctree import Span
from reviewer.replay.machine.arith import Closure, Operand, Registers
from reviewer.replay.memory.valuetype import WORD, ValueType

PENDING = 0
STACK = 1
FIRST_FREE = 2


class Reporter(Protocol):
    """What an act may use of the thread that runs it."""

    warnings: tuple[tuple[str, str, int], ...]
    dumped: tuple[int, str]

    def backtrace(self) -> tuple[tuple[str, str, int], ...]:
        """Return (function, path, line), innermost first."""
        ...


Native = Callable[[Reporter, Registers], None]


class Label:
    """A place in the instruction list that jumps name."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Address:
    """``base`` plus a constant; ``private`` where the source shows it is the own stack."""

    base: Operand
    offset: int = 0
    private: bool = False

    def plus(self, offset: int) -> Address:
        """Return the address ``offset`` bytes further."""
        return Address(self.base, self.offset + offset, self.private)

    def closure(self) -> Closure:
        """Return a function of the registers that gives the address."""
        offset = self.offset
        if self.base.const is not None:
            fixed = (self.base.const + offset) & WORD
            return lambda _r: fixed
        if self.base.reg >= 0:
            reg = self.base.reg
            return (lambda r: r[reg] + offset) if offset else (lambda r: r[reg])
        fn = self.base.closure()
        return (lambda r: fn(r) + offset & WORD) if offset else fn


@dataclass(frozen=True, slots=True)
class Set:
    """``dst = value``."""

    dst: int
    value: Operand


@dataclass(frozen=True, slots=True)
class Jump:
    """Go to a label."""

    to: Label


@dataclass(frozen=True, slots=True)
class Branch:
    """Go to one of two labels."""

    cond: Operand
    then: Label
    other: Label


@dataclass(frozen=True, slots=True)
class Choose:
    """``switch``: ``ranges`` of (low, high, label), tried in order."""

    value: Operand
    exact: dict[int, Label]
    ranges: tuple[tuple[int, int, Label], ...]
    default: Label


@dataclass(frozen=True, slots=True)
class Load:
    """``dst = *address``.

    ``member`` is the name the source reaches the place by; without one, ``pointee`` is the
    type its pointer has.
    """

    span: Span
    dst: int
    address: Address
    type: ValueType
    size: int
    member: str = ""
    pointee: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """``*address = value``."""

    span: Span
    address: Address
    value: Operand
    size: int
    member: str = ""
    pointee: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """An atomic read-modify-write: ``compute(old, *args)`` is (new or None, result).

    With ``ready`` it waits until ``ready(old, *args)`` holds: a lock.
    """

    span: Span
    dst: int
    address: Address
    type: ValueType
    size: int
    args: tuple[Operand, ...]
    compute: Callable[..., tuple[int | None, int]]
    ready: Callable[[int], bool] | None = None
    member: str = ""
    pointee: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call: of a function named in file ``near``, or of what ``pointer`` holds."""

    span: Span
    dst: int
    name: str
    near: str
    pointer: Operand | None
    args: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """``return value``."""

    value: Operand | None


@dataclass(frozen=True, slots=True)
class Act:
    """Something the thread does that is neither: a warning, a BUG, a clock."""

    span: Span
    run: Native


Instruction = Set | Jump | Branch | Choose | Load | Store | Update | Invoke | Leave | Act
Item = Instruction | Label
