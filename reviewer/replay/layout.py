"""Where the members of a struct lie: gcc's x86-64 layout, worked out from the tree's own text.

Covers unions, nested and anonymous members, arrays, bit fields, packed and aligned. A type
the tree does not define, or a size it does not say, is Undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from reviewer.model.ctree import CType, EnumDef, Expr, Field, StructDef, TypedefDef
from reviewer.replay.thread import Undecided
from reviewer.replay.valuetype import (
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


@dataclass(frozen=True, slots=True)
class MemberPlace:
    """A member: byte offset from the struct's start and type.

    For a bit field the offset is that of the unit it is accessed through (``unit`` bytes),
    ``shift`` its lowest bit there, ``bits`` its width (0: not a bit field).
    """

    offset: int
    type: ValueType
    bits: int = 0
    shift: int = 0
    unit: int = 0

    def within(self, offset: int) -> MemberPlace:
        """Return the place as seen from a struct that holds this one at ``offset``."""
        return MemberPlace(offset + self.offset, self.type, self.bits, self.shift, self.unit)


@dataclass(frozen=True, slots=True)
class Layout:
    """Size and alignment in bytes, and the members by name (anonymous ones looked through).

    ``order`` are the places of all direct fields in order, for initialisers.
    """

    size: int
    align: int
    members: Mapping[str, MemberPlace]
    order: tuple[tuple[str, MemberPlace], ...]


def _round_up(value: int, to: int) -> int:
    return -(-value // to) * to


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
            known = self._layouts[kind] = _Placer(self, definition).place()
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


class _Placer:
    """Lays out one struct or union; positions are in bits."""

    def __init__(self, types: Types, definition: StructDef) -> None:
        self._types = types
        self._definition = definition
        self._union = definition.kind == "union"
        self._position = 0
        self._end = 0
        self._align = 1
        self._members: dict[str, MemberPlace] = {}
        self._order: list[tuple[str, MemberPlace]] = []

    def place(self) -> Layout:
        for field in self._definition.fields:
            if self._union:
                self._position = 0
            if field.bits is not None:
                self._bit_field(field)
            else:
                self._plain(field)
            self._end = max(self._end, self._position)
        if self._definition.aligned is not None:
            asked = self._types.constant(self._definition.aligned, "alignment")
            self._align = max(self._align, asked)
        size = _round_up(-(-self._end // 8), self._align)
        return Layout(size, self._align, self._members, tuple(self._order))

    def _field_align(self, field: Field, kind: ValueType) -> int:
        align = 1 if self._definition.packed else self._types.align(kind)
        if field.aligned is not None:
            align = max(align, self._types.constant(field.aligned, "alignment"))
        return align

    def _plain(self, field: Field) -> None:
        kind = self._types.resolve(field.type)
        align = self._field_align(field, kind)
        self._align = max(self._align, align)
        offset = _round_up(-(-self._position // 8), align)
        self._position = (offset + self._types.size(kind)) * 8
        self._add(field.name, MemberPlace(offset, kind))

    def _bit_field(self, field: Field) -> None:
        assert field.bits is not None
        kind = self._types.resolve(field.type)
        if not isinstance(kind, IntType):
            raise Undecided(f"needs the type of bit field {field.name}", field.bits.span)
        bits = self._types.constant(field.bits, "width of a bit field")
        unit = kind.size * 8
        if bits == 0:
            self._position = _round_up(self._position, unit)
            return
        if field.aligned is not None:
            self._position = _round_up(self._position, 8 * self._field_align(field, kind))
        if not self._definition.packed:
            if self._position // unit != (self._position + bits - 1) // unit:
                self._position = _round_up(self._position, unit)
            if field.name:
                self._align = max(self._align, kind.size)
        start = self._position
        self._position += bits
        if field.name:
            self._add(field.name, self._bit_place(kind, bits, start))

    @staticmethod
    def _bit_place(kind: IntType, bits: int, start: int) -> MemberPlace:
        narrow = IntType(kind.size, kind.signed, kind.rank, bits)
        for size in (kind.size, 1, 2, 4, 8):
            first = start // (size * 8) * size
            if start + bits <= (first + size) * 8:
                return MemberPlace(first, narrow, bits, start - first * 8, size)
        raise Undecided("needs a bit field across two words")

    def _add(self, name: str, place: MemberPlace) -> None:
        self._order.append((name, place))
        if name:
            self._members[name] = place
        elif isinstance(place.type, StructType):
            for inner, at in self._types.layout(place.type).members.items():
                self._members.setdefault(inner, at.within(place.offset))
