"""Every use of a page helper in what a series touches, and whether it was decided."""

from __future__ import annotations

from collections.abc import Sequence

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
    sites: dict[tuple[str, str], bool] = {}
    for knowledge in trees:
        for site, decided in knowledge.sites().items():
            key = _without_line(site)
            sites[key] = sites.get(key, False) or decided
    uses = {
        use
        for function in end.graph.functions
        if key_of(function) in changed and end.code.enabled(function.conditions, function.path)
        for use in _in_function(end, function, sites)
    }
    return tuple(sorted(uses, key=lambda u: (u.path, u.line, u.function, u.helper)))


def _without_line(site: CallSite) -> tuple[str, str]:
    return site.caller, site.callee


def _in_function(
    knowledge: Knowledge, function: FunctionFacts, sites: dict[tuple[str, str], bool]
) -> list[Use]:
    found = []
    for call in function.calls:
        helper = knowledge.engine.meant(call.name, function.path)
        if helper is None or not any(demand.fatal for demand in knowledge.demands(helper)):
            continue
        if function.made_by and call.name in knowledge.words.dump:
            continue  # the calls of a made function are those of its macros' assertions too
        decided = sites.get((function.name, call.name))
        why = "" if decided else UNKNOWN_ORIGIN if decided is None else NOT_FOLLOWED
        found.append(Use(function.name, call.name, function.path, call.line, why))
    return found


def count_uses(uses: Sequence[Use], functions: int) -> Stats:
    """Count what was looked at: changed functions, and the uses of page helpers in them."""
    undecided = sum(1 for use in uses if use.undecided)
    return Stats(functions, len(uses), len(uses) - undecided, undecided)
