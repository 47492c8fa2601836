"""Functions that macro invocations at file scope make: ``PAGEFLAG(Dirty, dirty, PF_HEAD)``.

A file's facts hold the invocations only, because what they make depends on other files. An
invocation is a candidate where its macro's text, or that of a macro it names, opens a brace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from reviewer.cfacts.definitions import iter_functions
from reviewer.cfacts.expand import ExpansionLimitError
from reviewer.cfacts.filefacts import Invocation
from reviewer.cfacts.headers import parameter_names, read_header, split_arguments
from reviewer.cfacts.madecache import MadeCache
from reviewer.cfacts.reuse import Difference
from reviewer.cfacts.tables import KEYWORDS
from reviewer.cfacts.tokens import Token
from reviewer.model.facts import CallFact, FunctionFacts

if TYPE_CHECKING:
    from reviewer.cfacts.codebase import CodeBase

_WORD = re.compile(r"[A-Za-z_]\w*")
_DEFINITION = re.compile(r"\)[\s\w\\]*\{")


# An invocation, the words of its arguments, and the text of its macro and of those it names.
Candidate = tuple[Invocation, tuple[str, ...], str]


FEW = 100  # files whose made functions are made sooner than a cache is asked


class MadeFunctions:
    """Finds and expands the invocations of one tree that make functions."""

    def __init__(self, code: CodeBase) -> None:
        self._code = code
        self._makes: dict[str, str] = {}
        self._named: dict[str, tuple[FunctionFacts, ...]] = {}
        self._made: dict[tuple[str, int], tuple[FunctionFacts, ...]] = {}
        self._candidates: dict[str, list[Candidate]] | None = None
        self._files: dict[str, tuple[FunctionFacts, ...]] = {}
        self._every: dict[str, list[FunctionFacts]] | None = None

    def named(self, name: str) -> Iterator[FunctionFacts]:
        """Yield the made functions of a name.

        A made name is a word of the macro's text, or is put together from the arguments: only
        invocations for which one of these can be true are expanded.
        """
        if self._every is not None:
            yield from self._every.get(name, ())
            return
        if name not in self._named:
            self._named[name] = tuple(
                facts
                for path, found in self._all().items()
                for invocation, words, text in found
                if any(word in name for word in words) or name in text
                for facts in self._expand(path, invocation)
                if facts.name == name
            )
        yield from self._named[name]

    def make_all(self, open_cache: Callable[[], MadeCache]) -> None:
        """Make all functions; where much is to be made, what the cache has is taken from it."""
        if self._every is not None:
            return
        facts_of = self._code.index.facts_of
        wanted = [
            p for p in self._code.index.paths if p not in self._files and facts_of(p).invocations
        ]
        cache = open_cache() if len(wanted) > FEW else None
        if cache is not None:
            self._files |= cache.load(wanted)
        missing = [path for path in wanted if path not in self._files]
        made = {path: tuple(self.in_file(path)) for path in missing}
        self._files |= made
        if cache is not None:
            cache.keep(made)
        self._every = {}
        for path in sorted(self._files):
            for facts in self._files[path]:
                self._every.setdefault(facts.name, []).append(facts)

    def in_file(self, path: str) -> Iterator[FunctionFacts]:
        """Yield the functions made in a file."""
        if self._every is not None or path in self._files:
            yield from self._files.get(path, ())
            return
        for invocation, _, _ in self._all().get(path, ()):
            yield from self._expand(path, invocation)

    def take_over(self, like: MadeFunctions, difference: Difference) -> None:
        """Take from another tree what stands in equal files and names no changed macro."""
        for path, functions in like._files.items():
            if path not in difference.changed and not any(
                _names_one(invocation, difference.macros)
                for invocation in self._code.index.facts_of(path).invocations
            ):
                self._files[path] = functions

    def _all(self) -> dict[str, list[Candidate]]:
        if self._candidates is None:
            every = ((path, self._in_path(path)) for path in self._code.index.paths)
            self._candidates = {path: found for path, found in every if found}
        return self._candidates

    def _in_path(self, path: str) -> list[Candidate]:
        return [
            (invocation, _words(invocation), text)
            for invocation in self._code.index.facts_of(path).invocations
            if (text := self._generator_text(invocation.name, path))
        ]

    def _generator_text(self, name: str, near: str) -> str:
        """Return the joined text of a macro and those it names, "" if it makes no function."""
        found = self._code.macros.find(name, near)
        if found is None:
            return ""
        key = f"{found[0]}:{found[1].line}"
        if key not in self._makes:
            seen, todo, pieces = {name}, [name], []
            while todo:
                row = self._code.macros.find(todo.pop(), near)
                if row is None or (row[1].parameters is None and len(seen) > 1):
                    continue
                pieces.append(row[1].body)
                for word in set(_WORD.findall(row[1].body)) - seen - KEYWORDS:
                    if word in self._code.index.macros:
                        seen.add(word)
                        todo.append(word)
                if len(seen) > 200:
                    break
            text = "\n".join(pieces)
            self._makes[key] = text if _DEFINITION.search(text) else ""
        return self._makes[key]

    def _expand(self, path: str, invocation: Invocation) -> tuple[FunctionFacts, ...]:
        key = (path, invocation.start)
        if key not in self._made:
            code = self._code
            try:
                tokens = code.expand_text(path, invocation.start, invocation.end)
            except ExpansionLimitError:
                tokens = []
            end_line = code.text(path).code.count("\n", 0, invocation.end) + 1
            self._made[key] = tuple(
                _facts(path, invocation, end_line, name, piece)
                for name, piece in iter_functions(tokens)
            )
        return self._made[key]


def _words(invocation: Invocation) -> tuple[str, ...]:
    arguments = split_arguments(invocation.arguments)
    return tuple(word for argument in arguments for word in _WORD.findall(argument))


def _names_one(invocation: Invocation, macros: frozenset[str]) -> bool:
    return bool(macros) and (
        invocation.name in macros or not macros.isdisjoint(_WORD.findall(invocation.arguments))
    )


def calls_in_invocation(
    path: str, invocation: Invocation, name: str
) -> list[tuple[FunctionFacts, CallFact]]:
    """Return the calls of a name in an invocation's arguments, in a function made by it."""
    calls = tuple(
        CallFact(name, invocation.line + invocation.arguments.count("\n", 0, match.start()))
        for match in re.finditer(rf"\b{re.escape(name)}\s*\(", invocation.arguments)
    )
    if not calls:
        return []
    first = split_arguments(invocation.arguments)[0].strip()
    facts = FunctionFacts(
        first if _WORD.fullmatch(first) else invocation.name,
        path,
        invocation.line,
        invocation.line + invocation.arguments.count("\n"),
        invocation.start,
        invocation.end,
        (),
        True,
        invocation.conditions,
        calls,
        made_by=invocation.name,
    )
    return [(facts, call) for call in calls]


def _facts(
    path: str, invocation: Invocation, end_line: int, name: str, tokens: list[Token]
) -> FunctionFacts:
    opened = next(i for i, token in enumerate(tokens) if token.text == "{")
    text = " ".join(token.text for token in tokens[:opened])
    header = read_header(text)
    calls = tuple(
        CallFact(token.text, invocation.line)
        for token, after in zip(tokens[opened:], tokens[opened + 1 :], strict=False)
        if token.kind == "id" and after.text == "(" and token.text not in KEYWORDS
    )
    return FunctionFacts(
        name, path, invocation.line, end_line, invocation.start, invocation.end,
        parameter_names(text[header.group + 1 : header.end - 1]),
        any(token.text == "static" for token in tokens[:opened]),
        invocation.conditions, calls, made_by=invocation.name,
    )  # fmt: skip
