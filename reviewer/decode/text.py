"""The text of a crash without what mail and consoles did to it: one line of words.

An oops comes quoted, wrapped, with or without timestamps, or as one long line. The kernel's
labels tell its parts apart without the line ends, so these are given up.
"""

from __future__ import annotations

import re

_ESCAPES = (("&gt;", ">"), ("&lt;", "<"), ("&amp;", "&"))  # of an archive's web page
_QUOTE = re.compile(r"^[ \t]*(?:[>|][ \t]?)+", re.MULTILINE)
_LONE_QUOTE = re.compile(r"(?<!\S)[>|]+(?!\S)")
_SYSLOG = re.compile(
    r"(?:(?<!\S)(?:[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ )?(?<!\S)kernel: "
)
_STAMP = re.compile(r"(?:<\d>)?\[ *\d+\.\d{6}\](?: ?\[ *[TC]\d+\])?")
_WALL_CLOCK = re.compile(r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4}\]")
_LEVEL = re.compile(r"(?<!\S)<\d>")


def flatten(text: str) -> str:
    """Return the words of a text, one blank between them, without quoting and timestamps."""
    for name, char in _ESCAPES:
        text = text.replace(name, char)
    words = " ".join(_QUOTE.sub("", text.replace("\r", "\n")).split())
    words = _LONE_QUOTE.sub(" ", words)
    for pattern in (_STAMP, _WALL_CLOCK, _LEVEL):
        words = pattern.sub(" ", words)
    return " ".join(_SYSLOG.sub(" ", " ".join(words.split())).split())
