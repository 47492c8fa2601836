"""Finds where a function's address is stored: tables, assignments, arguments."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from reviewer.cfacts.filefacts import FunctionRow
from reviewer.cfacts.normalize import SourceText
from reviewer.model.facts import PointerFact

_MEMBER = re.compile(r"(?:\.|->)\s*([A-Za-z_]\w*)\s*=\s*&?\s*$")
_VARIABLE = re.compile(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\])*\s*=\s*&?\s*$")
_TABLE = re.compile(
    r"\b(?:struct\s+)?([A-Za-z_]\w*)\s+([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)?(?:__\w+(?:\([^)]*\))?\s*)*=\s*$"
)
_CALLEE = re.compile(r"([A-Za-z_]\w*)\s*$")
_BRACKET = re.compile(r"[(){}\[\];]")
_LOOK_BACK = 20_000
_BEFORE = 2000
_IN_WORD = re.compile(r"\w")


def find_pointers(
    text: SourceText, path: str, function: str, functions: Sequence[FunctionRow]
) -> list[PointerFact]:
    """Return where a file takes a function's address."""
    found = []
    bare = text.bare
    starts = [facts.start for facts in functions]
    # a pattern that starts with a literal is searched much faster than one that starts with \b
    for match in re.finditer(rf"{re.escape(function)}\b(?=\s*[,;)}}:])", bare):
        start = match.start()
        if _IN_WORD.match(bare, start - 1):
            continue
        before = bare[max(0, start - _BEFORE) : start].rstrip()
        if before[-1:] not in (
            "=",
            ",",
            "(",
            "?",
            ":",
            "{",
            "&",
            "n",
        ):
            continue
        inside = bisect_right(starts, start) - 1
        facts = functions[inside] if inside >= 0 and start < functions[inside].end else None
        fact = _classify(bare, start, path, function, facts)
        if fact is not None:
            found.append(fact)
    return found


def _classify(
    bare: str, start: int, path: str, function: str, facts: FunctionRow | None
) -> PointerFact | None:
    line = bare.count("\n", 0, start) + 1
    before = bare[max(0, start - 200) : start]
    if facts is not None and function in facts.parameters:
        return None
    opened = _opener(bare, start, facts.start if facts else max(0, start - _LOOK_BACK))
    member = _MEMBER.search(before)
    name = member.group(1) if member else ""
    if opened >= 0 and bare[opened] == "{" and (table := _table(bare, opened)):
        return PointerFact(function, name, table[0], table[1], path, line)
    if member or (variable := _VARIABLE.search(before)):
        where = facts.name if facts else "" if member else variable.group(1)  # type: ignore[union-attr] # one of the two is set
        return PointerFact(function, name, "", where, path, line)
    if opened >= 0 and bare[opened] == "(":
        callee = _CALLEE.search(bare[max(0, opened - 100) : opened])
        if callee and callee.group(1) not in ("if", "while", "for", "switch", "return"):
            return PointerFact(function, "", "", callee.group(1), path, line)
    return None


def _opener(bare: str, start: int, limit: int) -> int:
    """Return the offset of the innermost bracket open at ``start``, or -1."""
    depth = 0
    for index in range(start - 1, limit - 1, -1):
        char = bare[index]
        if char in ")}]":
            depth += 1
        elif char in "({[":
            if depth == 0:
                return index
            depth -= 1
    return -1


def _table(bare: str, opened: int) -> tuple[str, str] | None:
    """Return the type and the name of the variable whose initialiser opens here."""
    while opened >= 0:
        found = _TABLE.search(bare[max(0, opened - 300) : opened])
        if found:
            return found.group(1), found.group(2)
        before = bare[:opened].rstrip()[-1:]
        if before not in ("{", ",", "=", "}", ")"):
            return None
        opened = _opener(bare, opened, max(0, opened - _LOOK_BACK))
        if opened < 0 or bare[opened] != "{":
            return None
    return None
