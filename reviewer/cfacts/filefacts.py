"""What one blob holds, without its path: the values that the cache keeps per blob."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.facts import CallFact, FunctionFacts, MacroFacts


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A function definition; ``calls`` is "name:line name:line ..." in order of appearance."""

    name: str
    line: int
    end_line: int
    start: int
    end: int
    parameters: tuple[str, ...]
    static: bool
    conditions: tuple[str, ...]
    calls: str
    made_by: str = ""
    error: bool = False

    def called(self) -> set[str]:
        """Return the names that are called."""
        return {word[: word.index(":")] for word in self.calls.split()}

    def facts(self, path: str) -> FunctionFacts:
        """Return the row as the fact of a file."""
        calls = tuple(
            CallFact(name, int(line))
            for name, _, line in (word.partition(":") for word in self.calls.split())
        )
        return FunctionFacts(
            self.name, path, self.line, self.end_line, self.start, self.end, self.parameters,
            self.static, self.conditions, calls, self.made_by, self.error,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MacroRow:
    """A ``#define``; ``body`` keeps its line continuations, so that its lines can be counted.

    ``parameters`` of a variadic macro end with the name that stands for the rest. ``until`` is
    the line of the ``#undef`` that ends it in its file, 0 without one.
    """

    name: str
    line: int
    parameters: tuple[str, ...] | None
    body: str
    variadic: bool
    conditions: tuple[str, ...]
    until: int = 0

    def facts(self, path: str) -> MacroFacts:
        """Return the row as the fact of a file."""
        return MacroFacts(
            self.name, path, self.line, self.parameters, self.body, self.variadic, self.conditions
        )


@dataclass(frozen=True, slots=True)
class Invocation:
    """A macro invocation at file scope: ``arguments`` is the text between its parentheses."""

    name: str
    arguments: str
    start: int
    end: int
    line: int
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A struct, union, enum or typedef; ``enumerators`` holds "?" where a macro makes some."""

    kind: str
    name: str
    start: int
    end: int
    line: int
    conditions: tuple[str, ...]
    enumerators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """All facts of one blob.

    ``values`` are the names that stand where a value is stored or passed (space-joined): where
    a function's address may be taken. ``includes`` are as written, with brackets or quotes,
    and their conditions. ``constants`` are the ``DEFINE(name, value)`` lines of a file that the
    build turns into a generated header.
    """

    functions: tuple[FunctionRow, ...] = ()
    macros: tuple[MacroRow, ...] = ()
    invocations: tuple[Invocation, ...] = ()
    types: tuple[TypeRow, ...] = ()
    includes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    constants: tuple[MacroRow, ...] = ()
    guard: str = ""
    values: str = ""
    skipped: tuple[str, ...] = ()
