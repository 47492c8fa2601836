"""A head that is pinned by itself must be looked at again: what is done with it before that.

Whoever takes a reference by trying says that nothing pins the page yet. Between computing its
head and pinning that, the page may have gone elsewhere; comparing its head anew settles it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.hazards import Demand, DemandKind, Hazard
from reviewer.analysis.objects import find_ancestors
from reviewer.analysis.spelling import describe
from reviewer.analysis.values import ObjectId, Ptr, State, Use, Value, find_root
from reviewer.model import ctree as c
from reviewer.model.finding import PathStep, Reason

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame

HANDED_OUT = "return"  # how handing out a head that was not looked at is told


def mark_taken(frame: Frame, state: State, obj: ObjectId, call: c.Call) -> None:
    """Note where a head is pinned though nothing pins the page it was computed from."""
    pages = find_ancestors(obj)[:1] if obj[0] == "head" else []
    for page in pages:
        if not state.find(page).pins:
            use = describe_use(frame, call)
            state.objects[obj] = replace(state.find(obj), taken=use, used=None)


def describe_use(frame: Frame, expr: c.Expr) -> Use:
    """Say what a function does here."""
    name, span = frame.function.name, expr.span
    return Use(PathStep(name, span.at_path, span.at_line), span, describe(expr))


def mark_used(frame: Frame, state: State, expr: c.Expr, values: tuple[Value, ...]) -> State:
    """Return the state after pages were handed on: an unchecked head among them was relied on.

    A test is none: it may be what leads to the second look. What a callee does with it was
    told where it was handed on.
    """
    if frame.node is None or frame.node.kind == "branch":
        return state
    for value in values:
        head = _find_unchecked(state, value.obj) if isinstance(value, Ptr) else None
        if head is not None and state.find(head).used is None and _is_ours(frame, state, head):
            mine = replace(state.find(head), used=describe_use(frame, expr))
            state = state.with_object(head, mine)
    return state


def _is_ours(frame: Frame, state: State, head: ObjectId) -> bool:
    """Say whether a head was pinned in this function, or below it: a callee is handed it."""
    taken = state.find(head).taken
    mine = taken is not None and taken.step.function == frame.function.name
    return mine or head not in frame.handed


def note_asked(frame: Frame, state: State, pages: Iterable[ObjectId]) -> State:
    """Return the state after a test of this function asked where pages are: a second look.

    Asking the head that was pinned is none: that it is a head does not make it the page's.
    """
    ours = (
        p for p in pages if not state.find(p).held_alone and _is_ours(frame, state, ("head", p))
    )
    return note_look(state, ours)


def _find_unchecked(state: State, obj: ObjectId) -> ObjectId | None:
    """Return the head that was pinned by itself, if ``obj`` is it or the page it is of."""
    return next((o for o in (obj, ("head", obj)) if state.find(o).held_alone), None)


def note_look(state: State, pages: Iterable[ObjectId]) -> State:
    """Return the state after pages were looked at again: what was pinned of them is settled."""
    for page in pages:
        head = _find_unchecked(state, page)
        if head is not None:
            state = state.with_object(head, replace(state.find(head), taken=None, used=None))
    return state


def note_compared(frame: Frame, state: State, expr: c.Binary, left: Value, right: Value) -> None:
    """Note that a head pinned by itself is compared with that of its page, computed anew."""
    if not (isinstance(left, Ptr) and isinstance(right, Ptr) and left.obj == right.obj):
        return
    taken = state.find(left.obj).taken
    for page in find_ancestors(left.obj)[:1]:
        if taken is not None and page in left.doubt | right.doubt:
            look = describe_use(frame, expr)
            _add(frame, state, page, DemandKind.LOOK, look, taken.step)


def find_taken(state: State, obj: ObjectId) -> PathStep | None:
    """Return where the head of an unpinned page was pinned, if it was not compared since."""
    head = state.find(("head", obj))
    alone = head.held_alone and state.find(obj).unpinned
    return head.taken.step if alone and head.taken is not None else None


def note_put(frame: Frame, state: State, obj: ObjectId) -> None:
    """Note what was done with an unchecked head, now that its reference goes."""
    root = find_root(obj)
    for head, mine in state.objects.items():
        if find_root(head) == root and mine.held_alone and mine.used is not None:
            _note(frame, state, head, mine.used)


def note_end(frame: Frame, state: State, value: Value) -> None:
    """Note what was done with unchecked heads where a walk ends; one is handed out, too."""
    for head, mine in state.objects.items():
        if not mine.held_alone or mine.taken is None:
            continue
        if mine.used is not None:
            _note(frame, state, head, mine.used)
        elif isinstance(value, Ptr) and _find_unchecked(state, value.obj) == head:
            _note(frame, state, head, replace(mine.taken, text=HANDED_OUT))


def _note(frame: Frame, state: State, head: ObjectId, use: Use) -> None:
    page, taken = find_ancestors(head)[0], state.find(head).taken
    if state.find(page).pins or taken is None:
        return
    _add(frame, state, page, DemandKind.USE, use, taken.step)


def _add(
    frame: Frame, state: State, page: ObjectId, kind: DemandKind, use: Use, taken: PathStep
) -> None:
    mine = state.find(page)
    demand = Demand(use.step.function, use.text, use.span, use.span, fatal=False, kind=kind)
    step = PathStep(frame.function.name, use.step.path, use.step.line)
    reason = Reason.STABILITY
    frame.note(Hazard(page, reason, mine.positions, mine.pin, demand, (step,), taken))
