"""What follows a first or a last mapping: the statistic it must move, the split it may queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reviewer.analysis.counts.notes import Account, Event, Exit
from reviewer.analysis.counts.shape import site_of
from reviewer.analysis.knowledge import Knowledge
from reviewer.checks.accounting import Problem, build
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.location import Location
from reviewer.model.rule import Rule
from reviewer.model.vocabulary import Unit

Units = frozenset[str]
Finder = Callable[[Knowledge, FunctionFacts, Account], list[Problem]]


def find(knowledge: Knowledge, rules: Iterable[Rule], function: FunctionFacts) -> list[Finding]:
    """Return what these rules say of a function in which a first or last mapping is seen."""
    account = knowledge.counting.own(function)
    if account is None or not account.complete:
        return []
    return [
        build(knowledge, rule, function, problem)
        for rule in rules
        for problem in _FINDERS[str(rule.match["mistake"])](knowledge, function, account)
    ]


# ---- a way out past the statistic --------------------------------------------------------------


def _find_early_exit(_: Knowledge, function: FunctionFacts, account: Account) -> list[Problem]:
    """Find a way out on which a first or last mapping was seen and its statistic not asked for.

    Which statistic belongs to which counter is read off the other ways: one that is moved only
    where a counter came to its first or last mapping belongs to that counter.
    """
    # hugetlb pages are in no statistic of mappings
    exits = [way for way in account.exits if not any(fact[0] == "huge" for fact in way.facts)]
    turns = _choose(exits, "turn")
    changed = _choose(exits, "statistic")
    if not turns or not changed or not _composed(turns, changed):
        return []
    missing: dict[str, Event] = {}
    for place in sorted({site_of(e.site) for e in changed}):
        enough = _find_enough(exits, place, turns)
        for way in exits:
            units = _units(way, turns)
            met = frozenset[str]().union(*(family for family in enough if family <= units))
            lost = [e for e in way.events if e in turns and e.what in met]
            if lost and not _considered(way, place):
                # one place may move this or that statistic, by a condition
                name = " or ".join(sorted({e.what for e in changed if site_of(e.site) == place}))
                missing.setdefault(name, min(lost, key=_order))
    return [_early_exit(function, missing)] if missing else []


def _order(event: Event) -> tuple[int, str]:
    return event.where.at_line, repr(event)


def _choose(exits: list[Exit], kind: str) -> set[Event]:
    """Return the events of a kind: the function's own, or those of its helpers if it has none."""
    every = {e for way in exits for e in way.events if e.kind == kind}
    return {e for e in every if e.direct} or every


def _composed(turns: set[Event], changed: set[Event]) -> bool:
    """Say whether it is this function that brings counter and statistic together."""
    direct = any(e.direct for e in turns | changed)
    return direct or {e.function for e in turns}.isdisjoint(e.function for e in changed)


def _units(way: Exit, turns: set[Event]) -> Units:
    return frozenset(e.what for e in way.events if e in turns)


def _find_enough(exits: list[Exit], place: str, turns: set[Event]) -> set[Units]:
    """Return the counters whose first or last mappings together move a statistic, way by way."""
    families = {_units(way, turns) for way in exits if _moved(way, place)}
    return set() if frozenset() in families else families


def _moved(way: Exit, place: str) -> bool:
    return any(e.kind == "statistic" and site_of(e.site) == place for e in way.events)


def _considered(way: Exit, place: str) -> bool:
    return _moved(way, place) or any(e.kind == "asked" and e.what == place for e in way.events)


def _early_exit(function: FunctionFacts, missing: dict[str, Event]) -> Problem:
    names = " and ".join(sorted(missing))
    turn = min(missing.values(), key=_order)
    which = "first" if turn.sign > 0 else "last"
    return Problem(
        turn.where,
        f"{function.name}() can leave after the {which} mapping was seen in ->{turn.field} and "
        f"before {names} is moved. The number shown in /proc/meminfo, vmstat and memory cgroups "
        "stays wrong from then on, for the other side will be counted.",
        ("early exit", names),
        {"statistic": names, "field": f"->{turn.field}", "which": which},
        (f"->{turn.field} came to its {which} mapping; {names} was not asked about",),
    )


# ---- queued though nothing is mapped -----------------------------------------------------------


def _find_queued(knowledge: Knowledge, function: FunctionFacts, account: Account) -> list[Problem]:
    """Find a compound page queued for a split though nothing says that a part is still mapped."""
    counts_pages = Unit.MAPPED in knowledge.counting.functions.units()
    for note in sorted(account.notes, key=lambda n: (n.span.at_line, repr(n))):
        if note.kind != "call" or note.bounded:
            continue
        turns = [e for e in note.events if e.kind == "turn" and e.sign < 0 and not e.huge]
        whole = any(e.what == Unit.WHOLE for e in turns)
        if whole or (turns and counts_pages):
            last = min(turns, key=_order)
            return [
                Problem(
                    note.span,
                    f"{function.name}() calls {note.op}() when a last mapping is gone, without "
                    "asking whether any page of the compound page is still mapped. One that is "
                    "not mapped at all is about to be freed; it is queued for nothing, on a list "
                    "that takes a lock and holds up reclaim.",
                    ("queued", note.op),
                    {"helper": note.op},
                    ("some pages were unmapped; how many are left was not asked",),
                    (Location(last.where.at_path, last.where.at_line, function.name),),
                )
            ]
    return []


_FINDERS: dict[str, Finder] = {"early-exit": _find_early_exit, "queued": _find_queued}
