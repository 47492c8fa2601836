"""The lattice of page states: laws that hold for every state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.analysis.values import ObjectState, State, split
from reviewer.model.pagestate import ANYWHERE, PageState, Pin, Position, after_split

positions = st.frozensets(st.sampled_from(Position), min_size=1)
states = st.builds(PageState, positions, st.sampled_from(Pin))
OBJ = ("made", "f", "a.c", 1, "pfn_to_page")


@given(states, states)
def test_join_covers_both_and_does_not_care_for_order(a: PageState, b: PageState) -> None:
    joined = a.join(b)
    assert joined == b.join(a)
    assert a.positions | b.positions == joined.positions
    assert a.now <= joined.now
    assert b.now <= joined.now


@given(states, states, states)
def test_join_is_associative_and_idempotent(a: PageState, b: PageState, c: PageState) -> None:
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(a) == a


@given(states)
def test_without_a_pin_a_page_may_be_anything_now(state: PageState) -> None:
    if state.pin is Pin.ENTRY:
        assert state.positions <= state.now == after_split(state.positions)
    else:
        assert state.now == (state.positions if state.pin.holds else ANYWHERE)


@given(positions, positions)
def test_a_split_makes_no_tail_and_is_done_when_it_is_done(
    a: frozenset[Position], b: frozenset[Position]
) -> None:
    assert Position.TAIL in after_split(a) or Position.TAIL not in a
    assert after_split(a | b) == after_split(a) | after_split(b)
    assert after_split(after_split(a)) == after_split(a)


@given(positions, positions, st.booleans(), st.booleans())
def test_a_test_splits_a_claim_without_loss(
    claimed: frozenset[Position], subset: frozenset[Position], pinned: bool, tracked: bool
) -> None:
    pins = frozenset({Pin.REFERENCE}) if pinned else frozenset[Pin]()
    state = State(objects={OBJ: ObjectState(claimed, pins, tracked)})
    answers = split(state, OBJ, subset)
    assert frozenset[Position]().union(*(s.find(OBJ).positions for s, _, _ in answers)) == claimed
    for after, truth, doubt in answers:
        where = after.find(OBJ).positions
        assert where <= subset if truth else not where & subset
        # only an answer that follows from the claim alone can be doubted
        assert not doubt or (len(answers) == 1 and tracked and not pinned)
    if len(answers) == 1 and tracked and not pinned:
        assert answers[0][2] == {OBJ}
