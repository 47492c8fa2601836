"""How page objects relate: heads, neighbours, and what a pin on one says of another."""

from __future__ import annotations

from dataclasses import replace

from reviewer.analysis.values import (
    CLEARED,
    REFS,
    Doubt,
    ObjectId,
    ObjectState,
    Ptr,
    State,
    find_root,
)
from reviewer.model.pagestate import ANYWHERE, NOT_TAIL, Pin, Position, after_split

NEAREST = 3  # neighbours of neighbours are told apart up to this


def find_head(state: State, obj: ObjectId) -> ObjectId:
    """Return the object for the head of ``obj``, deriving it into ``state``.

    A head derived from a pinned page is pinned with it. One derived before and pinned by
    itself keeps its pin: that is what a recheck compares with.
    """
    mine = state.find(obj)
    if mine.positions <= NOT_TAIL and mine.positions:
        return obj
    beside = find_ancestors(obj)[:1]
    if obj[0] == "near" and mine.pins and mine.positions == frozenset({Position.TAIL}):
        other = state.find(beside[0])
        if other.positions == frozenset({Position.HEAD}) and other.pins:
            return beside[0]  # a tail beside a head that is pinned is one of its own
    head: ObjectId = ("head", obj)
    known = state.objects.get(head)
    if known is not None and known.pins:
        return head
    positions = frozenset({Position.HEAD})
    if Position.ORDER0 in mine.positions:
        positions = NOT_TAIL
    state.objects[head] = replace(mine, positions=positions, taken=None, used=None)
    return head


def find_neighbour(state: State, obj: ObjectId) -> ObjectId:
    """Return the object for another struct page beside ``obj``, pinned as it is.

    From a head it is a tail of the same compound page (``page[1]``, ``nth_page``); from
    anything else it may be any page.
    """
    mine = state.find(obj)
    near: ObjectId = ("near", obj)
    if _depth(near) > NEAREST:
        near = obj
    positions = ANYWHERE
    if mine.making:
        positions = frozenset({Position.ORDER0})  # until it is made a tail
    elif mine.positions == frozenset({Position.HEAD}):
        positions = frozenset({Position.TAIL})
    elif mine.positions == frozenset({Position.ORDER0}) and Pin.EXCLUSIVE in mine.pins:
        positions = mine.positions  # a block of free pages, or memory nobody has yet
    hugetlb = None if positions == ANYWHERE else mine.hugetlb
    state.objects[near] = replace(mine, positions=positions, hugetlb=hugetlb, making=False)
    return near


def step_neighbour(state: State, obj: ObjectId) -> ObjectId:
    """Return the object for ``page + 1`` where the variable itself moves on.

    A loop comes by here each time round, so a neighbour of a neighbour is the same object
    again, and what was derived from it before is of another page.
    """
    if obj[0] != "near":
        return find_neighbour(state, obj)
    mine = state.find(obj)
    for other in [o for o in state.objects if o != obj and obj in find_ancestors(o)]:
        del state.objects[other]
    block = Pin.EXCLUSIVE in mine.pins and mine.positions == frozenset({Position.ORDER0})
    state.objects[obj] = mine if block else replace(mine, positions=ANYWHERE, hugetlb=None)
    return obj


def find_ancestors(obj: ObjectId) -> list[ObjectId]:
    """Return the objects this one was derived from, nearest first."""
    found = []
    while obj[0] in ("head", "near"):
        inner = obj[1]
        assert isinstance(inner, tuple)
        found.append(inner)
        obj = inner
    return found


def _depth(obj: ObjectId) -> int:
    return sum(1 for other in (obj, *find_ancestors(obj)) if other[0] == "near")


def join_groups(state: State, head: ObjectId, doubted: Doubt) -> tuple[State, State]:
    """Return the states after a recheck: found in the pinned compound page, or not."""
    state = state.with_object(head, replace(state.find(head), taken=None, used=None))
    same, other = state.copy(), state.copy()
    pins = state.find(head).pins
    for obj in doubted:
        mine = state.find(obj)
        same.objects[obj] = replace(mine, pins=pins, refs=state.find(head).refs)
        other.objects[obj] = ObjectState(ANYWHERE, frozenset(), mine.tracked)
        if head == ("head", obj) and mine.positions == frozenset({Position.TAIL}):
            # a tail names it as its head, and both are pinned
            found = same.find(head)
            same.objects[head] = replace(found, positions=frozenset({Position.HEAD}))
    return same, other


def take_pin(state: State, obj: ObjectId, pin: Pin, positions: frozenset[Position] | None) -> State:
    """Return the state after a pin was taken; it says anew where the page can be."""
    mine = state.find(obj)
    where = mine.positions
    if positions is not None:
        # a lock that owns the page keeps a claim that fits; a reference says it anew
        fits = mine.positions & positions
        where = fits if fits and (mine.pins or pin is Pin.EXCLUSIVE) else positions
    refs = min(mine.refs + (pin is Pin.REFERENCE), REFS)
    now = replace(mine, positions=where, pins=mine.pins | {pin}, refs=refs, taken=None, used=None)
    taken = state.with_object(obj, now)
    settle(taken, obj)
    return taken


