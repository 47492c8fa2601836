"""Expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.model.ctree.spans import Span
from reviewer.model.ctree.types import CType

if TYPE_CHECKING:
    from reviewer.model.ctree.statements import Block


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier: a variable, an enumerator, or a function."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or character constant. ``suffix`` is lower case, letters sorted ("lu").

    ``decimal`` is false for hexadecimal, octal and binary: without a suffix those may be
    unsigned (C 6.4.4.1).
    """

    span: Span
    value: int
    suffix: str = ""
    decimal: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, adjacent ones joined, escapes resolved."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call. ``callee`` is a Name for a direct call; else it goes through a pointer.

    A modelled primitive that is a macro in the tree (READ_ONCE, BUG) is a Call too; an
    argument that is a type (``container_of``) is a TypeArg.
    """

    span: Span
    callee: Expr
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class TypeArg:
    """A type standing where an argument is expected."""

    span: Span
    type: CType


@dataclass(frozen=True, slots=True)
class Unary:
    """``op`` is one of ``- + ! ~ & * ++x --x x++ x--``."""

    span: Span
    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is one of ``* / % + - << >> < <= > >= == != & ^ | && ||``."""

    span: Span
    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Assign:
    """``op`` is ``=`` or a compound assignment such as ``+=``."""

    span: Span
    op: str
    target: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class Ternary:
    """``cond ? then : other``; ``then`` is None for GNU ``cond ?: other``."""

    span: Span
    cond: Expr
    then: Expr | None
    other: Expr


@dataclass(frozen=True, slots=True)
class Member:
    """``base.field`` or, with ``arrow``, ``base->field``."""

    span: Span
    base: Expr
    field: str
    arrow: bool


@dataclass(frozen=True, slots=True)
class Index:
    """``base[index]``."""

    span: Span
    base: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Cast:
    """``(type)operand``."""

    span: Span
    type: CType
    operand: Expr


@dataclass(frozen=True, slots=True)
class SizeOf:
    """``sizeof`` of a type or of an expression: exactly one of the two is set."""

    span: Span
    type: CType | None
    operand: Expr | None


@dataclass(frozen=True, slots=True)
class OffsetOf:
    """``offsetof(type, member)``; ``member`` as written ("counts[2].x")."""

    span: Span
    type: CType
    member: str


@dataclass(frozen=True, slots=True)
class Comma:
    """``a, b, c``: at least two items."""

    span: Span
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class StatementExpr:
    """GNU ``({ ... })``: its value is that of the last expression statement."""

    span: Span
    body: Block


@dataclass(frozen=True, slots=True)
class Generic:
    """``_Generic(control, type: expr, ..., default: expr)``; a None type is ``default``."""

    span: Span
    control: Expr
    arms: tuple[tuple[CType | None, Expr], ...]


@dataclass(frozen=True, slots=True)
class InitList:
    """``{ .field = x, [3] = y, z }``: pairs of designator as written (or "") and value."""

    span: Span
    items: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class CompoundLiteral:
    """``(type){ ... }``."""

    span: Span
    type: CType
    value: InitList


@dataclass(frozen=True, slots=True)
class UnparsedExpr:
    """Text that could not be read as an expression, with the reason."""

    span: Span
    text: str
    reason: str


Expr = (
    Name
    | Number
    | Text
    | Call
    | TypeArg
    | Unary
    | Binary
    | Assign
    | Ternary
    | Member
    | Index
    | Cast
    | SizeOf
    | OffsetOf
    | Comma
    | StatementExpr
    | Generic
    | InitList
    | CompoundLiteral
    | UnparsedExpr
)
