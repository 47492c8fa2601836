"""Finds what an ``if`` runs into when its condition holds: BUG(), a warning, a dump before it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from reviewer.analysis.hazards import Demand
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts
from reviewer.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from reviewer.analysis.engine import Engine


def stop_name(call: c.Call) -> str:
    """Return the name of a direct call, empty for one through a pointer."""
    return call.callee.name if isinstance(call.callee, c.Name) else ""


def find_stop(stmt: c.Stmt | None, words: Vocabulary) -> c.Call | None:
    """Return the BUG() or WARN an ``if`` runs into when its condition holds."""
    if not isinstance(stmt, c.If):
        return None
    names = words.stop | words.warn
    return next((call for call in _calls_of(stmt.then) if stop_name(call) in names), None)


def is_copy(cond: c.Expr) -> bool:
    """Say whether a condition is a variable that was given one."""
    while isinstance(cond, c.Cast | c.Unary):
        cond = cond.operand
    return isinstance(cond, c.Name)


def find_dump(stmt: c.Stmt, words: Vocabulary) -> str:
    """Return the condition as ``dump_page()`` prints it before the BUG()."""
    for call in _calls_of(stmt):
        if stop_name(call) in words.dump:
            texts = [arg.value for arg in call.args if isinstance(arg, c.Text)]
            if texts:
                return texts[-1]
    return ""


def describe_demand(
    engine: Engine, function: FunctionFacts, stmt: c.Stmt | None, stop: c.Call
) -> Demand:
    """Say what an assertion, an ``if`` with its stop, asks, in the words the kernel prints."""
    assert isinstance(stmt, c.If)
    dump = find_dump(stmt.then, engine.words)
    spelled = stmt.cond.span
    if not dump and is_copy(stmt.cond) and spelled.via:
        # WARN_ON() tests a copy of its condition: what is asked stands where it is used
        spelled = c.Span(spelled.at_path, spelled.at_line, spelled.via)
    text = dump or engine.source_line(spelled)
    return Demand(function.name, text, spelled, stop.span, stop_name(stop) in engine.words.stop)


def _calls_of(stmt: c.Stmt | None, true: Set[str] = frozenset()) -> Iterator[c.Call]:
    """Yield the calls a statement makes whatever it tests: the straight line through it.

    A test of a constant is none, nor one of a variable of the block that was given one:
    ``WARN_ON(1)`` tests a copy of its condition. ``true`` are such variables.
    """
    match stmt:
        case c.Block(items=items):
            known = set(true)
            for item in items:
                yield from _calls_of(item, known)
                if isinstance(item, c.Declare) and item.value is not None:
                    known -= {item.name}
                    if _is_true(item.value, known):
                        known.add(item.name)
        case c.Evaluate(expr=expr):
            yield from _calls_in(expr, true)
        case c.Loop(body=body, test_last=True):
            yield from _calls_of(body, true)
        case c.If(cond=cond, then=then) if _is_true(cond, true):
            yield from _calls_of(then, true)


def _calls_in(expr: c.Expr, true: Set[str]) -> Iterator[c.Call]:
    match expr:
        case c.Call():
            yield expr
        case c.StatementExpr(body=body):
            yield from _calls_of(body, true)
        case c.Cast(operand=operand):
            yield from _calls_in(operand, true)


def _is_true(expr: c.Expr, true: Set[str]) -> bool:
    """Say whether an expression is a constant other than zero."""
    match expr:
        case c.Number(value=value):
            return value != 0
        case c.Name(name=name):
            return name in true
        case c.Cast(operand=operand):
            return _is_true(operand, true)
        case c.Unary(op="!", operand=c.Unary(op="!", operand=operand)):
            return _is_true(operand, true)
    return False