def own_page(state: State, obj: ObjectId) -> State:
    """Return the state after a call that says the page is free, or fresh from the allocator."""
    if not state.find(obj).tracked:
        return state
    mine = ObjectState(frozenset({Position.ORDER0}), frozenset({Pin.EXCLUSIVE}))
    return state.with_object(obj, mine)


def guard(state: State, about: Doubt) -> State:
    """Return the state after a flag of these pages was found set that is not followed."""
    roots = {find_root(obj) for obj in about}
    if not any(state.find(obj).tracked for obj in about):
        return state
    new = state.copy()
    for obj, mine in state.objects.items():
        if find_root(obj) in roots and not mine.guarded:
            new.objects[obj] = replace(mine, guarded=True)
    return new


def know_hugetlb(state: State, obj: ObjectId, *, is_one: bool) -> State:
    """Return the state in which a page, and what was derived of it, is a hugetlb page or none."""
    root = find_root(obj)
    new = state.copy()
    for other, mine in state.objects.items():
        if find_root(other) == root:
            compound = mine.positions - {Position.ORDER0}
            positions = compound if is_one and compound else mine.positions
            new.objects[other] = replace(mine, hugetlb=is_one, positions=positions)
    return new


def pin_head(state: State, obj: ObjectId, pin: Pin) -> State:
    """Return the state after a pin that holds the head computed before, too."""
    head: ObjectId = ("head", obj)
    mine = state.objects.get(head)
    if mine is None or not mine.tracked or mine.held:
        return state
    return take_pin(state, head, pin, None)


def settle(state: State, obj: ObjectId) -> None:
    """Clear the doubt of the pointers to an object that is pinned now.

    What they point at stays what it is; only whether it is still the head of the page they
    were read from is open, and that is asked by deriving the head again.
    """
    for name, value in state.env.items():
        if isinstance(value, Ptr) and value.obj == obj and value.doubt:
            state.env[name] = Ptr(obj)


def drop_pins(state: State, obj: ObjectId) -> State:
    """Return the state after a reference was dropped: so it is for all of its compound page.

    A page known to be order-0 is a compound page of its own: a split makes such pages.
    """
    root = find_root(obj)
    alone = frozenset({Position.ORDER0})
    new = state.copy()
    for other, mine in state.objects.items():
        apart = alone in (mine.positions, state.find(obj).positions)
        if other == obj or (find_root(other) == root and not apart):
            new.objects[other] = _put(mine)
    return new


def drop_entries(state: State) -> State:
    """Return the state after a page-table lock was dropped: the entries it held can change.

    The reference of an entry that was taken away stays.
    """
    new = state.copy()
    cleared = new.facts.pop(CLEARED, False)
    for obj, mine in state.objects.items():
        lost = mine.pins & {Pin.PAGE_TABLE_LOCK, Pin.ENTRY}
        if cleared and Pin.PAGE_TABLE_LOCK in lost:
            pins, refs = mine.pins - lost | {Pin.REFERENCE}, min(mine.refs + 1, REFS)
            new.objects[obj] = replace(mine, pins=pins, refs=refs)
        elif lost:
            new.objects[obj] = replace(mine, pins=mine.pins - lost, lost=lost)
    return new


def find_entries_again(state: State) -> State:
    """Return the state after entries were found the same, with their lock taken again."""
    new = state.copy()
    for obj, mine in state.objects.items():
        if mine.lost:
            new.objects[obj] = replace(mine, pins=mine.pins | mine.lost, lost=frozenset())
    return new


def split_page(state: State, obj: ObjectId, *, pins_stay: bool = False) -> State:
    """Return the state after the compound page was split: what held it holds ``obj`` alone.

    With ``pins_stay`` each page keeps the references taken on it.
    """
    if not state.find(obj).tracked:
        return state
    root = find_root(obj)
    new = state.copy()
    for other, mine in state.objects.items():
        stays = find_root(other) == root and pins_stay and mine.pins
        if other == obj or stays:
            new.objects[other] = replace(mine, positions=frozenset({Position.ORDER0}))
        elif find_root(other) == root:
            new.objects[other] = ObjectState(after_split(mine.positions), frozenset())
    return new


def _put(mine: ObjectState) -> ObjectState:
    if mine.refs > 1 or (mine.refs == 1 and Pin.EXCLUSIVE in mine.pins):
        left = mine.refs - 1
        pins = mine.pins if left else mine.pins - {Pin.REFERENCE}
        return replace(mine, refs=left, pins=pins)
    pins = mine.pins - {Pin.REFERENCE, Pin.EXCLUSIVE}
    return replace(mine, refs=0, pins=pins, hugetlb=mine.hugetlb if pins else None)


def forget_derived(state: State, obj: ObjectId) -> None:
    """Drop what was derived from an object that is made anew (a loop came round)."""
    root = find_root(obj)
    for other in [o for o in state.objects if o != obj and find_root(o) == root]:
        del state.objects[other]
