"""A compound page is made without each counter that the tree keeps for one."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from reviewer.analysis.counts.notes import Event
from reviewer.analysis.knowledge import Knowledge
from reviewer.checks.accounting import Problem, build
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.location import Location
from reviewer.model.rule import Rule
from reviewer.model.vocabulary import Unit

_NAMES = {
    Unit.WHOLE: "the count of its mappings as a whole",
    Unit.TOTAL: "the count of all its mappings",
    Unit.MAPPED: "the count of its mapped pages",
    Unit.PINS: "the count of its pins",
}


def makers(knowledge: Knowledge) -> Iterator[FunctionFacts]:
    """Yield the functions that make a compound page: they mark its head."""
    for name in sorted(knowledge.words.counting.makes_compound):
        for caller, _ in knowledge.graph.written(name):
            if (
                not caller.made_by
                and knowledge.code.enabled(caller.conditions, caller.path) is not False
            ):
                yield caller


def subjects(knowledge: Knowledge) -> Iterable[FunctionFacts]:
    """Return the functions that make a compound page, and those that set counters for them."""
    found = set(makers(knowledge))
    return found | {helper for maker in found for helper in _helpers(knowledge, maker)}


def _helpers(knowledge: Knowledge, maker: FunctionFacts) -> set[FunctionFacts]:
    called = [knowledge.engine.meant(call.name, maker.path) for call in maker.calls]
    return {f for f in called if f is not None and knowledge.counting.functions.is_counting(f)}


def find(knowledge: Knowledge, rules: Iterable[Rule], function: FunctionFacts) -> list[Finding]:
    """Return the counters that a function that makes compound pages leaves as they are."""
    rules = tuple(rules)
    found: dict[str, Finding] = {}
    for maker in makers(knowledge):
        if maker != function and function not in _helpers(knowledge, maker):
            continue
        for rule in rules:
            at, problem = _find_missing(knowledge, maker)
            if problem is not None and at == function:
                finding = build(knowledge, rule, at, problem)
                found.setdefault(finding.fingerprint, finding)
    return list(found.values())


def _find_missing(
    knowledge: Knowledge, maker: FunctionFacts
) -> tuple[FunctionFacts, Problem | None]:
    """Return what is missing where a maker is walked, and the function that should hold it.

    That is the one that sets the other counters; a maker that sets none is to blame itself.
    """
    account = knowledge.counting.own(maker)
    if account is None or not account.complete:
        return maker, None
    events = {e for way in account.exits for e in way.events if e.kind == "set"}
    starts = {w.unit: w.start for w in knowledge.words.counting.counters.values()}
    done = {e.what for e in events if e.sign == starts[Unit(e.what)]}
    missing = sorted(knowledge.counting.functions.units() - {Unit(unit) for unit in done})
    if not missing:
        return maker, None
    at = _to_blame(knowledge, maker, events)
    span = min(
        (e.site for e in events if e.function == at.name), key=lambda s: s.at_line, default=None
    )
    if span is None:
        body = knowledge.counting.shape_of(at)
        if body is None:
            return at, None
        span = body.body.span
    what = " and ".join(_NAMES[unit] for unit in missing)
    wrong = [e for e in events if Unit(e.what) in missing]
    how = "sets it to another number than it starts at" if wrong else "leaves it as it is"
    begin = ", ".join(f"{starts[unit]}" for unit in missing)
    return at, Problem(
        span,
        f"A compound page made by {maker.name}() has {what} not initialised: {at.name}() {how}. "
        "It holds what the struct page held before, and whoever maps, reads or frees the page "
        f"goes by that. It starts at {begin}.",
        ("not initialised", *(str(unit) for unit in missing)),
        {"counter": what, "maker": maker.name},
        (f"{maker.name}(): makes a compound page", f"{what}: not set to {begin}"),
        (Location(maker.path, maker.line, maker.name),),
    )


def _to_blame(knowledge: Knowledge, maker: FunctionFacts, events: set[Event]) -> FunctionFacts:
    compound = [e for e in events if Unit(e.what) not in (Unit.PAGE, Unit.REFERENCES)]
    tally = Tally(e.function for e in compound)
    if not tally:
        return maker
    name = max(sorted(tally), key=lambda n: tally[n])
    if name == maker.name:
        return maker
    return knowledge.engine.meant(name, maker.path) or maker
