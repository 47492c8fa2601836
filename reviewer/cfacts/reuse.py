"""What the reader may take over from a tree that differs in a few files: a review reads many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewer.cfacts.config import FORCED
from reviewer.cfacts.filefacts import FileFacts
from reviewer.cfacts.index import TreeIndex

MANY = 400  # files; two trees that differ in more are two trees

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Difference:
    """How a tree differs from another.

    ``changed`` are the files that differ or that one of them lacks. ``macros`` are the macros
    of headers that differ, with all that name them: whatever is written without one of these
    expands as before, but for its own file. ``quiet``: no header differs, nor what is included.
    """

    changed: frozenset[str]
    macros: frozenset[str]
    quiet: bool


def find_difference(
    old: TreeIndex, new: TreeIndex, changed: frozenset[str], typedefs: bool
) -> Difference | None:
    """Compare two trees; None where anything may expand in another way.

    ``typedefs`` says that both know the same type names.
    """
    if len(changed) > MANY or not changed.isdisjoint(FORCED):
        return None
    headers = sorted(path for path in changed if not path.endswith(".c"))
    if any((path in old.known) != (path in new.known) for path in headers):
        return None
    before = {path: _facts(old, path) for path in changed}
    after = {path: _facts(new, path) for path in changed}
    moved = {path for path in changed if before[path].includes != after[path].includes}
    if any(path in moved for path in headers) or _is_included(new, changed):
        return None
    if moved and old.live() != new.live():
        return None
    names = {name for path in headers for name in _differing(before[path], after[path])}
    if names and not names.isdisjoint(_asked_by_conditions((old, new))):
        return None
    macros = _naming(new, names) if names else frozenset[str]()
    return Difference(changed, macros, quiet=not headers and not moved and typedefs)


def changed_paths(old: Mapping[str, str], new: Mapping[str, str]) -> frozenset[str]:
    """Return the paths whose blob ids differ."""
    return frozenset(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def _facts(index: TreeIndex, path: str) -> FileFacts:
    return index.facts_of(path) if path in index.known else FileFacts()


def _is_included(index: TreeIndex, changed: frozenset[str]) -> bool:
    """Say whether another file includes one of the changed ``.c`` files."""
    bases = tuple(f"/{path}".rpartition("/")[2] + '"' for path in changed if path.endswith(".c"))
    return bool(bases) and any(
        written.endswith(bases)
        for path in index.paths
        for written, _ in index.facts_of(path).includes
    )


def _differing(before: FileFacts, after: FileFacts) -> set[str]:
    old, new = _shapes(before), _shapes(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _shapes(facts: FileFacts) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for row in facts.macros:
        shape = (row.parameters, row.body, row.variadic, row.conditions, row.until > 0)
        found.setdefault(row.name, []).append(shape)
    return found


def _asked_by_conditions(trees: Iterable[TreeIndex]) -> frozenset[str]:
    """Return the words of the conditionals around macros and includes."""
    texts: set[str] = set()
    for index in trees:
        for path in index.paths:
            facts = index.facts_of(path)
            for row in facts.macros:
                texts.update(row.conditions)
            for _, conditions in facts.includes:
                texts.update(conditions)
    return frozenset(word for text in texts for word in _WORD.findall(text))


def _naming(index: TreeIndex, names: set[str]) -> frozenset[str]:
    """Return macros with those that name them, through others too."""
    mentions: dict[str, set[str]] = {}
    for path in index.paths:
        for row in index.facts_of(path).macros:
            for word in _WORD.findall(row.body):
                mentions.setdefault(word, set()).add(row.name)
    found, work = set(names), list(names)
    while work:
        more = mentions.get(work.pop(), set()) - found
        found |= more
        work.extend(more)
    return frozenset(found)
