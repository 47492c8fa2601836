"""Every use of a page helper in some functions, and whether it was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reviewer.analysis.hazards import CallSite
from reviewer.analysis.impact import Key, key_of
from reviewer.analysis.knowledge import Knowledge
from reviewer.model.facts import FunctionFacts
from reviewer.model.review import Stats, Use

UNKNOWN_ORIGIN = "no walk brings a page of known origin here"
NOT_FOLLOWED = "the callee was not followed to its end"


def list_uses(trees: Sequence[Knowledge], changed: frozenset[Key]) -> tuple[Use, ...]:
    """Return the calls of demanding helpers in the changed functions, as the last tree has them.

    A call is decided where a walk of any of the trees handed a page of known origin through it
    and followed the callee.
    """
    if not trees:
        return ()
    end = trees[-1]
    functions = [f for f in end.graph.functions if key_of(f) in changed]
    return decide_uses(find_uses(end, functions), [knowledge.sites() for knowledge in trees])


def find_uses(knowledge: Knowledge, functions: Iterable[FunctionFacts]) -> list[Use]:
    """Return the calls in these functions of helpers that demand something of a page."""
    return [
        use
        for function in functions
        if knowledge.code.enabled(function.conditions, function.path)
        for use in _in_function(knowledge, function)
    ]


def _in_function(knowledge: Knowledge, function: FunctionFacts) -> list[Use]:
    found = []
    for call in function.calls:
        helper = knowledge.engine.meant(call.name, function.path)
        if helper is None or not knowledge.stops(helper):
            continue
        if function.made_by and call.name in knowledge.words.dump:
            continue  # the calls of a made function are those of its macros' assertions too
        found.append(Use(function.name, call.name, function.path, call.line))
    return found


def decide_uses(uses: Iterable[Use], seen: Iterable[Mapping[CallSite, bool]]) -> tuple[Use, ...]:
    """Return the uses in order, each with why nothing is known of its page, if so.

    ``seen`` are the calls that walks handed a page through, with whether they followed it.
    """
    sites: dict[tuple[str, str], bool] = {}
    for walked in seen:
        for site, decided in walked.items():
            key = (site.caller, site.callee)
            sites[key] = sites.get(key, False) or decided
    decided_uses = (_decide(use, sites.get((use.function, use.helper))) for use in uses)
    return tuple(sorted(decided_uses, key=lambda u: (u.path, u.line, u.function, u.helper)))


def _decide(use: Use, decided: bool | None) -> Use:
    why = "" if decided else UNKNOWN_ORIGIN if decided is None else NOT_FOLLOWED
    return replace(use, undecided=why)


def count_uses(uses: Sequence[Use], functions: int) -> Stats:
    """Count what was looked at: functions, and the uses of page helpers in them."""
    undecided = sum(1 for use in uses if use.undecided)
    return Stats(functions, len(uses), len(uses) - undecided, undecided)
