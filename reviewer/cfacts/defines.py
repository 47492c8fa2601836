"""Reads the directives of a file that define things: macros, includes, generated constants."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from reviewer.cfacts.conditionals import ConditionMap
from reviewer.cfacts.filefacts import MacroRow
from reviewer.cfacts.normalize import Directive, SourceText

_DEFINE = re.compile(r"\s*([A-Za-z_]\w*)(\([^)]*\))?[ \t]*(?=(.*))", re.DOTALL)
_GENERATED = re.compile(r"^\tDEFINE\((\w+),[ \t]*(.*)\);", re.MULTILINE)


def read_define(directive: Directive, line: int, conditions: tuple[str, ...]) -> MacroRow | None:
    """Read a ``#define`` line; None where no name follows."""
    match = _DEFINE.match(directive.rest)
    if match is None:
        return None
    parameters: tuple[str, ...] | None = None
    variadic = False
    if match.group(2) is not None:
        names = [re.sub(r"\\\r?\n|\s", "", word) for word in match.group(2)[1:-1].split(",")]
        parameters = tuple(word for word in names if word)
        if parameters and parameters[-1].endswith("..."):
            variadic = True
            parameters = (*parameters[:-1], parameters[-1][:-3] or "__VA_ARGS__")
    line += directive.rest[: match.end()].count("\n")
    body = directive.rest[match.end() :].rstrip(" \t\r\n\f\\")
    return MacroRow(match.group(1), line, parameters, body, variadic, conditions)


def read_includes(
    text: SourceText, conditions: ConditionMap
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the files named by ``#include``, each once for each set of conditions."""
    found: dict[tuple[str, tuple[str, ...]], None] = {}
    for directive in text.directives:
        name = directive.rest.strip()
        if directive.word == "include" and name[:1] in ('"', "<"):
            found[name, conditions.at(directive.start)] = None
    return tuple(found)


def read_constants(
    text: SourceText, conditions: ConditionMap, line_of: Callable[[int], int]
) -> tuple[MacroRow, ...]:
    """Return what ``DEFINE(name, value);`` lines put into a generated header."""
    return tuple(
        MacroRow(
            match.group(1),
            line_of(match.start()),
            None,
            match.group(2),
            False,
            conditions.at(match.start()),
        )
        for match in _GENERATED.finditer(text.code)
    )


def read_macros(
    text: SourceText, conditions: ConditionMap, line_of: Callable[[int], int]
) -> tuple[MacroRow, ...]:
    """Return the macros that a file defines, and where an ``#undef`` ends one."""
    rows: list[MacroRow] = []
    for directive in text.directives:
        if directive.word == "undef":
            _end(
                rows,
                directive.rest.strip(),
                conditions.at(directive.start),
                line_of(directive.start),
            )
        elif directive.word == "define":
            around = conditions.at(directive.start)
            row = read_define(directive, line_of(directive.rest_at), around)
            if row:
                rows.append(row)
    return tuple(rows)


def _end(rows: list[MacroRow], name: str, conditions: tuple[str, ...], line: int) -> None:
    """Note at a macro's definitions that an ``#undef`` under no further condition ends them."""
    for index, row in enumerate(rows):
        if row.name == name and not row.until and row.conditions[: len(conditions)] == conditions:
            rows[index] = replace(row, until=line)
