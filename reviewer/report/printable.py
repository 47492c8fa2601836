"""Hostile text made harmless for a terminal: what cannot be seen is spelled out.

Subjects, names, diffs and oopses come from mail. An escape sequence in them would repaint the
reader's terminal, a bidirectional override would make code read as it is not.
"""

from __future__ import annotations

import unicodedata

_BLANKS = frozenset("\n\r\t\v\f\x85\u2028\u2029")


def printable(text: str) -> str:
    """Return one line of text; control, format and surrogate characters become escapes.

    A newline or tab becomes a space, so that one value stays on one line and in its column.
    """
    folded = "".join(" " if char in _BLANKS else char for char in text)
    return _spell(folded)


def printable_block(text: str) -> str:
    """Return lines of text: newlines and tabs kept, everything else as ``printable`` does."""
    return "\n".join(_spell(line) for line in text.replace("\r\n", "\n").split("\n"))


def _spell(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(_spell_char(char) for char in text)


def _spell_char(char: str) -> str:
    if char.isprintable() or char == "\t":
        return char
    return " " if unicodedata.category(char) == "Zs" else _escape(char)


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
