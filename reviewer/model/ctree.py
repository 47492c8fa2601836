"""A small C syntax tree: what the body of a function means once its macros are read.

Both readers of C work on it: the analysis walks it with page states, the replay with
bytes. Nothing here knows tree-sitter. Every node says where it is *spelled*; what came
out of a macro also says through which invocations, so that a message can name the line
the kernel's own ``__LINE__`` would (the outermost invocation).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MacroUse:
    """One macro invocation: its name and where the name stands."""

    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node is spelled, and the macro invocations it came through, outermost first."""

    path: str
    line: int
    via: tuple[MacroUse, ...] = ()

    @property
    def at_path(self) -> str:
        """The file of the outermost invocation, or of the text itself."""
        return self.via[0].path if self.via else self.path

    @property
    def at_line(self) -> int:
        """The line ``__LINE__`` has here: that of the outermost invocation."""
        return self.via[0].line if self.via else self.line


@dataclass(frozen=True, slots=True)
class CType:
    """A type as written: ``const struct page **p[4]`` is ("struct page", 2, (4,)).

    ``base`` is the normalised specifier ("unsigned long", "struct page", a typedef's name;
    an anonymous struct, union or enum has its definition in ``inline`` and base "struct",
    "union" or "enum"). ``typeof`` holds the operand of ``typeof(expr)``.
    """

    base: str
    pointers: int = 0
    dims: tuple[Expr | None, ...] = ()
    typeof: Expr | None = None
    function: bool = False
    inline: StructDef | EnumDef | None = None


# ---- expressions -----------------------------------------------------------------------


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


# ---- statements ------------------------------------------------------------------------


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


# ---- definitions -----------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a struct or union; an anonymous member has an empty name.

    ``bits`` is the width of a bit field, ``packed``/``aligned`` what its attributes say.
    """

    name: str
    type: CType
    bits: Expr | None = None
    aligned: Expr | None = None


@dataclass(frozen=True, slots=True)
class StructDef:
    """A struct or union definition; ``kind`` is "struct" or "union", name may be empty."""

    span: Span
    kind: str
    name: str
    fields: tuple[Field, ...]
    packed: bool = False
    aligned: Expr | None = None


@dataclass(frozen=True, slots=True)
class EnumDef:
    """An enum: its enumerators in order, with the value where one is written."""

    span: Span
    name: str
    items: tuple[tuple[str, Expr | None], ...]


@dataclass(frozen=True, slots=True)
class TypedefDef:
    """``typedef type name``."""

    span: Span
    name: str
    type: CType
