"""The sentences of a finding: what reached what, in what state, and what does not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.analysis.hazards import Demand, DemandKind, Hazard, Made
from reviewer.analysis.knowledge import Knowledge
from reviewer.analysis.reach import EntryPath
from reviewer.analysis.values import ObjectId
from reviewer.model.finding import PathStep, Reason
from reviewer.model.pagestate import Position

if TYPE_CHECKING:
    from reviewer.checks.grouping import Group

_WORDS = {
    Position.ORDER0: "an order-0 page",
    Position.HEAD: "a head page",
    Position.TAIL: "a tail page",
}
_FAILS = {
    DemandKind.ASSERTION: "the assertion fires on it",
    DemandKind.FIELD: "the word read is not its own",
    DemandKind.CAST: "a folio is none of it",
}
MANY = 4


def positions(found: frozenset[Position]) -> str:
    """Return the positions in words, tail first: it is the one people forget."""
    order = (Position.TAIL, Position.HEAD, Position.ORDER0)
    return " or ".join(_WORDS[p] for p in order if p in found)


def origin(made: Made) -> str:
    """Say where the page came from, as a noun."""
    if made.parameter:
        return f"the page {made.function}() is handed"
    return f"the page {made.word}() gave"


def derivation(obj: ObjectId, made: Made) -> str:
    """Say how the page was come by."""
    for kind, said in (("head", "the head of"), ("near", "a neighbour of")):
        if obj[0] == kind:
            inner = obj[1]
            assert isinstance(inner, tuple)
            return f"{said} {derivation(inner, made)}"
    return origin(made)


def names(group: Group, hazard: Hazard, demand: Demand) -> dict[str, str]:
    """Return what a rule's question and remedies may name."""
    return {
        "source": group.made.word,
        "caller": _caller(group),
        "place": group.place.function,
        "made_in": group.made.function,
        "helper": group.steps[-1].function,
        "asserts": demand.function,
        "assertion": demand.text,
        "page": derivation(hazard.obj, group.made),
        "positions": positions(hazard.claimed),
    }


def _caller(group: Group) -> str:
    return group.steps[-2 if len(group.steps) > 1 else -1].function


def message(group: Group, hazard: Hazard) -> str:
    """Say the hazard in two or three sentences."""
    if group.reason is Reason.POSITION:
        return _POSITION[group.kind](group, hazard)
    demand = hazard.demand
    word = group.made.word
    caller, helper = _caller(group), group.steps[-1].function
    fires = f"{demand.function}() asserts {demand.text}"
    if group.derived == "pinned":
        relies = f"{fires} on {derivation(hazard.obj, group.made)}, which nothing holds."
        if group.kind is DemandKind.USE:
            relies = f"{demand.function}() goes on with it: {demand.text}."
        return (
            f"{group.place.function}() pins the head of {origin(group.made)}, and does not look "
            "again whether the page still belongs to it: the reference may be one to what the "
            f"page has left. {relies}"
        )
    if group.derived == "stale" and hazard.stale is not None:
        return (
            f"{demand.function}() goes on with the old head of {origin(group.made)} after "
            f"{hazard.stale.function}() split it: {demand.text}. The reference and the lock are on "
            "the page that was named to the split; the old head is another page now, and nothing "
            "holds it."
        )
    tail = Position.TAIL in _legal(group)
    legal = " A tail argument is legal here; the page is what can change." if tail else ""
    takes = f"{word}() takes no reference"
    if group.made.parameter:
        takes = f"whoever calls {group.made.function}() need not hold it"
    return (
        f"{caller}() calls {helper}() on a page that is not pinned: {takes}. "
        f"{fires} on {derivation(hazard.obj, group.made)}, which can be freed or split between "
        f"the claim and the assertion.{legal}"
    )


def _any_page(made: Made) -> str:
    if made.parameter:
        return f"{made.function}() is handed any page"
    return f"{made.word}() yields any page"


def _failing_assertion(group: Group, hazard: Hazard) -> str:
    demand = hazard.demand
    return (
        f"{positions(hazard.claimed)} can reach {demand.function}() from {_caller(group)}(): "
        f"{_any_page(group.made)}, and {demand.function}() asserts {demand.text}."
    )


def _wrong_word(group: Group, hazard: Hazard) -> str:
    reads = dict.fromkeys(h.demand.text for h in group.hazards)
    return (
        f"{hazard.demand.function}() reads {', '.join(reads)} of what may be a tail page: "
        f"{_any_page(group.made)}. The compound page has that in its head; a tail has "
        "something else in these words, a counter or a marker."
    )


def _wrong_cast(group: Group, hazard: Hazard) -> str:
    return (
        f"{hazard.demand.function}() takes a page for a folio, {hazard.demand.text}, and it may "
        f"be a tail page: {_any_page(group.made)}. A folio is never a tail; what is then read of "
        "it lies in other pages."
    )


_POSITION = {
    DemandKind.ASSERTION: _failing_assertion,
    DemandKind.FIELD: _wrong_word,
    DemandKind.CAST: _wrong_cast,
}


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
        now = f"may be {claimed} here; {_FAILS[group.kind]}"
    else:
        now = f"{claimed} when computed, {hazard.pin} holds it; now anything"
    return (
        f"{made.function}(): {_any_page(made)}, pinned by {hazard.pin}",
        f"{hazard.demand.function}(): {derivation(hazard.obj, made)}: {now}",
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
