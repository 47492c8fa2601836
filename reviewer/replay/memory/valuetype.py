"""C's types and the arithmetic of their values on x86-64: widths, signs, conversions.

A value is a Python int: within the range of its integer type, the unsigned number of a
pointer, or all bytes of a struct read little-endian. No memory and no syntax here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.model.ctree import StructDef

POINTER_SIZE = 8
WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class IntType:
    """An integer type: ``size`` in bytes, ``rank`` of C 6.3.1.1 (2 char .. 6 long long).

    ``bits`` is the width of a bit field's value, else 0. ``_Bool`` has rank 1.
    """

    size: int
    signed: bool
    rank: int
    bits: int = 0

    @property
    def width(self) -> int:
        """Value bits, the sign included."""
        return self.bits or self.size * 8

    @property
    def low(self) -> int:
        """Smallest value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest value."""
        if self.rank == BOOL_RANK:
            return 1
        return (1 << (self.width - self.signed)) - 1


BOOL_RANK = 1
BOOL = IntType(1, False, BOOL_RANK)
CHAR = IntType(1, True, 2)
UCHAR = IntType(1, False, 2)
SHORT = IntType(2, True, 3)
USHORT = IntType(2, False, 3)
INT = IntType(4, True, 4)
UINT = IntType(4, False, 4)
LONG = IntType(8, True, 5)
ULONG = IntType(8, False, 5)
LLONG = IntType(8, True, 6)
ULLONG = IntType(8, False, 6)
INT128 = IntType(16, True, 7)
UINT128 = IntType(16, False, 7)


@dataclass(frozen=True, slots=True)
class VoidType:
    """``void``. GNU C lets pointers to it step by one."""


VOID = VoidType()


@dataclass(frozen=True, slots=True)
class PointerType:
    """A pointer; its value is the unsigned 64-bit address."""

    to: ValueType


@dataclass(frozen=True, slots=True)
class ArrayType:
    """An array; ``count`` is -1 where the declaration leaves it open."""

    of: ValueType
    count: int


@dataclass(frozen=True, slots=True)
class FunctionType:
    """A function (reached through a pointer): its result where it is known."""

    returns: ValueType


class StructType:
    """A struct or union, equal only to itself; its layout is worked out when first needed."""

    __slots__ = ("definition", "kind", "name")

    def __init__(self, kind: str, name: str, definition: StructDef | None) -> None:
        self.kind = kind
        self.name = name
        self.definition = definition

    def __repr__(self) -> str:
        return f"{self.kind} {self.name or '<anonymous>'}"


ValueType = IntType | VoidType | PointerType | ArrayType | FunctionType | StructType

_INTEGER_WORDS = {
    "_Bool": BOOL,
    "bool": BOOL,
    "char": CHAR,
    "short": SHORT,
    "int": INT,
    "long": LONG,
    "long long": LLONG,
    "__int128": INT128,
}
_UNSIGNED = {
    CHAR: UCHAR,
    SHORT: USHORT,
    INT: UINT,
    LONG: ULONG,
    LLONG: ULLONG,
    INT128: UINT128,
}


def find_basic(base: str) -> ValueType | None:
    """Return the type a built-in specifier names ("long unsigned int"), in any word order."""
    words = base.split()
    if words == ["void"]:
        return VOID
    kept = [w for w in words if w not in ("signed", "__signed__", "unsigned")]
    unsigned = "unsigned" in words
    if not kept:
        return (UINT if unsigned else INT) if words else None
    longs = kept.count("long")
    if longs == len(kept) or (longs and sorted({*kept} - {"long"}) == ["int"]):
        key = "long long" if longs > 1 else "long"
    elif "short" in kept and set(kept) <= {"short", "int"}:
        key = "short"
    elif len(kept) == 1:
        key = kept[0]
    else:
        return None
    found = _INTEGER_WORDS.get(key)
    if found is None:
        return None
    return _UNSIGNED.get(found, found) if unsigned else found


def wrap(value: int, to: ValueType) -> int:
    """Convert a number to a type as a C cast does (integers modulo their width)."""
    if isinstance(to, IntType):
        if to.rank == BOOL_RANK:
            return int(value != 0)
        width = to.width
        value &= (1 << width) - 1
        if to.signed and value >> (width - 1):
            value -= 1 << width
        return value
    if isinstance(to, PointerType | FunctionType | ArrayType):
        return value & WORD
    return value


def promote(kind: ValueType) -> ValueType:
    """Return the type after the integer promotions; arrays and functions become pointers."""
    if isinstance(kind, IntType):
        if kind.bits:
            if kind.bits < 32 or (kind.bits == 32 and kind.signed):
                return INT
            if kind.bits == 32:
                return UINT
            return IntType(kind.size, kind.signed, kind.rank, kind.bits)
        return INT if kind.rank < INT.rank else kind
    return decay(kind)


def decay(kind: ValueType) -> ValueType:
    """Return what an array or a function is as a value."""
    if isinstance(kind, ArrayType):
        return PointerType(kind.of)
    if isinstance(kind, FunctionType):
        return PointerType(kind)
    return kind


def usual(left: IntType, right: IntType) -> IntType:
    """Return the common type of two promoted integers (C 6.3.1.8)."""
    if left == right:
        return left
    if left.bits or right.bits:  # GNU: a wide bit field keeps its width
        return max(left, right, key=lambda t: (t.width, t.rank, not t.signed))
    if left.signed == right.signed:
        return left if left.rank >= right.rank else right
    unsigned, signed = (right, left) if left.signed else (left, right)
    if unsigned.rank >= signed.rank:
        return unsigned
    if signed.size > unsigned.size:
        return signed
    to_unsigned = _UNSIGNED[signed]
    assert isinstance(to_unsigned, IntType)
    return to_unsigned


def constant_type(value: int, suffix: str, *, decimal: bool) -> IntType:
    """Return the type of an integer constant (C 6.4.4.1): the first one that holds it."""
    longs = suffix.count("l")
    if "u" in suffix:
        candidates = [UINT, ULONG, ULLONG]
    elif decimal:
        candidates = [INT, LONG, LLONG]
    else:
        candidates = [INT, UINT, LONG, ULONG, LLONG, ULLONG]
    least = (INT, LONG, LLONG)[min(longs, 2)].rank
    for kind in candidates:
        if kind.rank >= least and kind.low <= value <= kind.high:
            return kind
    return INT128 if decimal else UINT128


def is_same(left: ValueType, right: ValueType) -> bool:
    """Say whether two unqualified types are the same, as ``_Generic`` asks."""
    return left is right or left == right
