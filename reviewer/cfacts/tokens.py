"""C tokens that know where they are spelled and through which macros they came."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reviewer.model.ctree import MacroUse, Span

_TOKEN = re.compile(
    r'(?P<str>(?:L|u8?|U)?"(?:\\.|[^"\\])*")'
    r"|(?P<id>[A-Za-z_$][\w$]*)"
    r"|(?P<space>(?:[ \t\r\f\v]|\\\r?\n)+)"
    r"|(?P<newline>\n+)"
    r"|(?P<num>\.?\d(?:[eEpP][+-]|[\w.])*)"
    r"|(?P<chr>'(?:\\.|[^'\\])*')"
    r"|(?P<op>\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\#\#|.)",
    re.DOTALL,
)

NO_NAMES: frozenset[str] = frozenset()


class Token:
    """One token. ``kind`` is id, num, str, chr or op; ``hide`` the macros it may not invoke.

    Tokens are not changed once made; they are plain objects because a function has thousands.
    """

    __slots__ = ("hide", "kind", "line", "path", "space", "text", "via")

    def __init__(
        self,
        kind: str,
        text: str,
        path: str,
        line: int,
        space: bool = False,
        via: tuple[MacroUse, ...] = (),
        hide: frozenset[str] = NO_NAMES,
    ) -> None:
        self.kind = kind
        self.text = text
        self.path = path
        self.line = line
        self.space = space
        self.via = via
        self.hide = hide

    def __repr__(self) -> str:
        return f"{self.text}@{self.line}"

    @property
    def span(self) -> Span:
        """Where the token is spelled, for a tree node."""
        return Span(self.path, self.line, self.via)

    def like(self, kind: str, text: str) -> Token:
        """Return a token of another text that stands at the same place."""
        return Token(kind, text, self.path, self.line, self.space, self.via, self.hide)


def iter_tokens(text: str, path: str, line: int) -> Iterator[Token]:
    """Yield the tokens of text without comments; ``line`` is the line the text starts on."""
    space = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "op"
        word = match.group()
        if kind == "newline" or kind == "space":
            space = True
            line += word.count("\n")
            continue
        yield Token(kind, word, path, line, space)
        space = False
        if kind == "str":
            line += word.count("\n")


def kind_of(text: str) -> str:
    """Return the kind of a single token's text (one made by ``##``)."""
    match = _TOKEN.match(text)
    return (match.lastgroup or "op") if match and match.end() == len(text) else "op"
