"""Expands a piece of file-scope text into definitions, and lowers them to ctree."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from reviewer.cfacts.headers import read_header
from reviewer.cfacts.lower import UnreadableError
from reviewer.cfacts.lower_stmt import StatementLowerer
from reviewer.cfacts.parse import Node, parse_text
from reviewer.cfacts.prepare import prepare
from reviewer.cfacts.tokens import Token
from reviewer.model.ctree import EnumDef, FunctionDef, StructDef, TypedefDef


def iter_functions(tokens: Sequence[Token]) -> Iterator[tuple[str, list[Token]]]:
    """Yield the function definitions in expanded file-scope tokens, with their names."""
    start = depth = 0
    opened = -1
    for index, token in enumerate(tokens):
        text = token.text
        if text == "{":
            if depth == 0:
                opened = index
            depth += 1
        elif text == "}":
            depth -= 1
            if depth == 0 and opened >= 0:
                header = read_header(" ".join(t.text for t in tokens[start:opened]))
                if header.kind == "function":
                    yield header.name, _from_offset(tokens[start : index + 1], header.start)
                    start = index + 1
        elif text == ";" and depth == 0:
            start = index + 1


def _from_offset(tokens: Sequence[Token], offset: int) -> list[Token]:
    at = 0
    for index, token in enumerate(tokens):
        if at >= offset:
            return list(tokens[index:])
        at += len(token.text) + 1
    return list(tokens)


def lower_function(tokens: Sequence[Token], typedefs: Container[str]) -> FunctionDef:
    """Lower the expanded tokens of one function.

    Raises:
        UnreadableError: the function as a whole cannot be read.
    """
    prepared = prepare(tokens, typedefs)
    root = parse_text(prepared.text)
    node = _child(root, ("function_definition",))
    if node is None:
        raise UnreadableError("the parser finds no function definition in it")
    return StatementLowerer(prepared, typedefs).function(node)


def lower_struct(tokens: Sequence[Token], typedefs: Container[str]) -> StructDef | EnumDef:
    """Lower the expanded tokens of a struct, union or enum definition.

    Raises:
        UnreadableError: a part of it cannot be read.
    """
    prepared = prepare(tokens, typedefs, body=False)
    root = parse_text(prepared.text)
    kinds = ("struct_specifier", "union_specifier", "enum_specifier")
    node = _child(root, kinds)
    if node is None:
        for child in root.named_children:
            kind = child.child_by_field_name("type")
            if kind is not None and kind.type in kinds:
                node = kind
                break
    if node is None:
        raise UnreadableError("the parser finds no definition in it")
    lowerer = StatementLowerer(prepared, typedefs)
    return lowerer.enum(node) if node.type == "enum_specifier" else lowerer.struct(node)


def lower_typedef(tokens: Sequence[Token], typedefs: Container[str], name: str) -> TypedefDef:
    """Lower the expanded tokens of a typedef.

    Raises:
        UnreadableError: it cannot be read.
    """
    prepared = prepare(tokens, typedefs, keep=name, body=False)
    root = parse_text(prepared.text)
    node = _child(root, ("type_definition",))
    if node is None:
        raise UnreadableError("the parser finds no typedef in it")
    lowerer = StatementLowerer(prepared, typedefs)
    for child in node.children_by_field_name("declarator"):
        declarator = lowerer.declarator(child)
        if declarator.name == name:
            kind = lowerer.apply(lowerer.base(node), declarator)
            return TypedefDef(lowerer.span(node), name, kind)
    raise UnreadableError(f"no declarator named {name}")


def _child(root: Node, kinds: tuple[str, ...]) -> Node | None:
    return next((child for child in root.named_children if child.type in kinds), None)
