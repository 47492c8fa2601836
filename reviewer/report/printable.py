"""Hostile text made harmless for a terminal: what cannot be seen is spelled out.

Subjects, names, diffs and oopses come from mail. An escape sequence in them would repaint the
reader's terminal, a bidirectional override would make code read as it is not.
"""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\t")
_LINE_ENDS = frozenset("\n\r\v\f\x85\u2028\u2029")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return one line of text; control, format and surrogate characters become escapes.

    A newline becomes a space, so that one value stays on one line.
    """
    folded = "".join(" " if char in _LINE_ENDS else char for char in text)
    return _spell(folded)


def printable_block(text: str) -> str:
    """Return lines of text, newlines kept, everything else as ``printable`` does."""
    return "\n".join(_spell(line) for line in text.replace("\r\n", "\n").split("\n"))


def _spell(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        _escape(char) if unicodedata.category(char) in _INVISIBLE and char not in _KEPT else char
        for char in text
    )


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
