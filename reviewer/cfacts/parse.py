"""Parses C text with tree-sitter; the only module that imports it."""

from __future__ import annotations

import tree_sitter_c
from tree_sitter import Language, Node, Parser

__all__ = ["Node", "parse_text"]

_PARSER = Parser(Language(tree_sitter_c.language()))


def parse_text(text: str) -> Node:
    """Return the root of the syntax tree of a translation unit's text."""
    return _PARSER.parse(text.encode("latin-1", "replace")).root_node
