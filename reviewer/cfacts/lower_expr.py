"""Lowers expressions of the parser's tree to ctree."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from reviewer.cfacts.constants import parse_character, parse_number
from reviewer.cfacts.lower import Lowerer, UnreadableError, find_node, is_broken
from reviewer.cfacts.marks import ASSEMBLY, TYPE_ARGUMENT, Prepared
from reviewer.cfacts.parse import Node, parse_text
from reviewer.cfacts.prepare import prepare
from reviewer.cfacts.tokens import Token
from reviewer.model import ctree as c

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]+|[0-7]{1,3}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}


def _unescape(match: re.Match[str]) -> str:
    word = match.group(1)
    if word[0] == "x":
        return chr(int(word[1:], 16) & 0xFF)
    if word[0] in "01234567":
        return chr(int(word, 8) & 0xFF)
    return _SIMPLE.get(word, word)


def string_value(text: str) -> str:
    """Return the value of a string literal with its quotes."""
    return _ESCAPE.sub(_unescape, text[text.index('"') + 1 : -1])


class ExpressionLowerer(Lowerer):
    """Lowers expressions of one prepared text. Types and blocks are given by subclasses."""

    def __init__(self, prepared: Prepared, typedefs: Container[str]) -> None:
        super().__init__(prepared, typedefs)
        self.arms |= {
            "identifier": self._name,
            "true": self._name,
            "false": self._name,
            "null": self._name,
            "number_literal": self._number,
            "char_literal": self._character,
            "string_literal": self._string,
            "call_expression": self._call,
            "parenthesized_expression": self._parenthesized,
            "unary_expression": self._unary,
            "pointer_expression": self._unary,
            "update_expression": self._update,
            "binary_expression": self._binary,
            "assignment_expression": self._assign,
            "conditional_expression": self._ternary,
            "field_expression": self._member,
            "subscript_expression": self._subscript,
            "cast_expression": self._cast,
            "sizeof_expression": self._sizeof,
            "comma_expression": self._comma,
            "compound_statement": self._statement_expression,
            "generic_expression": self._generic,
            "initializer_list": self._init_list,
            "compound_literal_expression": self._compound_literal,
        }

    def _name(self, node: Node) -> c.Expr:
        text = self.text(node)
        if text.startswith(ASSEMBLY):
            raise UnreadableError("inline assembly")
        if text.startswith(TYPE_ARGUMENT):
            tokens = self.prepared.type_arguments[int(text[len(TYPE_ARGUMENT) :])]
            return c.TypeArg(self.span(node), self.type_of_tokens(tokens))
        return c.Name(self.span(node), text)

    def type_of_tokens(self, tokens: Sequence[Token]) -> c.CType:
        """Lower a type from its (already marked) tokens."""
        text = " ".join(token.text for token in tokens)
        root = parse_text(f"int __x = sizeof({text});")
        found = find_node(root, "type_descriptor")
        if found is None or root.has_error:
            raise UnreadableError(f"not a type: {text}")
        outer = self.prepared
        inner = Prepared()
        inner.text = root.text.decode("latin-1") if root.text else ""
        inner.tokens, inner.offsets = [tokens[0]], [0]
        inner.typeofs, inner.type_arguments = outer.typeofs, outer.type_arguments
        self.prepared = inner
        try:
            return self.type_of(found)
        finally:
            self.prepared = outer

    def operand_of_typeof(self, tokens: Sequence[Token]) -> c.Expr | c.CType:
        """Lower what stands in ``typeof(...)``: an expression, or a type."""
        at = tokens[0] if tokens else Token("op", "", "", 0)
        head = [at.like("id", w) for w in ("void", "__f")]
        head += [at.like("op", w) for w in ("(", ")", "{")]
        call = [at.like("id", "__typeof_operand"), at.like("op", "(")]
        tail = [at.like("op", w) for w in (")", ";", "}")]
        prepared = prepare([*head, *call, *tokens, *tail], self.typedefs)
        root = parse_text(prepared.text)
        arguments = find_node(root, "argument_list")
        if root.has_error or arguments is None or len(arguments.named_children) != 1:
            text = " ".join(token.text for token in tokens)
            raise UnreadableError(f"typeof of what the parser could not read: {text}")
        outer, self.prepared = self.prepared, prepared
        try:
            value = self.expr(arguments.named_children[0])
        finally:
            self.prepared = outer
        return value.type if isinstance(value, c.TypeArg) else value

    def _number(self, node: Node) -> c.Expr:
        text = self.text(node)
        number = parse_number(text)
        if number is None:
            raise UnreadableError(f"not an integer: {text}")
        decimal = text[0] != "0" or text.rstrip("uUlL") == "0"
        return c.Number(self.span(node), *number, decimal=decimal)

    def _character(self, node: Node) -> c.Expr:
        value = parse_character(self.text(node))
        if value is None:
            raise UnreadableError(f"not a character: {self.text(node)}")
        return c.Number(self.span(node), value)

    def _string(self, node: Node) -> c.Expr:
        return c.Text(self.span(node), string_value(self.text(node)))

    def _call(self, node: Node) -> c.Expr:
        arguments = node.child_by_field_name("arguments")
        if arguments is None or (arguments.has_error and is_broken(arguments)):
            raise UnreadableError("arguments that the parser could not read")
        callee = self.field(node, "function")
        args = tuple(self.expr(child) for child in arguments.named_children)
        offset = isinstance(callee, c.Name) and callee.name == "__builtin_offsetof"
        if offset and len(args) == 2 and isinstance(args[0], c.TypeArg):
            member = self.text(arguments.named_children[1]).replace(" ", "")
            return c.OffsetOf(self.span(node), args[0].type, member)
        return c.Call(self.span(node), callee, args)

    def _parenthesized(self, node: Node) -> c.Expr:
        children = [child for child in node.named_children if child.type != "comment"]
        if len(children) != 1:
            raise UnreadableError("parentheses round more than one thing")
        return self.expr(children[0])

    def _unary(self, node: Node) -> c.Expr:
        operator = node.child_by_field_name("operator")
        op = self.text(operator) if operator else ""
        if op not in ("-", "+", "!", "~", "&", "*"):
            raise UnreadableError(f"operator {op}")
        return c.Unary(self.span(node), op, self.field(node, "argument"))

    def _update(self, node: Node) -> c.Expr:
        operator = node.child_by_field_name("operator")
        op = self.text(operator) if operator else ""
        argument = node.child_by_field_name("argument")
        before = operator is not None and argument is not None
        prefix = before and operator.start_byte < argument.start_byte  # type: ignore[union-attr] # both tested in `before`
        return c.Unary(
            self.span(node), f"{op}x" if prefix else f"x{op}", self.field(node, "argument")
        )

    def _binary(self, node: Node) -> c.Expr:
        # A long chain (a + b + ...) leans left: walk it down without recursion.
        chain = [node]
        left = node.child_by_field_name("left")
        while left is not None and left.type == "binary_expression" and not is_broken(left):
            chain.append(left)
            left = left.child_by_field_name("left")
        if left is None:
            raise UnreadableError("operator without an operand")
        result = self.expr(left)
        for item in reversed(chain):
            operator = item.child_by_field_name("operator")
            op = self.text(operator) if operator else ""
            result = c.Binary(self.span(item), op, result, self.field(item, "right"))
        return result

    def _assign(self, node: Node) -> c.Expr:
        operator = node.child_by_field_name("operator")
        op = self.text(operator) if operator else "="
        return c.Assign(self.span(node), op, self.field(node, "left"), self.field(node, "right"))

    def _ternary(self, node: Node) -> c.Expr:
        then = node.child_by_field_name("consequence")
        return c.Ternary(
            self.span(node),
            self.field(node, "condition"),
            self.expr(then) if then is not None else None,
            self.field(node, "alternative"),
        )

    def _member(self, node: Node) -> c.Expr:
        field = node.child_by_field_name("field")
        operator = node.child_by_field_name("operator")
        if field is None or operator is None:
            raise UnreadableError("member without a name")
        base = self.field(node, "argument")
        return c.Member(self.span(node), base, self.text(field), self.text(operator) == "->")

    def _subscript(self, node: Node) -> c.Expr:
        return c.Index(self.span(node), self.field(node, "argument"), self.field(node, "index"))

    def _cast(self, node: Node) -> c.Expr:
        target = node.child_by_field_name("type")
        if target is None:
            raise UnreadableError("cast without a type")
        return c.Cast(self.span(node), self.type_of(target), self.field(node, "value"))

    def _sizeof(self, node: Node) -> c.Expr:
        target = node.child_by_field_name("type")
        if target is not None:
            return c.SizeOf(self.span(node), self.type_of(target), None)
        return c.SizeOf(self.span(node), None, self.field(node, "value"))

    def _comma(self, node: Node) -> c.Expr:
        items: list[Node] = []
        current: Node | None = node
        while current is not None and current.type == "comma_expression":
            left = current.child_by_field_name("left")
            if left is not None:
                items.append(left)
            current = current.child_by_field_name("right")
        if current is not None:
            items.append(current)
        return c.Comma(self.span(node), tuple(self.expr(item) for item in items))

    def _statement_expression(self, node: Node) -> c.Expr:
        return c.StatementExpr(self.span(node), self.block(node))

    def _generic(self, node: Node) -> c.Expr:
        children = node.named_children
        if len(children) < 3 or len(children) % 2 == 0:
            raise UnreadableError("_Generic without arms")
        arms: list[tuple[c.CType | None, c.Expr]] = []
        for label, value in zip(children[1::2], children[2::2], strict=True):
            kind = None if self.text(label) == "default" else self.type_of(label)
            arms.append((kind, self.expr(value)))
        return c.Generic(self.span(node), self.expr(children[0]), tuple(arms))

    def _init_list(self, node: Node) -> c.Expr:
        return self.init(node)

    def init(self, node: Node) -> c.InitList:
        """Lower ``{ ... }`` of an initialiser."""
        items: list[tuple[str, c.Expr]] = []
        for child in node.named_children:
            if child.type == "initializer_pair":
                value = child.child_by_field_name("value")
                if value is None:
                    raise UnreadableError("initialiser without a value")
                text = self.prepared.text[child.start_byte : value.start_byte]
                designator = text.replace(" ", "").removesuffix("=").removesuffix(":")
                items.append((designator, self.expr(value)))
            else:
                items.append(("", self.expr(child)))
        return c.InitList(self.span(node), tuple(items))

    def _compound_literal(self, node: Node) -> c.Expr:
        target = node.child_by_field_name("type")
        value = node.child_by_field_name("value")
        if target is None or value is None:
            raise UnreadableError("compound literal without a type")
        return c.CompoundLiteral(self.span(node), self.type_of(target), self.init(value))
