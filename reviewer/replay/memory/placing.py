"""Places the members of one struct or union: gcc's rules for x86-64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.model.ctree import Field, StructDef
from reviewer.replay.memory.valuetype import IntType, StructType, ValueType
from reviewer.replay.stepping.thread import Undecided

if TYPE_CHECKING:
    from reviewer.replay.memory.layout import Types


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


class Placer:
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
        """Return the layout."""
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
