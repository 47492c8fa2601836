"""Call paths from what user space or a kernel thread can start down to a function."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from dataclasses import dataclass

from reviewer.analysis.callgraph import CallGraph
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import PathStep
from reviewer.model.vocabulary import EntryWord, Vocabulary

# A search that has looked at so many functions says that it found no path.
LIMIT = 4000


@dataclass(frozen=True, slots=True)
class EntryPath:
    """How a function is reached. ``steps`` are the callers, entry point first, without itself.

    ``what`` says what the entry point is ("a /proc file"), empty where none was found.
    """

    steps: tuple[PathStep, ...]
    what: str


class Reach:
    """Finds shortest call paths in one tree."""

    def __init__(self, graph: CallGraph, words: Vocabulary) -> None:
        self.graph = graph
        self.code = graph.code
        self.entries: tuple[EntryWord, ...] = words.entries
        tables: dict[str, set[str]] = defaultdict(set)
        for word in words.entries:
            for member in word.members:
                tables[member].add(word.what)
        self._telling = frozenset(name for name, kinds in tables.items() if len(kinds) == 1)
        self._found: dict[tuple[str, str, int], EntryPath] = {}

    def find_entry(self, function: FunctionFacts) -> str:
        """Say what kind of entry point the function is; empty if it is none."""
        for word in self.entries:
            if word.made_by and re.search(word.made_by, function.made_by):
                return word.what
        for fact in self.code.pointers(function.name):
            if fact.path != function.path and function.static:
                continue
            member = fact.member
            for word in self.entries:
                # an assignment does not say what it is a member of: some names do
                type_fits = fact.type == word.table or (not fact.type and member in self._telling)
                in_table = word.table and type_fits and member in word.members
                if in_table or fact.type in word.passed_to or fact.table in word.passed_to:
                    return word.what
        return ""

    def find_path(self, function: FunctionFacts) -> EntryPath:
        """Return the shortest path from an entry point, ties by place in the tree."""
        key = (function.path, function.name, function.line)
        if key not in self._found:
            self._found[key] = self._search(function)
        return self._found[key]

    def _search(self, function: FunctionFacts) -> EntryPath:
        queue: deque[tuple[FunctionFacts, tuple[PathStep, ...]]] = deque([(function, ())])
        seen = {(function.path, function.name)}
        while queue and len(seen) < LIMIT:
            at, steps = queue.popleft()
            what = self.find_entry(at)
            if what:
                return EntryPath(steps, what)
            for caller, call in self._callers(at):
                if (caller.path, caller.name) not in seen:
                    seen.add((caller.path, caller.name))
                    queue.append((caller, (PathStep(caller.name, caller.path, call), *steps)))
        return EntryPath((), "")

    def start_at(self, entry: FunctionFacts) -> tuple[FunctionFacts, ...]:
        """Take ``entry`` as the one entry point; return what it can reach, nearest first.

        From here on the paths of these functions start at it.
        """
        what = self.find_entry(entry) or "the entry point asked for"
        paths: dict[tuple[str, str, int], EntryPath] = {}
        reached: list[FunctionFacts] = []
        queue: deque[tuple[FunctionFacts, tuple[PathStep, ...]]] = deque([(entry, ())])
        while queue and len(reached) < LIMIT:
            at, steps = queue.popleft()
            key = (at.path, at.name, at.line)
            if key in paths:
                continue
            paths[key] = EntryPath(steps, what)
            reached.append(at)
            for call in at.calls:
                callee = self.code.find_function(call.name, at.path)
                if callee is not None:
                    queue.append((callee, (*steps, PathStep(at.name, at.path, call.line))))
        self._found |= paths
        return tuple(reached)

    def _callers(self, function: FunctionFacts) -> list[tuple[FunctionFacts, int]]:
        """Return who calls just this function, not another of its name."""
        found = []
        for caller, call in self.graph.callers(function.name):
            meant = self.code.find_function(function.name, caller.path)
            if meant is not None and (meant.path, meant.line) == (function.path, function.line):
                found.append((caller, call.line))
        return sorted(found, key=lambda f: (f[0].path, f[0].line, f[1]))
