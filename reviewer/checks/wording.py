"""The sentences of a finding: what reached what, in what state, and what does not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.analysis.hazards import Demand, Hazard
from reviewer.analysis.knowledge import Knowledge
from reviewer.analysis.reach import EntryPath
from reviewer.analysis.values import ObjectId
from reviewer.model.finding import PathStep, Reason
from reviewer.model.pagestate import Position

if TYPE_CHECKING:
    from reviewer.checks.page_demand import Group

_WORDS = {
    Position.ORDER0: "an order-0 page",
    Position.HEAD: "a head page",
    Position.TAIL: "a tail page",
}
MANY = 4


def positions(found: frozenset[Position]) -> str:
    """Return the positions in words, tail first: it is the one people forget."""
    order = (Position.TAIL, Position.HEAD, Position.ORDER0)
    return " or ".join(_WORDS[p] for p in order if p in found)


def derivation(obj: ObjectId, word: str) -> str:
    """Say how the page was come by."""
    if obj[0] == "head":
        inner = obj[1]
        assert isinstance(inner, tuple)
        return f"the head of {derivation(inner, word)}"
    if obj[0] == "near":
        inner = obj[1]
        assert isinstance(inner, tuple)
        return f"a neighbour of {derivation(inner, word)}"
    return f"the page {word}() gave"


def names(group: Group, hazard: Hazard, demand: Demand) -> dict[str, str]:
    """Return what a rule's question and remedies may name."""
    return {
        "source": group.made.word,
        "caller": (group.steps[-2] if len(group.steps) > 1 else group.steps[-1]).function,
        "helper": group.steps[-1].function,
        "asserts": demand.function,
        "assertion": demand.text,
        "page": derivation(hazard.obj, group.made.word),
        "positions": positions(hazard.claimed),
    }


def message(group: Group, hazard: Hazard) -> str:
    """Say the hazard in two or three sentences."""
    word = group.made.word
    demand = hazard.demand
    fires = f"{demand.function}() asserts {demand.text}"
    caller = (group.steps[-2] if len(group.steps) > 1 else group.steps[-1]).function
    helper = group.steps[-1].function
    if group.reason is Reason.POSITION:
        return (
            f"{positions(hazard.claimed)} can reach {demand.function}() from {caller}(): "
            f"{word}() yields any page, and {fires}."
        )
    tail = Position.TAIL in _legal(group)
    legal = " A tail argument is legal here; the page is what can change." if tail else ""
    return (
        f"{caller}() calls {helper}() on a page that is not pinned: {word}() takes no reference. "
        f"{fires} on {derivation(hazard.obj, word)}, which can be freed or split between "
        f"the claim and the assertion.{legal}"
    )


def _legal(group: Group) -> frozenset[Position]:
    """Return where the page itself was allowed to be: a head was derived from a tail."""
    if any(h.obj[0] == "head" for h in group.hazards):
        return frozenset({Position.TAIL, Position.HEAD})
    return frozenset()


def states(group: Group, hazard: Hazard) -> tuple[str, ...]:
    """Return the page's state where it is made and where it is asserted on."""
    made = group.made
    claimed = positions(hazard.claimed)
    if hazard.reason is Reason.POSITION:
        now = f"may be {claimed} here; the assertion fires on it"
    else:
        now = f"{claimed} when computed, {hazard.pin} holds it; now anything"
    return (
        f"{made.function}(): {made.word}() gives any page, pinned by {hazard.pin}",
        f"{hazard.demand.function}(): {derivation(hazard.obj, made.word)}: {now}",
    )


def guards(knowledge: Knowledge, path: tuple[PathStep, ...]) -> tuple[str, ...]:
    """Return what stands on the path and looks like protection, with why it is none."""
    seen: dict[str, str] = {}
    for step in path[:-1]:  # the last asserts: what it tests is the demand itself
        function = knowledge.code.find_function(step.function, step.path)
        for call in function.calls if function is not None else ():
            reason = knowledge.words.no_pins.get(call.name)
            if reason and call.line <= step.line:
                seen.setdefault(call.name, f"{call.name}() in {step.function}(): {reason}")
    return tuple(seen.values())[:MANY]


def entry_note(entry: EntryPath) -> tuple[str, ...]:
    """Say so where no entry point was found."""
    if entry.what:
        return ()
    return ("no call path from an entry point was found; it may be reached through a pointer",)
