"""BUG, WARN and dump_page: where the simulated kernel complains or dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.model.ctree import Call, Span
from reviewer.replay.kernel_api.support import NOTHING, Primitive, argument
from reviewer.replay.machine.arith import Operand, Registers, logical_not
from reviewer.replay.machine.instr import Act, Branch, Label, Reporter
from reviewer.replay.memory.valuetype import INT
from reviewer.replay.stepping.thread import AssertionFired, Undecided

if TYPE_CHECKING:
    from reviewer.replay.lowering.calls import CallLowering


def _said(thread: Reporter, span: Span, name: str) -> str:
    """Return the condition: what dump_page was told, else the assertion as spelled."""
    if thread.dumped[1]:
        return thread.dumped[1]
    return span.via[0].name if span.via else name


def _bug(low: CallLowering, call: Call) -> Operand:
    span = call.span

    def fire(thread: Reporter, _registers: Registers) -> None:
        function = thread.backtrace()[0][0]
        raise AssertionFired(
            _said(thread, span, "BUG"), thread.dumped[0], span.at_path, span.at_line, function
        )

    low.emit(Act(span, fire))
    return NOTHING


def _dump_page(low: CallLowering, call: Call) -> Operand:
    page = low.settle(low.value(argument(call, 0))).closure()
    reason = low.settle(low.value(argument(call, 1))).closure() if len(call.args) > 1 else None
    machine = low.machine

    def dump(thread: Reporter, registers: Registers) -> None:
        text = machine.text_at(reason(registers)) if reason is not None else ""
        thread.dumped = (page(registers), text)

    low.emit(Act(call.span, dump))
    return NOTHING


def _warned(low: CallLowering, call: Call) -> None:
    span = call.span
    name = getattr(call.callee, "name", "WARN")

    def warn(thread: Reporter, _registers: Registers) -> None:
        text = _said(thread, span, name)
        thread.warnings = (*thread.warnings, (text, span.at_path, span.at_line))
        thread.dumped = (0, "")

    low.emit(Act(span, warn))


def _warn_always(low: CallLowering, call: Call) -> Operand:
    _warned(low, call)
    return NOTHING


def _warn_if(low: CallLowering, call: Call) -> Operand:
    """``WARN(condition, format...)``: its value is the condition's truth."""
    cond = low.settle(logical_not(logical_not(low.value(argument(call, 0)))))
    if cond.const is not None and not cond.const:
        return cond
    yes, no = Label(), Label()
    low.emit(Branch(cond, yes, no))
    low.emit(yes)
    _warned(low, call)
    low.emit(no)
    return cond.retyped(INT)


def _bad_page(low: CallLowering, call: Call) -> Operand:
    """``bad_page(page, reason)``: the allocator found a page in a state it must not have."""
    page = low.settle(low.value(argument(call, 0))).closure()
    reason = low.settle(low.value(argument(call, 1))).closure()
    machine, span = low.machine, call.span

    def report(thread: Reporter, registers: Registers) -> None:
        name = machine.memory.describe(page(registers))
        text = f"BUG: Bad page state: {name}: {machine.text_at(reason(registers))}"
        thread.warnings = (*thread.warnings, (text, span.at_path, span.at_line))

    low.emit(Act(span, report))
    return NOTHING


def _panic(low: CallLowering, call: Call) -> Operand:
    raise Undecided("needs panic", call.span)


TABLE: dict[str, Primitive] = {
    "BUG": _bug,
    "dump_page": _dump_page,
    "__WARN": _warn_always,
    "__WARN_FLAGS": _warn_always,
    "__WARN_printf": _warn_always,
    "WARN": _warn_if,
    "WARN_ONCE": _warn_if,
    "WARN_RATELIMIT": _warn_if,
    "WARN_ON": _warn_if,
    "WARN_ON_ONCE": _warn_if,
    "bad_page": _bad_page,
    "panic": _panic,
}
