"""Numbers of a walk: what is said of one holds of every number it stands for."""

from __future__ import annotations

import operator

from hypothesis import given
from hypothesis import strategies as st

from reviewer.analysis import numbers
from reviewer.analysis.numbers import COMPARISONS, as_flags, compare, join, mask_bits, signs_where
from reviewer.analysis.values import ANY_SIGN, EQUAL, Num, State, Unknown
from reviewer.analysis.walk import widen

Number = Num | Unknown
PYTHON = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne, "&": operator.and_, "|": operator.or_,
}  # fmt: skip

ints = st.integers(-70, 70)
signs = st.sets(st.sampled_from(ANY_SIGN)).map(lambda s: "".join(c for c in ANY_SIGN if c in s))
unknowns = st.builds(
    lambda s, may, must: Unknown(signs=s, may=may, must=must & may),
    signs, st.one_of(st.just(-1), ints), st.one_of(st.just(0), ints),
)  # fmt: skip
values = st.one_of(st.builds(Num, ints), unknowns)


@st.composite
def covered(draw: st.DrawFn) -> tuple[Unknown, int]:
    """Draw an unknown number, and one that it may be."""
    number = draw(ints)
    sign = "0" if number == 0 else "-" if number < 0 else "+"
    wide = "".join(c for c in ANY_SIGN if c == sign or draw(st.booleans()))
    return Unknown(signs=wide, may=number | draw(ints), must=number & draw(ints)), number


comparisons = st.sampled_from(sorted(COMPARISONS))


def stands_for(value: Number, number: int) -> bool:
    """Say whether an abstract number covers a concrete one."""
    if isinstance(value, Num):
        return value.value == number
    sign = "0" if number == 0 else "-" if number < 0 else "+"
    within = not number & ~value.may and number & value.must == value.must
    return sign in value.signs and within


@given(values, values, ints)
def test_join_covers_both_and_does_not_care_for_order(a: Number, b: Number, number: int) -> None:
    joined = join(a, b)
    assert joined == join(b, a)
    assert join(a, a) == a
    if stands_for(a, number) or stands_for(b, number):
        assert stands_for(joined, number)


@given(values, values, values, ints)
def test_join_loses_nothing_in_any_grouping(a: Number, b: Number, c: Number, number: int) -> None:
    left, right = join(join(a, b), c), join(a, join(b, c))
    if any(stands_for(x, number) for x in (a, b, c)):
        assert stands_for(left, number)
        assert stands_for(right, number)


@given(st.sampled_from("&|"), covered(), covered())
def test_bits_of_a_masked_word_are_the_machines(
    op: str, a: tuple[Unknown, int], b: tuple[Unknown, int]
) -> None:
    result = mask_bits(op, a[0], b[0])
    assert result is None or stands_for(result, PYTHON[op](a[1], b[1]))


@given(comparisons, covered(), ints)
def test_a_comparison_that_is_settled_is_right_for_every_number(
    op: str, drawn: tuple[Unknown, int], right: int
) -> None:
    value, number = drawn
    truth = PYTHON[op](number, right)
    settled = compare(op, value, right)
    assert settled is None or bool(settled.value) == truth
    # refinement keeps every number for which the test has this outcome
    left = signs_where(op, value.signs, right, truth=truth)
    assert stands_for(numbers.with_signs(value, left), number)


@given(ints)
def test_a_word_of_flags_stands_for_itself(number: int) -> None:
    assert stands_for(as_flags(Num(number)), number)


names = st.sampled_from(["flags", "left", "count"])
states = st.builds(
    lambda env, facts: State(env=dict(env), facts={(EQUAL, n): t for n, t in facts.items()}),
    st.dictionaries(names, values),
    st.dictionaries(st.sampled_from(["x 1", "y 2"]), st.booleans()),
)


@given(st.lists(states, min_size=1, max_size=30))
def test_widening_covers_what_comes_and_comes_to_rest(met: list[State]) -> None:
    """Where paths meet: each widened state covers the path's own, and there are few of them."""
    groups: dict[tuple[object, ...], dict[object, object]] = {}
    widened = []
    for state in met:
        wide = widen(state, groups)
        widened.append(wide)
        assert wide.env.keys() == state.env.keys()
        for name, value in state.env.items():
            assert all(
                stands_for(wide.env[name], number)  # type: ignore[arg-type] # numbers only
                for number in range(-70, 71)
                if stands_for(value, number)  # type: ignore[arg-type]
            )
        assert wide.facts.items() <= state.facts.items()
    again = [widen(state, groups) for state in widened for _ in range(2)]
    assert {s.key() for s in again[1::2]} == {s.key() for s in [widen(s, groups) for s in widened]}
