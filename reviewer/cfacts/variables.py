"""Reads a variable of file scope and the value it begins with.

Asked for one name in one file; nothing of it is kept as a fact. A name that a macro declares
(``module_param(...)``, ``DEFINE_MUTEX(...)``) is not found.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from reviewer.cfacts.filefacts import FunctionRow
from reviewer.cfacts.lower import UnreadableError
from reviewer.cfacts.lower_stmt import StatementLowerer
from reviewer.cfacts.normalize import SourceText
from reviewer.cfacts.parse import parse_text
from reviewer.cfacts.prepare import prepare
from reviewer.cfacts.tables import ASSIGNING
from reviewer.cfacts.tokens import Token
from reviewer.model.ctree import Declare

_PART = r"(?:\s*\[[^\]]*\]|\s*\.\s*\w+)*"
_CHANGE = r"\s*(?:=[^=]|\+\+|--|[-+|&^*/%]=|<<=|>>=)"
_SIZE = r"(?<!sizeof)(?<!sizeof\()(?<!ARRAY_SIZE\()"
_BEFORE = re.compile(r"[;}]")
_CONST = re.compile(r"\bconst\b")


@dataclass(frozen=True, slots=True)
class VariableText:
    """Where a definition stands. ``fixed``: its value is what it begins with, at any time."""

    start: int
    end: int
    fixed: bool


def find_variable(
    text: SourceText, functions: Sequence[FunctionRow], name: str
) -> VariableText | None:
    """Return where a file defines a variable, None where it does not."""
    word = re.escape(name)
    for found in re.finditer(rf"\b{word}\s*(?:\[[^\]]*\]\s*)*(?==[^=]|;)", text.bare):
        at = found.start()
        if any(row.start <= at < row.end for row in functions):
            continue
        start = _start(text.bare, at)
        end = _end(text.bare, at)
        before = text.bare[start:at]
        if not before.strip() or re.search(r"[(){}=]|\b(?:extern|typedef)\b", before):
            continue
        fixed = _is_const(before) or _is_fixed(text.bare, word, at, before)
        return VariableText(start, end, fixed)
    return None


def _start(bare: str, at: int) -> int:
    """Return where the declaration begins: behind the statement before it."""
    last = 0
    for found in _BEFORE.finditer(bare, max(0, at - 2000), at):
        last = found.end()
    return last


def _end(bare: str, at: int) -> int:
    """Return the end of the declaration, its semicolon included."""
    depth = 0
    for index in range(at, len(bare)):
        depth += (bare[index] in "{([") - (bare[index] in "})]")
        if bare[index] == ";" and depth == 0:
            return index + 1
    return len(bare)


def _is_const(before: str) -> bool:
    """Say whether the variable is ``const``, and not what it points to."""
    return _CONST.search(before.rpartition("*")[2]) is not None


def _is_fixed(bare: str, word: str, at: int, before: str) -> bool:
    """Say whether nothing changes a variable that only its own file can name."""
    if not re.search(r"\bstatic\b", before):
        return False
    ways = [
        rf"(?:\+\+|--|&)\s*{word}\b",
        rf"{word}\b{_PART}{_CHANGE}",
        rf"(?:{'|'.join(ASSIGNING)})\s*\([^;]*?\b{word}\b",
    ]
    if re.match(rf"{word}\s*\[", bare[at:]):  # an array's name is its address
        ways.append(rf"{_SIZE}\b{word}\b(?!\s*\[)")
    changed = re.compile(rf"(?<![\w.>])(?:{'|'.join(ways)})")
    return not any(not m.start() <= at < m.end() for m in changed.finditer(bare))


def lower_variable(tokens: Sequence[Token], typedefs: Container[str], name: str) -> Declare:
    """Lower the expanded tokens of a declaration.

    Raises:
        UnreadableError: it cannot be read, or declares no such variable.
    """
    prepared = prepare(tokens, typedefs)
    lowerer = StatementLowerer(prepared, typedefs)
    for child in parse_text(prepared.text).named_children:
        if child.type == "declaration":
            for found in lowerer.statements(child):
                if isinstance(found, Declare) and found.name == name:
                    return found
    raise UnreadableError(f"no declaration of {name}")
