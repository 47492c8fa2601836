"""What all lowering to ctree shares: places mapped back to the source, and what cannot be read.

What cannot be lowered becomes an UnparsedExpr or UnparsedStmt with its reason; nothing is
guessed. ``lower_expr`` holds expressions, ``lower_types`` declarators and definitions,
``lower_stmt`` statements.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from reviewer.cfacts.marks import Prepared
from reviewer.cfacts.parse import Node
from reviewer.model import ctree as c

MAX_NESTING = 120


class UnreadableError(Exception):
    """A part of the text has no meaning the reader knows; the message says why."""


class Lowerer:
    """Lowers one prepared text; what it can lower is given by its subclasses."""

    def __init__(self, prepared: Prepared, typedefs: Container[str]) -> None:
        self.prepared = prepared
        self.typedefs = typedefs
        self.spans: dict[int, c.Span] = {}
        self.nesting = 0
        self.arms: dict[str, Callable[[Node], c.Expr]] = {}  # by the parser's node type

    # Given by the subclasses.
    def block(self, node: Node) -> c.Block:
        """Lower a compound statement."""
        raise NotImplementedError

    def type_of(self, node: Node) -> c.CType:
        """Lower a type descriptor."""
        raise NotImplementedError

    def span(self, node: Node) -> c.Span:
        """Return where a node's first token is spelled."""
        token = self.prepared.token_at(node.start_byte)
        key = id(token)
        found = self.spans.get(key)
        if found is None:
            found = self.spans[key] = token.span
        return found

    def text(self, node: Node) -> str:
        """Return a node's text as it was given to the parser."""
        return self.prepared.text[node.start_byte : node.end_byte]

    def expr(self, node: Node) -> c.Expr:
        """Lower an expression; what cannot be read becomes an UnparsedExpr."""
        arm = self.arms.get(node.type)
        try:
            if arm is None or node.is_missing:
                raise UnreadableError(f"no expression: {node.type}")
            self.nesting += 1
            if self.nesting > MAX_NESTING:
                raise UnreadableError(f"nests deeper than {MAX_NESTING}")
            if is_broken(node):
                raise UnreadableError("the parser could not read it")
            return arm(node)
        except UnreadableError as error:
            return c.UnparsedExpr(self.span(node), self.text(node), str(error))
        finally:
            if arm is not None and not node.is_missing:
                self.nesting -= 1

    def field(self, node: Node, name: str) -> c.Expr:
        """Lower the child of a field that must be there."""
        child = node.child_by_field_name(name)
        if child is None:
            raise UnreadableError(f"{node.type} without {name}")
        return self.expr(child)


def is_broken(node: Node) -> bool:
    """Say whether the parser could not read a child of the node."""
    return node.has_error and any(child.is_error or child.is_missing for child in node.children)


def find_node(node: Node, kind: str) -> Node | None:
    """Return the first node of a kind, in the order written."""
    todo = [node]
    while todo:
        current = todo.pop()
        if current.type == kind:
            return current
        todo += reversed(current.children)
    return None
