"""Rewrites raw C text so that braces and names can be counted, keeping every byte offset.

Text travels as latin-1 strings: one character is one byte, so an offset here is an offset
in the file. Comments, literals and directives are blanked, newlines stay. Nothing here
knows a macro's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMENT_OR_LITERAL = re.compile(
    r"/\*.*?\*/"
    r"|//(?:\\\r?\n|[^\n])*"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n]){1,12}'"
    r"|^[ \t]*#[ \t]*(?:error|warning)\b[^\n]*",
    re.DOTALL | re.MULTILINE,
)
_LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n]){1,12}'", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*([a-z_]+)?((?:\\\r?\n|[^\n])*)", re.MULTILINE)
# A line continuation inside a comment still continues the directive around it.
_LINE_END = re.compile(r" (?=\n)")
_ON_LINE = re.compile(r"[^\n]")
_NOT_NEWLINE = re.compile(r"[^\n\\]|\\(?!\r?\n)")


@dataclass(frozen=True, slots=True)
class Directive:
    """A preprocessor line: its word ("define"), the text after it, and where it stands.

    ``start``..``end`` spans the line with its continuations; ``rest_at`` is the offset of the
    text after the word.
    """

    word: str
    rest: str
    start: int
    end: int
    rest_at: int


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file's text in two views of the same length as the file.

    ``code`` has its comments blanked; ``bare`` also its literals (quotes stay) and its
    directives. ``lines`` are the offsets at which lines start.
    """

    code: str
    bare: str
    directives: tuple[Directive, ...]


def blank(text: str) -> str:
    """Return the text with every character but the newlines turned into a space."""
    if "\\" in text:
        return _NOT_NEWLINE.sub(" ", text)
    return "\n".join([" " * len(line) for line in text.split("\n")])


def _without_comment(match: re.Match[str]) -> str:
    text = match.group()
    if text[0] in "\"'":
        return text
    if "\n" in text and _in_directive(match.string, match.start()):
        # The comment is one space of the directive, whatever its lines end with.
        return _LINE_END.sub("\\\\", blank(text))
    return blank(text)


def _in_directive(text: str, offset: int) -> bool:
    start = text.rfind("\n", 0, offset)
    while start > 0 and text[start - 1] == "\\":
        start = text.rfind("\n", 0, start)
    return text[start + 1 : offset].lstrip().startswith("#")


def _without_literal(match: re.Match[str]) -> str:
    text = match.group()
    return text[0] + blank(text[1:-1]) + text[-1]


def blank_comments(text: str) -> str:
    """Return the text without its comments (and ``#error`` lines); offsets are kept."""
    return _COMMENT_OR_LITERAL.sub(_without_comment, text)


def normalize(data: bytes) -> SourceText:
    """Return the views of a file's bytes that the extraction works on."""
    code = blank_comments(data.decode("latin-1"))
    bare = _LITERAL.sub(_without_literal, code)
    directives = []
    pieces: list[str] = []
    last = 0
    for match in _DIRECTIVE.finditer(bare):
        start, end = match.span()
        rest_at = match.start(2)
        directives.append(Directive(match.group(1) or "", code[rest_at:end], start, end, rest_at))
        # a directive goes whole, its backslashes too: what follows must start a line
        pieces += (bare[last:start], _ON_LINE.sub(" ", bare[start:end]))
        last = end
    pieces.append(bare[last:])
    return SourceText(code, "".join(pieces), tuple(directives))
