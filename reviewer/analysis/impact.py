"""What a patch changes for the analysis: the functions it touches and whom that can reach."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable

from reviewer.analysis.callgraph import CallGraph, iter_macros
from reviewer.analysis.effects import takes_number
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.model.facts import FunctionFacts

Key = tuple[str, str]  # path and name: what a function is called before and after a patch


def key_of(function: FunctionFacts) -> Key:
    """Return what identifies the function over two trees."""
    return function.path, function.name


def _texts(graph: CallGraph, paths: Iterable[str]) -> dict[Key, list[str]]:
    """Return what each function of the files says, whatever its comments and its layout."""
    wanted = set(paths)
    texts: dict[Key, list[str]] = {}
    for function in graph.functions:
        if function.path in wanted:
            texts.setdefault(key_of(function), []).append(graph.code.texts.words(function))
    return texts


def _macros(code: CodeBase, paths: Iterable[str]) -> dict[Key, list[tuple[object, ...]]]:
    wanted = set(paths)
    found: dict[Key, list[tuple[object, ...]]] = {}
    for macro in iter_macros(code, sorted(wanted)):
        shape = (macro.parameters, " ".join(macro.body.split()), macro.conditions)
        found.setdefault((macro.path, macro.name), []).append(shape)
    return found


def find_changed(before: Knowledge, after: Knowledge, paths: Iterable[str]) -> frozenset[Key]:
    """Return the functions that differ between two trees in which only ``paths`` differ.

    A changed macro changes every function that is written with it, and every function that
    an invocation naming it makes.
    """
    paths = tuple(paths)
    old, new = _texts(before.graph, paths), _texts(after.graph, paths)
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    old_macros, new_macros = _macros(before.code, paths), _macros(after.code, paths)
    names = {
        name
        for path, name in old_macros.keys() | new_macros.keys()
        if old_macros.get((path, name)) != new_macros.get((path, name))
    }
    for knowledge in (before, after):
        changed |= _users(knowledge.graph, names)
    return frozenset(changed)


def _users(graph: CallGraph, names: set[str]) -> set[Key]:
    """Return the functions written with one of the macros, through other macros too."""
    users = {key_of(caller) for name in sorted(names) for caller, _ in graph.callers(name)}
    if not names:
        return users
    word = re.compile(rb"\b(" + b"|".join(re.escape(n.encode()) for n in sorted(names)) + rb")\b")
    for function in graph.functions:
        # a policy is only named in the invocation: PAGEFLAG(DoubleMap, double_map, PF_SECOND)
        if function.made_by:
            text = graph.code.texts.function(function)
            if word.search(text):
                users.add(key_of(function))
    return users


def find_affected(before: Knowledge, after: Knowledge, changed: frozenset[Key]) -> frozenset[Key]:
    """Return the functions that a check looks at and whose walk the change can make differ.

    From a changed function the search goes on to its callers only where what it does differs:
    with a page it is handed (what it asserts, pins, returns), and with counters. The two are
    searched apart, since a helper that only counts differently is walked alike by its callers.
    """
    both = (before, after)
    pages = {key_of(f) for knowledge in both for f in knowledge.subjects()}
    counting = {key_of(f) for knowledge in both for f in knowledge.counting.functions.subjects()}
    reached = _spread(both, _with_askers(both, changed), lambda known, key: known.effects(key))
    reached &= pages
    counted = _spread(both, changed, lambda knowledge, key: knowledge.counting.effects(key))
    return reached | (counted & counting)


def _with_askers(both: tuple[Knowledge, Knowledge], changed: frozenset[Key]) -> frozenset[Key]:
    """Return the changed functions, and the callers of those that are handed a flag or a number.

    What such a function does hangs on what it is handed; with any number, as it is asked here, a
    condition that a patch drops is not missed.
    """
    found = set(changed)
    for key in changed:
        for knowledge in both:
            if takes_number(knowledge.engine, key):
                found.update(_callers(knowledge, key))
    return frozenset(found)


def _spread(
    both: tuple[Knowledge, Knowledge],
    changed: frozenset[Key],
    does: Callable[[Knowledge, Key], frozenset[object] | None],
) -> frozenset[Key]:
    """Return the changed functions and their callers, as far as what they do differs.

    What a function does is None where that is not known: then it may differ.
    """
    before, after = both
    seen: set[Key] = set()
    queue: deque[Key] = deque(sorted(changed))
    while queue:
        key = queue.popleft()
        if key in seen:
            continue
        seen.add(key)
        was = does(before, key)
        if was is None or was != does(after, key):
            for knowledge in both:
                queue.extend(k for k in _callers(knowledge, key) if k not in seen)
    return frozenset(seen)


def _callers(knowledge: Knowledge, key: Key) -> list[Key]:
    """Return who may call this function: for a static one, its own file."""
    path, name = key
    local = path.endswith(".c") and all(
        f.static for f in knowledge.code.iter_functions(name) if f.path == path
    )
    callers = (key_of(caller) for caller, _ in knowledge.graph.callers(name))
    return sorted({caller for caller in callers if not local or caller[0] == path})
