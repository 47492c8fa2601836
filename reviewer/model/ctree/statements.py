"""Statements, and the function whose body they are."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.ctree.expressions import Expr
from reviewer.model.ctree.spans import Span
from reviewer.model.ctree.types import CType


@dataclass(frozen=True, slots=True)
class Block:
    """``{ ... }``."""

    span: Span
    items: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Declare:
    """One declared variable (``int a, *b;`` is two of these in a row)."""

    span: Span
    name: str
    type: CType
    value: Expr | None
    static: bool = False


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An expression statement."""

    span: Span
    expr: Expr


@dataclass(frozen=True, slots=True)
class If:
    """``if (cond) then else other``."""

    span: Span
    cond: Expr
    then: Stmt
    other: Stmt | None


@dataclass(frozen=True, slots=True)
class Loop:
    """``while``, ``do`` and ``for``.

    ``first`` is run once before. ``cond`` None is endless. ``test_last`` is ``do``. ``step``
    runs after the body and is where ``continue`` goes (before the test).
    """

    span: Span
    first: tuple[Stmt, ...]
    cond: Expr | None
    step: Expr | None
    body: Stmt
    test_last: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """``switch (value) body``; the body's Case labels say where to enter."""

    span: Span
    value: Expr
    body: Stmt


@dataclass(frozen=True, slots=True)
class Case:
    """``case low:``, ``case low ... high:`` or, with low None, ``default:``."""

    span: Span
    low: Expr | None
    high: Expr | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """``name:``; the statement it labels is the next item of the block."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Goto:
    """``goto name``."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Break:
    """``break``."""

    span: Span


@dataclass(frozen=True, slots=True)
class Continue:
    """``continue``."""

    span: Span


@dataclass(frozen=True, slots=True)
class Return:
    """``return`` with or without a value."""

    span: Span
    value: Expr | None


@dataclass(frozen=True, slots=True)
class UnparsedStmt:
    """A statement that could not be read (inline assembly too), with the reason."""

    span: Span
    text: str
    reason: str


Stmt = (
    Block
    | Declare
    | Evaluate
    | If
    | Loop
    | Switch
    | Case
    | Label
    | Goto
    | Break
    | Continue
    | Return
    | UnparsedStmt
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter; the name is empty in a prototype without names."""

    name: str
    type: CType


@dataclass(frozen=True, slots=True)
class FunctionDef:
    """A function with its body. ``variadic`` for ``...``."""

    span: Span
    name: str
    returns: CType
    parameters: tuple[Parameter, ...]
    body: Block
    static: bool = False
    variadic: bool = False
