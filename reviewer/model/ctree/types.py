"""Types as written, and what defines one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.model.ctree.spans import Span

if TYPE_CHECKING:
    from reviewer.model.ctree.expressions import Expr


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


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a struct or union; an anonymous member has an empty name.

    ``bits`` is the width of a bit field, ``aligned`` what its attribute says.
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
