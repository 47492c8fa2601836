"""Plain numbers in a walk: known ones, and the sign of the others."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.analysis.values import ANY_SIGN, Num, Unknown

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
_FAR = 1 << 62  # a number of a sign, as far from zero as need be
_NEAR = {"-": (-_FAR, -1), "0": (0, 0), "+": (1, _FAR)}


def signs_of(value: Num | Unknown) -> str:
    """Return the signs the number can have, a part of ``-0+``."""
    if isinstance(value, Unknown):
        return value.signs
    return "0" if value.value == 0 else "-" if value.value < 0 else "+"


def with_signs(value: Unknown, signs: str) -> Num | Unknown:
    """Return an unknown number of which the sign is known now."""
    return Num(0, value.doubt) if signs == "0" else Unknown(value.doubt, signs)


def join(a: Num | Unknown, b: Num | Unknown) -> Num | Unknown:
    """Return the least number that covers both."""
    if a == b:
        return a
    found = signs_of(a) + signs_of(b)
    return Unknown(a.doubt | b.doubt, "".join(s for s in ANY_SIGN if s in found))


def fold(op: str, left: Num, right: Num) -> Num | None:
    """Return the result of an operator on two known numbers, None for an operator not folded."""
    if op not in _FOLD:
        return None
    value = _FOLD[op](left.value, right.value)
    return Num(value, left.doubt | right.doubt, left.about | right.about)


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
