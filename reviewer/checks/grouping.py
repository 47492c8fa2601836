"""Puts the hazards of a walk together into what a reviewer would call one problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from reviewer.analysis.hazards import DemandKind, Hazard, Made
from reviewer.analysis.knowledge import Knowledge
from reviewer.analysis.objects import find_ancestors
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import PathStep, Reason
from reviewer.model.pagestate import Position


@dataclass(frozen=True, slots=True)
class Group:
    """The hazards of one page at one call: what a reviewer would call one problem.

    ``kind`` is how its demand is made. ``steps`` is the chain up to the first function of
    another file: the code that hands the page on, and the helper it hands it to. ``place`` is
    where it is to be mended.
    """

    function: FunctionFacts
    made: Made
    kind: DemandKind
    steps: tuple[PathStep, ...]
    place: PathStep
    hazards: tuple[Hazard, ...]

    @property
    def reason(self) -> Reason:
        """Position wins: a page that fails on its claim fails without a race."""
        reasons = {h.reason for h in self.hazards}
        return Reason.POSITION if Reason.POSITION in reasons else Reason.STABILITY

    @property
    def derived(self) -> str:
        """Say how the claim was come by.

        A "head" was computed, or "pinned" then without a second look, or is "stale" since a
        split; else it was "tested" for.
        """
        mine = [h for h in self.hazards if h.reason is self.reason]
        if any(h.held for h in mine):
            return "pinned"
        if any(h.stale for h in mine):
            return "stale"
        return "head" if self.made.head or any(h.obj[0] == "head" for h in mine) else "tested"

    @property
    def fatal(self) -> bool:
        """Say whether one of the assertions is a BUG()."""
        return any(h.demand.fatal for h in self.hazards)

    @property
    def shown(self) -> Hazard:
        """The hazard to tell of: the reason's own, what is sure first, a BUG() before a warning."""
        mine = [h for h in self.hazards if h.reason is self.reason]
        return min(
            mine,
            key=lambda h: (
                h.demand.kind is not self.kind,
                is_weak(h),
                not h.demand.fatal,
                h.obj[0] != self.derived and not h.held,
                len(h.chain),
                h.demand.text,
                h.chain,
            ),
        )


def is_weak(hazard: Hazard) -> bool:
    """Say whether a page in the wrong position may be kept out by what is not followed.

    Whether a page that is no tail is compound often hangs on an order, or on a flag handed
    down; where no compound page is allowed at all, none may ever come by; and a flag found set
    may be one that the tails in question never have.
    """
    if hazard.reason is not Reason.POSITION:
        return False
    return hazard.guarded or Position.HEAD in hazard.claimed or Position.TAIL not in hazard.claimed


def _prefix(hazard: Hazard, home: str) -> tuple[PathStep, ...]:
    """Return the chain through the first function that stands in another file."""
    chain = hazard.chain
    for number in range(1, len(chain)):
        if hazard.chain[number].path != home:
            return chain[: number + 1]
    return chain


def iter_groups(knowledge: Knowledge, function: FunctionFacts) -> Iterator[Group]:
    """Yield the problems of the pages that come into being in ``function``, or are handed to it."""
    groups: dict[tuple[object, ...], list[tuple[Hazard, Hazard]]] = defaultdict(list)
    hazards = tuple(
        h
        for h in knowledge.hazards(function)
        if not (_is_meant(knowledge, h) or _hangs_on_order(h))
    )
    for hazard, cause in _find_causes(hazards, function.path):
        if cause.held is not None and knowledge.told_elsewhere(cause, function):
            continue
        # a call is told apart by names: its line moves with every edit above it
        names = tuple(step.function for step in _prefix(cause, function.path))
        key: tuple[object, ...] = (cause.demand.kind, names)
        if cause.held is not None:  # all that relies on one pin is one problem
            key = (DemandKind.USE, cause.held.path, cause.held.function)
        if cause.stale is not None:  # and all that goes on with one old head
            key = (DemandKind.USE, "stale", cause.stale.path, cause.stale.function)
        groups[knowledge.made(cause).word, *key].append((hazard, cause))
    for _, pairs in sorted(groups.items(), key=lambda item: repr(item[0])):
        yield _build_group(knowledge, function, pairs)


def _build_group(
    knowledge: Knowledge, function: FunctionFacts, pairs: list[tuple[Hazard, Hazard]]
) -> Group:
    causes = [cause for _, cause in pairs]
    kind = min((c.demand.kind for c in causes), key=list(DemandKind).index)
    first = min((c for c in causes if c.demand.kind is kind), key=lambda c: c.chain)
    steps = _prefix(first, function.path)
    used = kind is not DemandKind.ASSERTION and steps[-1].path == function.path
    place = first.held or steps[-1 if used or len(steps) == 1 else -2]
    return Group(function, knowledge.made(first), kind, steps, place, tuple(h for h, _ in pairs))


def _find_causes(hazards: tuple[Hazard, ...], home: str) -> Iterator[tuple[Hazard, Hazard]]:
    """Yield each hazard with the one it is a consequence of, mostly itself.

    What a folio that is none fails after its cast is the cast's consequence. The cast of a
    helper elsewhere is its own affair, as long as nothing fails after it.
    """
    casts = [h for h in hazards if h.demand.kind is DemandKind.CAST]
    own = [c for c in casts if c.chain[-1].path == home]
    for hazard in hazards:
        if hazard not in casts or hazard in own:
            yield hazard, next((c for c in own if _follows(hazard, c)), hazard)


def _hangs_on_order(hazard: Hazard) -> bool:
    """Say whether no compound page is allowed at all, and whoever holds the page may know it.

    Swap entries, read errors and reserved pages are of single pages where the tree has no others;
    no test of a position says so.
    """
    assertion = hazard.demand.kind is DemandKind.ASSERTION
    refused = assertion and hazard.reason is Reason.POSITION and Position.HEAD in hazard.claimed
    return refused and (hazard.pin.holds or hazard.pin.splits)


def _is_meant(knowledge: Knowledge, hazard: Hazard) -> bool:
    """Say whether a use is meant: of a word that is each page's own here, or of no tail.

    What prints a page that nobody need hold prints what it finds.
    """
    if knowledge.made(hazard).loose:
        return hazard.demand.kind is not DemandKind.ASSERTION
    if hazard.demand.kind is not DemandKind.FIELD:
        return False
    source = knowledge.words.sources.get(knowledge.made(hazard).word)
    if source is not None and source.by_offset:
        return True
    word = knowledge.words.compound_fields.get(hazard.demand.text.rpartition("->")[2])
    if word is None or not word.unless:
        return False
    functions = (knowledge.code.find_function(s.function, s.path) for s in hazard.chain)
    return any(call.name in word.unless for f in functions if f for call in f.calls)


def _follows(hazard: Hazard, cast: Hazard) -> bool:
    """Say whether a hazard is met by the same page, in the same activation, after a cast."""
    depth = len(cast.chain) - 1
    if len(hazard.chain) <= depth or hazard.chain[:depth] != cast.chain[:depth]:
        return False
    here, there = hazard.chain[depth], cast.chain[depth]
    same = (here.path, here.function) == (there.path, there.function)
    return (
        same and here.line >= there.line and cast.obj in (hazard.obj, *find_ancestors(hazard.obj))
    )
