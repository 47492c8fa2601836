"""Which names are types in one definition, and where a type stands as an argument."""

from __future__ import annotations

from collections.abc import Container, Sequence

from reviewer.cfacts.marks import TYPE_ARGUMENT, Prepared, find_group_end
from reviewer.cfacts.tables import KEYWORDS
from reviewer.cfacts.tokens import Token

TAGS = frozenset({"struct", "union", "enum"})
_TYPE_STARTS = TAGS | frozenset(
    [
        *("const", "volatile", "void", "char", "short", "int", "long", "signed", "unsigned"),
        *("float", "double", "_Bool"),
    ]
)
_LONGEST_TYPE = 200  # tokens
_NOT_A_DECLARED_TYPE = frozenset(
    [
        *("return", "sizeof", "case", "goto", "else", "do", "const", "volatile", "static"),
        *("inline", "extern", "register", "struct", "union", "enum", "typedef"),
        *("__alignof__", "_Alignof"),
    ]
)


class TypeNames:
    """The typedefs of the tree and of this text, less those that a variable hides."""

    def __init__(
        self, typedefs: Container[str], local: frozenset[str], shadowed: frozenset[str]
    ) -> None:
        self.typedefs, self.local, self.shadowed = typedefs, local, shadowed

    def __contains__(self, name: str) -> bool:
        return (name in self.typedefs or name in self.local) and name not in self.shadowed


def local_typedefs(tokens: Sequence[Token]) -> frozenset[str]:
    """Return the names that typedefs inside the text declare."""
    names = set()
    end = 0
    for index, token in enumerate(tokens):
        if token.text == "typedef" and index >= end:
            end = index
            while end < len(tokens) and tokens[end].text != ";":
                end = find_group_end(tokens, end) if tokens[end].text == "{" else end
                end += 1
            if end <= len(tokens) and tokens[end - 1].kind == "id":
                names.add(tokens[end - 1].text)
    return frozenset(names)


def shadowed_names(
    tokens: Sequence[Token], typedefs: Container[str], local: frozenset[str]
) -> frozenset[str]:
    """Return the typedef names that a variable of this text hides."""
    names = set()
    for index in range(1, len(tokens) - 1):
        token = tokens[index]
        if token.kind != "id" or token.text not in typedefs or token.text in local:
            continue
        before, after = tokens[index - 1], tokens[index + 1].text
        declared = before.kind == "id" and before.text not in _NOT_A_DECLARED_TYPE
        if after in (";", "=", ",", ")", "[") and declared:
            names.add(token.text)
    return frozenset(names)


def mark_type_arguments(tokens: list[Token], prepared: Prepared) -> list[Token]:
    """Replace types that stand as arguments of a call in a body by marks."""
    out: list[Token] = []
    position = braces = 0
    while position < len(tokens):
        token = tokens[position]
        braces += (token.text == "{") - (token.text == "}")
        out.append(token)
        position += 1
        if not braces or token.text not in ("(", ","):
            continue
        if token.text == "(" and not _is_call(out):
            continue
        end = _type_end(tokens, position)
        if end:
            prepared.type_arguments.append(tokens[position:end])
            mark = f"{TYPE_ARGUMENT}{len(prepared.type_arguments) - 1}"
            out.append(tokens[position].like("id", mark))
            position = end
    return out


def _is_call(out: list[Token]) -> bool:
    name = out[-2] if len(out) > 1 else None
    return name is not None and name.kind == "id" and name.text not in KEYWORDS


def _type_end(tokens: list[Token], start: int) -> int:
    """Return where a type that is a whole argument ends, 0 where there is none."""
    if start >= len(tokens) or tokens[start].text not in _TYPE_STARTS:
        return 0
    position = start
    tag = False
    while position < min(len(tokens), start + _LONGEST_TYPE):
        token = tokens[position]
        if token.text in (",", ")"):
            return position
        if token.text in TAGS:
            tag = True
        elif token.text == "[":
            position += find_group_end(tokens[position : position + _LONGEST_TYPE], 0)
        elif tag and token.kind == "id":
            tag = False
        elif token.text != "*" and token.text not in _TYPE_STARTS:
            return 0
        position += 1
    return 0
