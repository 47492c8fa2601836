"""What operators make of two values: page pointers, head words, numbers, and what names a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.numbers import COMPARISONS, as_flags, compare, fold, mask_bits
from reviewer.analysis.objects import find_head, find_neighbour, join_groups
from reviewer.analysis.secondlook import note_look
from reviewer.analysis.values import (
    UNKNOWN,
    HeadWord,
    Num,
    Ptr,
    Results,
    State,
    Symbol,
    Token,
    Unknown,
    Value,
    about_of,
    doubt_of,
    split,
)
from reviewer.model.pagestate import Position

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame

COMPARES = frozenset({"==", "!="})
TAIL = frozenset({Position.TAIL})


def find_number(frame: Frame, value: Value) -> Value:
    """Return an enumerator as its number, anything else as it is."""
    number = frame.engine.constant(value.name) if isinstance(value, Symbol) else None
    return value if number is None else Num(number)


def mask_variable(op: str, old: Value | None, number: Value) -> Value:
    """Return a word of flags after ``|=`` or ``&=`` (``op`` without the ``=``)."""
    if not isinstance(old, Num | Unknown) or not isinstance(number, Num | Unknown):
        return UNKNOWN
    masked = mask_bits(op, old, number)
    if isinstance(masked, Unknown) and masked.may == masked.must:
        return as_flags(Num(masked.must, masked.doubt))
    return UNKNOWN if masked is None else masked


def combine(state: State, op: str, left: Value, right: Value) -> Results:
    """Return what a binary operator makes of two values; it may split the path."""
    match left, right:
        case HeadWord(obj=obj, doubt=doubt), Num(value=mask) if op == "&" and mask == 1:
            # its own doubt counts only where the answer follows from the claim
            through = doubt - {obj}
            return [
                (s, Num(int(truth), own | through, frozenset({obj}) | through))
                for s, truth, own in split(state, obj, TAIL)
            ]
        case Num(value=1), HeadWord() if op == "&":
            return combine(state, op, right, left)
        case HeadWord(obj=obj, doubt=doubt), Num() if op in ("-", "&"):
            new = state.copy()  # head - 1, head & ~1: the head itself
            return [(new, Ptr(find_head(new, obj), doubt))]
        case Ptr(), Ptr() if op in COMPARES:
            return _compare(state, op, left, right)
        case Ptr(), Unknown() if op in COMPARES:  # as what a slot or an entry holds by now
            return [(note_look(state, (left.obj,)), Unknown(doubt_of(left) | doubt_of(right)))]
        case Unknown(), Ptr() if op in COMPARES:
            return combine(state, op, right, left)
        case Ptr(obj=obj, doubt=doubt), Unknown() | Num() if op in ("+", "-"):
            if isinstance(right, Num) and right.value == 0:
                return [(state, left)]
            new = state.copy()
            return [(new, Ptr(find_neighbour(new, obj), doubt))]
        case Ptr(), Num(value=0) if op in COMPARES:
            return [(state, Num(int(op == "!=")))]
        case Num(value=0), Ptr() if op in COMPARES:
            return [(state, Num(int(op == "!=")))]
        case Num(), Num():
            folded = fold(op, left, right)
            if folded is not None:
                return [(state, folded)]
        case Num() | Unknown(), Num() | Unknown() if op in "&|":
            masked = mask_bits(op, left, right)
            if masked is not None:
                return [(state, masked)]
        case Unknown(), Num(value=number) if op in COMPARISONS:
            answer = compare(op, left, number)
            if answer is not None:
                return [(state, answer)]
        case Token(), Unknown() | Num() if op in ("+", "-", "^", "&", "|"):
            same = isinstance(right, Num) and right.value == 0 and op in "+-^|"
            return [(state, left if same else replace(left, moved=True))]
        case Unknown() | Num(), Token() if op == "+":
            return [(state, replace(right, moved=True))]
    doubt, about = doubt_of(left) | doubt_of(right), about_of(left) | about_of(right)
    return [(state, Unknown(doubt, about=about))]


def _compare(state: State, op: str, left: Ptr, right: Ptr) -> Results:
    """Compare two page pointers.

    Equal ids are equal now, unless an unpinned page was read for one of them. Then the
    comparison is the recheck: found equal to a pinned head, the page is pinned with it;
    found different, nothing of the old claim holds.
    """
    equal = int(op == "==")
    if left.obj != right.obj:
        return [(note_look(state, (left.obj, right.obj)), UNKNOWN)]
    doubt = left.doubt | right.doubt
    if not doubt or state.find(left.obj).unpinned:
        return [(state, Num(equal, doubt))]
    same, other = join_groups(state, left.obj, doubt)
    return [(same, Num(equal)), (other, Num(1 - equal))]
