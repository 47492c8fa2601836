"""Plain numbers in a walk: known ones, and of the others the sign and the bits.

Signs are a part of ``-0+``. Of the bits it is kept which can be set and which are: that is what
a word of flags says once ``|=`` was taken on some paths only.
"""

from __future__ import annotations

from collections.abc import Callable

from reviewer.analysis.values import ANY_SIGN, Num, Unknown

_SHIFT = 63  # farther shifts are not folded
_FOLD: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
}
COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_FAR = 1 << 70  # a number of a sign, as far from zero as need be
_NEAR = {"-": (-_FAR, -1), "0": (0, 0), "+": (1, _FAR)}
Number = Num | Unknown


def signs_of(value: Number) -> str:
    """Return the signs the number can have."""
    if isinstance(value, Unknown):
        return value.signs
    return "0" if value.value == 0 else "-" if value.value < 0 else "+"


def _bits_of(value: Number) -> tuple[int, int]:
    """Return the bits that can be set, and those that are."""
    return (value.may, value.must) if isinstance(value, Unknown) else (value.value, value.value)


def _make(a: Number, b: Number, signs: str, bits: tuple[int, int]) -> Number:
    may, must = bits
    signs = "".join(s for s in ANY_SIGN if s in signs)
    if must and "0" in signs:
        signs = signs.replace("0", "")
    if may == 0 or signs == "0":
        return Num(0, a.doubt | b.doubt)
    return Unknown(a.doubt | b.doubt, signs, may, must)


def with_signs(value: Unknown, signs: str) -> Number:
    """Return an unknown number of which the sign is known now."""
    return _make(value, value, signs, (value.may, value.must))


def join(a: Number, b: Number) -> Number:
    """Return the least number that covers both."""
    if a == b:
        return a
    (may, must), (may2, must2) = _bits_of(a), _bits_of(b)
    return _make(a, b, signs_of(a) + signs_of(b), (may | may2, must & must2))


def mask_bits(op: str, left: Number, right: Number) -> Number | None:
    """Return the result of ``&`` or ``|`` as far as the bits say; None where they say nothing."""
    (may, must), (may2, must2) = _bits_of(left), _bits_of(right)
    if op == "&":
        bits = (may & may2, must & must2)
    elif op == "|":
        bits = (may | may2, must | must2)
    else:
        return None
    if bits == (-1, 0):
        return None
    signs = "0+" if bits[0] >= 0 else ANY_SIGN
    return _make(left, right, signs, bits)


def as_flags(value: Num) -> Number:
    """Return a word of flags by its bits, so that paths that set different ones can meet."""
    number = value.value
    return value if number in (0, 1) else Unknown(value.doubt, signs_of(value), number, number)


def fold(op: str, left: Num, right: Num) -> Num | None:
    """Return the result of an operator on two known numbers, None for an operator not folded."""
    doubt, about = left.doubt | right.doubt, left.about | right.about
    if op == "<<" and 0 <= right.value <= _SHIFT:
        return Num(left.value << right.value, doubt, about)
    if op not in _FOLD:
        return None
    return Num(_FOLD[op](left.value, right.value), doubt, about)


def compare(op: str, left: Unknown, right: int) -> Num | None:
    """Return the answer of a comparison that the sign of the left side settles, or None."""
    answers = {_can(op, sign, right) for sign in left.signs}
    if len(answers) != 1 or None in answers:
        return None
    return Num(int(bool(answers.pop())), left.doubt)


def signs_where(op: str, signs: str, right: int, *, truth: bool) -> str:
    """Return the signs for which a comparison can have this truth."""
    return "".join(s for s in signs if _can(op, s, right) in (truth, None))


def _can(op: str, sign: str, right: int) -> bool | None:
    """Say whether a comparison holds for all, none (False) or some (None) numbers of a sign."""
    least, most = _NEAR[sign]
    if op in ("==", "!="):
        if not least <= right <= most:
            return op == "!="
        return (op == "==") if least == most else None
    ends = {bool(_FOLD[op](n, right)) for n in (least, most)}
    return ends.pop() if len(ends) == 1 else None
