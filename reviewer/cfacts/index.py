"""Which file of a tree holds which name: the facts of all blobs in scope, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from posixpath import dirname, join, normpath
from typing import Any

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
    """Names to files. ``facts_of`` gives the facts of a file, however they were come by.

    ``like`` is the index of a tree that differs in the files ``changed`` only.
    """

    def __init__(
        self,
        paths: Sequence[str],
        facts_of: Callable[[str], FileFacts],
        *,
        like: TreeIndex | None = None,
        changed: Iterable[str] = (),
    ) -> None:
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
        self._included: dict[str, str] = {}
        self._values: dict[str, list[str]] | None = None
        self._live: frozenset[str] | None = None
        self.holds: Callable[[Sequence[str]], bool | None] = lambda conditions: None
        if like is None:
            for path in self.paths:
                self._add(path, facts_of(path))
        else:
            self._take_over(like, changed)

    def _names(
        self, path: str, facts: FileFacts
    ) -> Iterator[tuple[dict[Any, list[str]], set[Any]]]:
        """Yield each table with the names that a file has in it."""
        yield self.functions, {row.name for row in facts.functions}
        yield self.macros, {row.name for row in facts.macros}
        yield self.types, {(row.kind, row.name) for row in facts.types}
        yield self.enumerators, {name for row in facts.types for name in row.enumerators}
        if path in FORCED:
            yield self.constants, {row.name for row in facts.constants}

    def _add(self, path: str, facts: FileFacts) -> None:
        for table, names in self._names(path, facts):
            for name in names:
                table[name].append(path)

    def _take_over(self, like: TreeIndex, changed: Iterable[str]) -> None:
        self.functions.update(like.functions)
        self.macros.update(like.macros)
        self.types.update(like.types)
        self.enumerators.update(like.enumerators)
        self.constants.update(like.constants)
        for path in changed:
            # the lists are shared with the other index: each is replaced, none is changed
            if path in like.known:
                for table, names in self._names(path, like.facts_of(path)):
                    for name in names:
                        left = [other for other in table[name] if other != path]
                        if left:
                            table[name] = left
                        else:
                            del table[name]
            if path in self.known:
                for table, names in self._names(path, self.facts_of(path)):
                    for name in names:
                        table[name] = sorted([*table.get(name, ()), path])

    def share_includes(self, like: TreeIndex, changed: frozenset[str]) -> None:
        """Take over who includes whom, which is the same but for the files ``changed``."""
        self._live = like._live
        self._targets |= {p: t for p, t in like._targets.items() if p not in changed}
        self._closures |= {p: t for p, t in like._closures.items() if p not in changed}

    def live(self) -> frozenset[str]:
        """Return the files that are reached."""
        self.is_live("")
        assert self._live is not None
        return self._live

    def paths_with_value(self, name: str) -> Sequence[str]:
        """Return the files in which a name stands as a value, in order."""
        if self._values is None:
            self._values = {}
            for path in self.paths:
                for word in self.facts_of(path).values.split():
                    paths = self._values.setdefault(word, [])
                    if not paths or paths[-1] != path:
                        paths.append(path)
        return self._values.get(name, ())

    def resolve_include(self, written: str, path: str) -> str:
        """Return the file of the tree that an include in ``path`` means, "" if not indexed."""
        if written.startswith('"'):
            beside = normpath(join(dirname(path), written[1:-1]))
            if beside in self.known:
                return beside
        found = self._included.get(written)
        if found is None:
            found = self._included[written] = self._in_roots(written[1:-1])
        return found

    def _in_roots(self, name: str) -> str:
        candidates = [root + name for root in INCLUDE_ROOTS]
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
