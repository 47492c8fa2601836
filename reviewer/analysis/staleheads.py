"""A head computed before its page was split is another page's, or none: it is computed again.

After the split the caller's reference and lock are on the page that was named; the old head is
as good as any page nobody holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewer.analysis.hazards import Demand, DemandKind, Hazard
from reviewer.analysis.secondlook import describe_use
from reviewer.analysis.values import ObjectId, ObjectState, Ptr, State, Value
from reviewer.model import ctree as c
from reviewer.model.finding import PathStep, Reason

if TYPE_CHECKING:
    from reviewer.analysis.walk import Frame


def mark_stale(frame: Frame, state: State, page: ObjectId, call: c.Call) -> None:
    """Note, in the state after a split, that the head once computed from the page is stale.

    One that the function was handed beside the page is left alone: its caller has told the two
    apart by what is not followed.
    """
    head: ObjectId = ("head", page)
    named = any(isinstance(v, Ptr) and v.obj == head for v in state.env.values())
    beside = named and head in frame.handed
    if head in state.objects and state.find(page).tracked and not beside:
        use = describe_use(frame, call)
        state.objects[head] = replace(state.objects[head], taken=None, used=None, stale=use)


def mark_looked_up(frame: Frame, state: State, page: ObjectId, call: c.Call) -> None:
    """Note that a page is looked up again while a variable keeps the head of the one before."""
    head: ObjectId = ("head", page)
    if any(isinstance(value, Ptr) and value.obj == head for value in state.env.values()):
        state.objects[head] = ObjectState(tracked=False, stale=describe_use(frame, call))


def note_stale(frame: Frame, state: State, call: c.Call, values: tuple[Value, ...]) -> None:
    """Note that a stale head is handed on, to what the tree or the vocabulary knows.

    A trace of it does no harm.
    """
    name = call.callee.name if isinstance(call.callee, c.Name) else ""
    words = frame.words
    if not (name in words.pins or name in words.unpins or _is_known(frame, name)):
        return
    for value in values:
        mine = state.find(value.obj) if isinstance(value, Ptr) else None
        if not isinstance(value, Ptr) or mine is None or mine.stale is None:
            continue
        if value.obj in frame.handed and mine.stale.step.function != frame.function.name:
            continue  # it was told where it was handed on
        use = describe_use(frame, call)
        step, span = use.step, use.span
        demand = Demand(step.function, use.text, span, span, fatal=False, kind=DemandKind.USE)
        where = PathStep(frame.function.name, step.path, step.line)
        found = Hazard(value.obj, Reason.STABILITY, mine.positions, mine.pin, demand, (where,))
        frame.note(replace(found, stale=mine.stale.step))


def _is_known(frame: Frame, name: str) -> bool:
    return bool(name) and frame.engine.meant(name, frame.function.path) is not None
