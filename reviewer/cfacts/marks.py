"""The text handed to the parser, the marks in it, and the way back to tokens."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from reviewer.cfacts.tokens import Token

TYPEDEF = "__T_"  # struct __T_name: a typedef's name
TYPEOF = "__Y_"  # struct __Y_0: typeof of the operand with this number
TYPE_ARGUMENT = "__A_"  # a type standing as an argument
ASSEMBLY = "__S_"  # an assembly statement
CASE_RANGE = "__case_range"  # case __case_range(a, b): GNU "case a ... b:"


class Prepared:
    """The text for the parser, and the way back from its offsets to tokens."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.offsets: list[int] = []
        self.text = ""
        self.typeofs: list[list[Token]] = []
        self.type_arguments: list[list[Token]] = []
        self.assembly: list[list[Token]] = []

    def token_at(self, offset: int) -> Token:
        """Return the token that stands at an offset of the text."""
        return self.tokens[max(0, bisect_right(self.offsets, offset) - 1)]


def find_group_end(tokens: Sequence[Token], opened: int) -> int:
    """Return the index of the token that closes the bracket at ``opened``, or the length."""
    depth = 0
    for index in range(opened, len(tokens)):
        text = tokens[index].text
        if text in ("(", "[", "{"):
            depth += 1
        elif text in (")", "]", "}"):
            depth -= 1
            if depth == 0:
                return index
    return len(tokens)


def lay_out(tokens: list[Token], prepared: Prepared) -> None:
    """Set the text, tokens and offsets of a prepared text."""
    pieces = []
    at = 0
    for token in tokens:
        prepared.offsets.append(at)
        pieces.append(token.text)
        at += len(token.text) + 1
    prepared.tokens = tokens
    prepared.text = " ".join(pieces)
