"""What a function is assembled to: a flat list of closures over the registers.

A closure returns the index of the next one. Where the thread must stop (a shared access, a
call, a return) it returns ``~index`` instead, and ``stops[index]`` says what to do there.
Control flow inside a function costs no Python stack, and a thread's state is plain data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.model.ctree import Span
from reviewer.replay.machine.arith import Closure, Registers
from reviewer.replay.machine.instr import Native
from reviewer.replay.memory.valuetype import ValueType
from reviewer.replay.stepping.thread import AccessKind

if TYPE_CHECKING:
    from reviewer.replay.machine.machine import Function

ACCESS, CALL, RETURN, ACT = range(4)


@dataclass(slots=True)
class Stop:
    """What a thread does at a stopping instruction; ``then`` is the next index.

    ACCESS has ``kind``, ``size``, ``perform`` (registers -> next index) and ``ready``;
    CALL ``name`` (as a caller in file ``near`` means it; ``target`` once found) or ``pointer``,
    ``args`` and ``dst``; RETURN ``value``; ACT ``run``.
    """

    what: int
    span: Span | None
    then: int = 0
    kind: AccessKind = AccessKind.LOAD
    size: int = 0
    member: str = ""
    pointee: ValueType | None = None
    perform: Callable[[Registers], int] | None = None
    ready: Callable[[int], bool] | None = None
    name: str = ""
    near: str = ""
    target: Function | None = None
    pointer: Closure | None = None
    args: tuple[Closure, ...] = ()
    dst: int = 0
    value: Closure | None = None
    run: Native | None = None


Op = Callable[[Registers], int]


@dataclass(slots=True)
class Code:
    """An assembled function body: ``ops[i]`` and, where it stops, ``stops[i]``."""

    ops: list[Op] = field(default_factory=list)
    stops: dict[int, Stop] = field(default_factory=dict)
