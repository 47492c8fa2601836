"""Which file of a tree holds which name: the facts of all blobs in scope, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from posixpath import dirname, join, normpath

from reviewer.cfacts.config import BEHIND, FORCED, IGNORED, INCLUDE_FALLBACKS, INCLUDE_ROOTS
from reviewer.cfacts.filefacts import FileFacts
from reviewer.model.source import SourceTree


def paths_in_scope(source: SourceTree, scope: Sequence[str], extra: Iterable[str]) -> list[str]:
    """Return the C files under the prefixes of ``scope``, and the extra ones that exist.

    The empty prefix is the whole tree.
    """
    found = {
        path
        for path in source.iter_paths(() if "" in scope else scope)
        if path.endswith((".c", ".h")) and not path.startswith(IGNORED)
    }
    found |= {path for path in extra if source.exists(path)}
    return sorted(found)


class TreeIndex:
    """Names to files. ``facts_of`` gives the facts of a file, however they were come by."""

    def __init__(self, paths: Sequence[str], facts_of: Callable[[str], FileFacts]) -> None:
        self.paths = tuple(paths)
        self.facts_of = facts_of
        self.functions: dict[str, list[str]] = defaultdict(list)
        self.macros: dict[str, list[str]] = defaultdict(list)
        self.types: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.enumerators: dict[str, list[str]] = defaultdict(list)
        self.constants: dict[str, list[str]] = defaultdict(list)
        self.known = frozenset(paths)
        self._closures: dict[str, frozenset[str]] = {}
        self._targets: dict[str, tuple[str, ...]] = {}
        self._live: frozenset[str] | None = None
        self.holds: Callable[[Sequence[str]], bool | None] = lambda conditions: None
        for path in self.paths:
            self._add(path, facts_of(path))

    def _add(self, path: str, facts: FileFacts) -> None:
        for name in {row.name for row in facts.functions}:
            self.functions[name].append(path)
        for name in {row.name for row in facts.macros}:
            self.macros[name].append(path)
        for name in {row.name for row in facts.constants} if path in FORCED else ():
            self.constants[name].append(path)
        for kind, name in {(row.kind, row.name) for row in facts.types}:
            self.types[kind, name].append(path)
        for name in {name for row in facts.types for name in row.enumerators}:
            self.enumerators[name].append(path)

    def resolve_include(self, written: str, path: str) -> str:
        """Return the file of the tree that an include in ``path`` means, "" if not indexed."""
        name = written[1:-1]
        candidates = []
        if written.startswith('"'):
            candidates.append(normpath(join(dirname(path), name)))
        candidates += [root + name for root in INCLUDE_ROOTS]
        for prefix, instead in INCLUDE_FALLBACKS.items():
            if name.startswith(prefix):
                candidates.append(instead + name[len(prefix) :])
        return next((c for c in candidates if c in self.known), "")

    def targets(self, path: str) -> tuple[str, ...]:
        """Return the indexed files that a file includes under the configuration."""
        found = self._targets.get(path)
        if found is None:
            found = tuple(
                target
                for written, conditions in self.facts_of(path).includes
                if (target := self.resolve_include(written, path))
                and (not conditions or self.holds(conditions) is not False)
            )
            self._targets[path] = found
        return found

    def is_live(self, path: str) -> bool:
        """Say whether a file is reached: no header that only other configurations include."""
        if self._live is None:
            self._live = self.known  # what is asked while this is being found out
            included = {
                self.resolve_include(written, path)
                for path in self.paths
                for written, _ in self.facts_of(path).includes
            }
            roots = [
                p
                for p in self.paths
                if p.endswith(".c") or (p not in included and not p.startswith(BEHIND))
            ]
            self._live = self._reach([*roots, *FORCED])
        return path in self._live

    def _reach(self, roots: Iterable[str]) -> frozenset[str]:
        todo = [path for path in roots if path in self.known]
        seen = set(todo)
        while todo:
            for target in self.targets(todo.pop()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return frozenset(seen)

    def closure(self, path: str) -> frozenset[str]:
        """Return the files that a file sees: itself, its includes, and theirs."""
        found = self._closures.get(path)
        if found is None:
            found = self._closures[path] = self._reach([path, *FORCED])
        return found
