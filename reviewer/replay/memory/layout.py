"""Where the members of a struct lie: gcc's x86-64 layout, worked out from the tree's own text.

Covers unions, nested and anonymous members, arrays, bit fields, packed and aligned. A type
the tree does not define, or a size it does not say, is Undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from reviewer.model.ctree import CType, EnumDef, Expr, StructDef, TypedefDef
from reviewer.replay.memory.placing import Layout, MemberPlace, Placer
from reviewer.replay.memory.valuetype import (
    INT,
    LONG,
    POINTER_SIZE,
    UINT,
    ULONG,
    ArrayType,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    ValueType,
    VoidType,
    find_basic,
)
from reviewer.replay.stepping.thread import Undecided

NESTING_LIMIT = 60  # types within types

# what the x86-64 ABI says of names a tree may leave to the compiler's headers
_ABI_NAMES: dict[str, ValueType] = {
    "size_t": ULONG,
    "ssize_t": LONG,
    "ptrdiff_t": LONG,
    "uintptr_t": ULONG,
    "intptr_t": LONG,
}


class DefinitionSource(Protocol):
    """The part of the code base that knows types and constants."""

    def find_struct(self, kind_and_name: str) -> StructDef | None:
        """Return the definition of "struct page"."""
        ...

    def find_typedef(self, name: str) -> TypedefDef | None:
        """Return the typedef of that name."""
        ...

    def find_enumerator(self, name: str) -> int | None:
        """Return the value of an enumerator."""
        ...


class Types:
    """Resolves types as written to value types, and lays structs out. One per tree.

    ``fold`` evaluates a constant expression (array sizes, bit widths); it is set by whoever
    can evaluate C, and returns None where the expression is not constant.
    """

    def __init__(self, source: DefinitionSource) -> None:
        self._source = source
        self.fold: Callable[[Expr], int | None] = lambda _expr: None
        self._tags: dict[str, StructType] = {}
        self._inline: dict[int, tuple[StructDef, StructType]] = {}
        self._typedefs: dict[str, ValueType] = {}
        self._layouts: dict[StructType, Layout] = {}
        self._pending: list[str] = []

    def resolve(self, ctype: CType, typeof: Callable[[Expr], ValueType] | None = None) -> ValueType:
        """Return the type; ``typeof`` types an expression where the text says typeof(expr)."""
        if ctype.typeof is not None:
            if typeof is None:
                raise Undecided("needs typeof() outside a function")
            found = typeof(ctype.typeof)
        else:
            found = self._base(ctype)
        if ctype.function:
            found = FunctionType(self._pointers(found, max(0, ctype.pointers - 1)))
            found = PointerType(found)
        else:
            found = self._pointers(found, ctype.pointers)
        for dim in reversed(ctype.dims):
            found = ArrayType(found, -1 if dim is None else self._constant(dim, "array size"))
        return found

    @staticmethod
    def _pointers(kind: ValueType, depth: int) -> ValueType:
        for _ in range(depth):
            kind = PointerType(kind)
        return kind

    def _constant(self, expr: Expr, what: str) -> int:
        value = self.fold(expr)
        if value is None:
            raise Undecided(f"needs the value of a constant ({what})", expr.span)
        return value

    def _base(self, ctype: CType) -> ValueType:
        inline = ctype.inline
        if isinstance(inline, StructDef):
            return self._inline_struct(inline)
        if isinstance(inline, EnumDef):
            return self._enum(inline)
        base = ctype.base
        basic = find_basic(base)
        if basic is not None:
            return basic
        keyword, _, _tag = base.partition(" ")
        if keyword in ("struct", "union"):
            return self.struct(base)
        if keyword == "enum":
            return UINT  # gcc's choice unless an enumerator is negative
        known = self._typedefs.get(base)
        if known is None:
            typedef = self._source.find_typedef(base)
            if typedef is not None:
                with self._open(base):
                    known = self.resolve(typedef.type)
            elif base in _ABI_NAMES:
                known = _ABI_NAMES[base]
            else:
                raise Undecided(f"needs type {base}")
            self._typedefs[base] = known
        return known

    def _inline_struct(self, definition: StructDef) -> StructType:
        if definition.name:
            found = self.struct(f"{definition.kind} {definition.name}")
            if found.definition is None:
                found.definition = definition
            return found
        held = self._inline.get(id(definition))
        if held is None:
            held = (definition, StructType(definition.kind, "", definition))
            self._inline[id(definition)] = held
        return held[1]

    def _enum(self, definition: EnumDef) -> ValueType:
        for _name, expr in definition.items:
            value = self.fold(expr) if expr is not None else 0
            if value is not None and value < 0:
                return INT
        return UINT

    def struct(self, kind_and_name: str) -> StructType:
        """Return the type of "struct page"; it need not be defined until its layout is asked."""
        found = self._tags.get(kind_and_name)
        if found is None:
            kind, _, name = kind_and_name.partition(" ")
            found = self._tags[kind_and_name] = StructType(kind, name, None)
        return found

    @contextmanager
    def _open(self, name: str) -> Iterator[None]:
        """Work on a type's definition; one that needs itself for that has no meaning."""
        if name in self._pending or len(self._pending) > NESTING_LIMIT:
            raise Undecided(f"needs {name}, which is defined by itself")
        self._pending.append(name)
        try:
            yield
        finally:
            self._pending.pop()

    def resolve_name(self, name: str) -> ValueType:
        """Return the type a name means ("pte_t")."""
        return self._base(CType(name))

    def size(self, kind: ValueType) -> int:
        """Return ``sizeof`` in bytes (1 for void and functions, as GNU C has it)."""
        if isinstance(kind, IntType):
            return kind.size
        if isinstance(kind, PointerType):
            return POINTER_SIZE
        if isinstance(kind, ArrayType):
            return max(kind.count, 0) * self.size(kind.of)
        if isinstance(kind, StructType):
            return self.layout(kind).size
        return 1

    def align(self, kind: ValueType) -> int:
        """Return the alignment in bytes."""
        if isinstance(kind, ArrayType):
            return self.align(kind.of)
        if isinstance(kind, StructType):
            return self.layout(kind).align
        if isinstance(kind, VoidType | FunctionType):
            return 1
        return self.size(kind)

    def layout(self, kind: StructType) -> Layout:
        """Return the struct's layout; Undecided when the tree does not define it."""
        known = self._layouts.get(kind)
        if known is None:
            definition = kind.definition
            if definition is None:
                definition = self._source.find_struct(f"{kind.kind} {kind.name}")
            if definition is None:
                raise Undecided(f"needs {kind!r}")
            with self._open(repr(kind) if kind.name else f"{kind!r} {id(kind)}"):
                known = self._layouts[kind] = Placer(self, definition).place()
        return known

    def member(self, kind: StructType, name: str) -> MemberPlace:
        """Return a member's place; Undecided when there is no such member."""
        found = self.layout(kind).members.get(name)
        if found is None:
            raise Undecided(f"needs member {name} of {kind!r}")
        return found

    def member_at(self, kind: StructType, offset: int, wanted: ValueType | None = None) -> str:
        """Name what covers an offset, dotted: the first member of type ``wanted``, else the first.

        Empty in padding. Members of a union share their offsets; the type an access is made
        through tells them apart.
        """
        first = ""
        for name, place in self.layout(kind).order:
            if not place.offset <= offset < place.offset + max(self.size(place.type), 1):
                continue
            named, exact = self._name_in(place, name, offset - place.offset, wanted)
            if exact:
                return named
            first = first or named
        return first

    def _name_in(
        self, place: MemberPlace, name: str, rest: int, wanted: ValueType | None
    ) -> tuple[str, bool]:
        inner = place.type
        if rest == 0 and name and inner == wanted:
            return name, True
        deeper = self.member_at(inner, rest, wanted) if isinstance(inner, StructType) else ""
        exact = bool(deeper) and isinstance(inner, StructType)
        if exact and isinstance(inner, StructType):
            last = self._follow(inner, deeper)
            exact = last is not None and last == wanted
        return ".".join(part for part in (name, deeper) if part), exact

    def _follow(self, kind: StructType, dotted: str) -> ValueType | None:
        found: ValueType = kind
        for part in dotted.split("."):
            if not isinstance(found, StructType) or part not in self.layout(found).members:
                return None
            found = self.layout(found).members[part].type
        return found

    def constant(self, expr: Expr, what: str) -> int:
        """Return the value of a constant expression, or stop."""
        return self._constant(expr, what)
