"""The lattice of page states: laws that hold for every state."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reviewer.analysis.objects import (
    drop_pins,
    find_head,
    find_neighbour,
    join_groups,
    split_page,
    take_pin,
)
from reviewer.analysis.values import ObjectId, ObjectState, State, split
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
    if state.pin in (Pin.ENTRY, Pin.POISONED):
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


# ---- objects: a page, its head, its neighbours ---------------------------------------------

HEAD: ObjectId = ("head", OBJ)
# where the head of a page is, by where the page is
HEAD_OF = {
    Position.ORDER0: Position.ORDER0, Position.HEAD: Position.HEAD, Position.TAIL: Position.HEAD,
}  # fmt: skip
objects = st.builds(
    lambda where, held, tracked: ObjectState(
        where, frozenset({Pin.REFERENCE}) if held else frozenset(), tracked, int(held)
    ),
    positions, st.booleans(), st.booleans(),
)  # fmt: skip


@given(objects)
def test_the_head_of_a_page_is_where_some_head_of_such_a_page_is(page: ObjectState) -> None:
    state = State(objects={OBJ: page})
    head = find_head(state, OBJ)
    where = state.find(head).positions
    assert Position.TAIL not in where or head == OBJ
    assert {HEAD_OF[p] for p in page.positions} <= where
    assert state.find(head).pins == page.pins
    assert find_head(state, head) == head  # the head of a head is itself


@given(objects, st.none() | positions)
def test_a_pin_holds_until_it_is_put(page: ObjectState, where: frozenset[Position] | None) -> None:
    state = State(objects={OBJ: page})
    taken = take_pin(state, OBJ, Pin.REFERENCE, where)
    assert Pin.REFERENCE in taken.find(OBJ).pins
    assert not taken.find(OBJ).unpinned
    assert taken.find(OBJ).positions
    assert where is None or taken.find(OBJ).positions <= where
    put = drop_pins(taken, OBJ)
    assert put.find(OBJ).pins == page.pins
    assert drop_pins(put, OBJ).find(OBJ).pins == frozenset()
    assert state.objects == {OBJ: page}  # a state is copied before it is changed


@given(objects)
def test_a_recheck_pins_the_page_or_forgets_it(page: ObjectState) -> None:
    state = State(objects={OBJ: replace(page, pins=frozenset(), refs=0)})
    head = find_head(state, OBJ)
    state = take_pin(state, head, Pin.REFERENCE, None)
    same, other = join_groups(state, head, frozenset({OBJ}))
    assert same.find(OBJ).pins == {Pin.REFERENCE}
    assert same.find(OBJ).positions == page.positions
    assert head == OBJ or other.find(OBJ).positions == ANYWHERE
    assert not other.find(OBJ).pins


@given(objects)
def test_a_split_leaves_an_order_0_page_and_no_pin_on_the_others(page: ObjectState) -> None:
    state = State(objects={OBJ: replace(page, tracked=True)})
    near = find_neighbour(state, OBJ)
    assert state.find(near).pins == page.pins
    after = split_page(state, OBJ)
    assert after.find(OBJ).positions == {Position.ORDER0}
    assert state.find(near).positions <= after.find(near).positions
    assert not after.find(near).pins
