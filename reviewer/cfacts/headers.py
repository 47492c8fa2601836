"""Reads what stands before a brace at file scope: a function, a type or a table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reviewer.cfacts.tables import ATTRIBUTES, KEYWORDS

MAX_PARAMETERS = 8 << 10

_WORD = re.compile(r"[A-Za-z_]\w*|[()]|[^\s()\w]+|\d\w*")
_INVOCATION = re.compile(r"\s*([A-Za-z_]\w*)\s*\(")
_PAREN = re.compile(r"[()]")
_TYPE = re.compile(r"\b(struct|union|enum)\b")
_NAME = re.compile(r"[A-Za-z_]\w*")
_POINTER_NAME = re.compile(r"\(\s*\*\s*([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True, slots=True)
class Part:
    """A name directly before a parenthesised group, or a lone word; offsets in the text."""

    name: str
    start: int
    group: int = -1
    end: int = -1


@dataclass(frozen=True, slots=True)
class Header:
    """``kind`` is function, definer (a macro with a body), struct, union, enum, table or other."""

    kind: str
    name: str
    start: int
    group: int = -1
    end: int = -1


def find_close(text: str, opened: int) -> int:
    """Return the offset after the parenthesis that closes the one at ``opened``, or -1."""
    depth = 0
    for match in _PAREN.finditer(text, opened):
        depth += 1 if match.group() == "(" else -1
        if depth == 0:
            return match.end()
    return -1


def invocations(text: str) -> tuple[list[Part], int]:
    """Return the macro invocations that a file-scope text starts with, and where they end."""
    found: list[Part] = []
    position = 0
    while match := _INVOCATION.match(text, position):
        end = find_close(text, match.end() - 1)
        if match.group(1) in KEYWORDS or end < 0:
            break
        found.append(Part(match.group(1), match.start(1), match.end() - 1, end))
        position = end
    return found, position


def _parts(text: str, position: int) -> list[Part]:
    """Return the words outside parentheses; a word before a group carries the group."""
    parts: list[Part] = []
    while match := _WORD.search(text, position):
        position = match.end()
        if match.group() != "(":
            parts.append(Part(match.group(), match.start()))
            continue
        end = find_close(text, match.start())
        if end < 0:
            break
        position = end
        if parts and parts[-1].group < 0 and _NAME.fullmatch(parts[-1].name):
            last = parts.pop()
            parts.append(Part(last.name, last.start, match.start(), end))
        else:
            parts.append(Part("", match.start(), match.start(), end))
    return parts


def _is_attribute(text: str, parts: list[Part], index: int) -> bool:
    part = parts[index]
    if part.name in ATTRIBUTES:
        return True
    if not index or text[part.start - 1 : part.start] in ("", "\n"):
        return False
    before = parts[index - 1]
    return before.group >= 0 and before.name != "" and before.name not in ATTRIBUTES


def _find_function(text: str, parts: list[Part]) -> Header | None:
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if part.group < 0 or part.name in KEYWORDS:
            if part.group >= 0 and (inner := _POINTER_NAME.match(text, part.group)):
                start = _specifier_start(parts, index)
                close = find_close(text, inner.end() - 1)
                return Header("function", inner.group(1), start, inner.end() - 1, close)
            continue
        if part.name and not _is_attribute(text, parts, index):
            start = _specifier_start(parts, index)
            return Header("function", part.name, start, part.group, part.end)
    return None


def _specifier_start(parts: list[Part], index: int) -> int:
    """Walk back over the specifiers of the function named by ``parts[index]``."""
    start = parts[index].start
    for part in reversed(parts[:index]):
        if part.group >= 0 and part.name not in ATTRIBUTES | KEYWORDS:
            break
        if part.group < 0 and not (_NAME.fullmatch(part.name) or set(part.name) <= {"*"}):
            break
        start = part.start
    return start


def read_header(text: str) -> Header:
    """Say what the text between the last item and a ``{`` at file scope opens."""
    made, position = invocations(text)
    parts = _parts(text, 0 if made and made[-1].name in ATTRIBUTES else position)
    if any(part.group < 0 and "=" in part.name for part in parts):
        return Header("table", "", 0)
    if not parts:
        for part in reversed(made):
            if part.name not in ATTRIBUTES:
                return Header("definer", part.name, part.start, part.group, part.end)
        return Header("other", "", 0)
    if found := _find_function(text, parts):
        return found
    types = list(_TYPE.finditer(text, position))
    if types:
        names = [p for p in parts if p.start >= types[-1].end() and p.name not in ATTRIBUTES]
        plain = [p.name for p in names if p.group < 0 and not p.name.startswith("__")]
        return Header(types[-1].group(1), plain[0] if plain else "", types[-1].start())
    return Header("other", "", 0)


def parameter_names(text: str) -> tuple[str, ...]:
    """Return the names in a parameter list's text ("" for one without a name).

    None are returned for a list of more than MAX_PARAMETERS bytes.
    """
    names: list[str] = []
    if len(text) > MAX_PARAMETERS:
        return ()
    for piece in split_arguments(text):
        words = piece.strip()
        if words in ("", "void"):
            continue
        if words == "...":
            names.append("...")
            continue
        pointer = re.search(r"\(\s*[*^]\s*(?:const\s+)?([A-Za-z_]\w*)?", words)
        if pointer:
            names.append(pointer.group(1) or "")
            continue
        plain = re.sub(r"\[[^\]]*\]|\([^)]*\)", "", words)
        found = [w for w in _NAME.findall(plain) if w not in ATTRIBUTES]
        named = len(found) > 1 and found[-1] not in KEYWORDS and found[-2] not in _TAGS
        names.append(found[-1] if named else "")
    return tuple(names)


_TAGS = frozenset({"struct", "union", "enum"})


def split_arguments(text: str) -> list[str]:
    """Split a text at its commas outside brackets."""
    if "(" not in text and "{" not in text and "[" not in text:
        return text.split(",")
    pieces = []
    depth = last = 0
    for match in re.finditer(r"[(){}\[\],]", text):
        char = match.group()
        if char == ",":
            if depth == 0:
                pieces.append(text[last : match.start()])
                last = match.end()
        else:
            depth += 1 if char in "({[" else -1
    pieces.append(text[last:])
    return pieces
