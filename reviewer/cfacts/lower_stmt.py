"""Lowers statements and function definitions of the parser's tree to ctree."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.cfacts.lower import MAX_NESTING, UnreadableError
from reviewer.cfacts.lower_types import TypeLowerer
from reviewer.cfacts.marks import ASSEMBLY, CASE_RANGE
from reviewer.cfacts.parse import Node
from reviewer.model import ctree as c


class StatementLowerer(TypeLowerer):
    """Adds statements and functions."""

    def block(self, node: Node) -> c.Block:
        """Lower a compound statement."""
        items: list[c.Stmt] = []
        for child in node.named_children:
            items += self.statements(child)
        return c.Block(self.span(node), tuple(items))

    def statements(self, node: Node) -> list[c.Stmt]:
        """Lower one statement of the parser, which may be several of ours."""
        arms: dict[str, Callable[[Node], list[c.Stmt]]] = {
            "declaration": self._declaration,
            "expression_statement": self._evaluate,
            "compound_statement": lambda n: [self.block(n)],
            "if_statement": self._if_,
            "while_statement": self._while_,
            "do_statement": self._do,
            "for_statement": self._for_,
            "switch_statement": self._switch,
            "case_statement": self._case,
            "labeled_statement": self._label,
            "goto_statement": self._goto,
            "break_statement": lambda n: [c.Break(self.span(n))],
            "continue_statement": lambda n: [c.Continue(self.span(n))],
            "return_statement": self._return_,
            "type_definition": lambda n: [],
            "struct_specifier": lambda n: [],
            "union_specifier": lambda n: [],
            "enum_specifier": self._local_enum,
            "attributed_statement": self._attributed,
            "comment": lambda n: [],
        }
        arm = arms.get(node.type)
        try:
            if arm is None:
                raise UnreadableError(f"no statement: {node.type}")
            self.nesting += 1
            if self.nesting > MAX_NESTING:
                raise UnreadableError(f"nests deeper than {MAX_NESTING}")
            whole = node.type not in ("compound_statement", "case_statement")
            if (
                whole
                and node.has_error
                and any(ch.is_error or ch.is_missing for ch in node.children)
            ):
                raise UnreadableError("the parser could not read it")
            return arm(node)
        except UnreadableError as error:
            return [c.UnparsedStmt(self.span(node), self.text(node), str(error))]
        finally:
            if arm is not None:
                self.nesting -= 1

    def one(self, node: Node | None) -> c.Stmt:
        """Lower the body of an ``if`` or a loop to one statement."""
        if node is None:
            raise UnreadableError("a body is missing")
        found = self.statements(node)
        return found[0] if len(found) == 1 else c.Block(self.span(node), tuple(found))

    def _local_enum(self, node: Node) -> list[c.Stmt]:
        """Lower an enum inside a function: each enumerator is a constant of the block."""
        found: list[c.Stmt] = []
        last: c.Expr | None = None
        where = self.span(node)
        for name, written in self.enum(node).items:
            one = c.Number(where, 1)
            following = c.Binary(where, "+", last, one) if last else c.Number(where, 0)
            value = written or following
            found.append(c.Declare(where, name, c.CType("int"), value))
            last = c.Name(where, name)
        return found

    def _attributed(self, node: Node) -> list[c.Stmt]:
        return self.statements(node.named_children[-1])

    def _declaration(self, node: Node) -> list[c.Stmt]:
        base = self.base(node)
        words = [self.text(n) for n in node.children if n.type == "storage_class_specifier"]
        found: list[c.Stmt] = []
        for child in node.children_by_field_name("declarator"):
            value = None
            declared = child
            if child.type == "init_declarator":
                inner, value_node = (
                    child.child_by_field_name("declarator"),
                    child.child_by_field_name("value"),
                )
                if inner is None or value_node is None:
                    raise UnreadableError("declaration without a value")
                declared, value = inner, self.expr(value_node)
            declarator = self.declarator(declared)
            if (declarator.function and not declarator.pointers) or "extern" in words:
                continue  # a prototype, or a name of file scope
            kind = self.apply(base, declarator)
            where = self.span(declarator.name_node or declared)
            found.append(c.Declare(where, declarator.name, kind, value, "static" in words))
        return found

    def _evaluate(self, node: Node) -> list[c.Stmt]:
        children = node.named_children
        if not children:
            return []
        text = self.text(children[0])
        if children[0].type == "identifier" and text.startswith(ASSEMBLY):
            tokens = self.prepared.assembly[int(text[len(ASSEMBLY) :])]
            written = " ".join(token.text for token in tokens)
            return [c.UnparsedStmt(self.span(node), written, "inline assembly")]
        return [c.Evaluate(self.span(node), self.expr(children[0]))]

    def _condition(self, node: Node) -> c.Expr:
        return self.field(node, "condition")

    def _if_(self, node: Node) -> list[c.Stmt]:
        # "else if" chains are long in places: walked without recursion.
        chain: list[Node] = []
        other: c.Stmt | None = None
        current: Node | None = node
        while current is not None and current.type == "if_statement":
            chain.append(current)
            clause = current.child_by_field_name("alternative")
            rest = clause.named_children if clause is not None else []
            current = rest[-1] if rest else None
            if clause is not None and not rest:
                raise UnreadableError("else without a statement")
        if current is not None:
            other = self.one(current)
        for item in reversed(chain):
            then = self.one(item.child_by_field_name("consequence"))
            other = c.If(self.span(item), self._condition(item), then, other)
        return [other] if other is not None else []

    def _while_(self, node: Node) -> list[c.Stmt]:
        body = self.one(node.child_by_field_name("body"))
        return [c.Loop(self.span(node), (), self._condition(node), None, body)]

    def _do(self, node: Node) -> list[c.Stmt]:
        body = self.one(node.child_by_field_name("body"))
        return [c.Loop(self.span(node), (), self._condition(node), None, body, test_last=True)]

    def _for_(self, node: Node) -> list[c.Stmt]:
        first: list[c.Stmt] = []
        start = node.child_by_field_name("initializer")
        if start is not None and start.type == "declaration":
            first = self._declaration(start)
        elif start is not None:
            first = [c.Evaluate(self.span(start), self.expr(start))]
        cond, step = node.child_by_field_name("condition"), node.child_by_field_name("update")
        return [
            c.Loop(
                self.span(node),
                tuple(first),
                self.expr(cond) if cond is not None else None,
                self.expr(step) if step is not None else None,
                self.one(node.child_by_field_name("body")),
            )
        ]

    def _switch(self, node: Node) -> list[c.Stmt]:
        body = self.one(node.child_by_field_name("body"))
        return [c.Switch(self.span(node), self._condition(node), body)]

    def _case(self, node: Node) -> list[c.Stmt]:
        value = node.child_by_field_name("value")
        low = high = None
        if value is not None:
            low = self.expr(value)
            if isinstance(low, c.Call) and low.callee == c.Name(low.span, CASE_RANGE):
                low, high = low.args
        found: list[c.Stmt] = [c.Case(self.span(node), low, high)]
        for child in node.named_children:
            if value is None or child.start_byte != value.start_byte:
                found += self.statements(child)
        return found

    def _label(self, node: Node) -> list[c.Stmt]:
        name = node.child_by_field_name("label")
        found: list[c.Stmt] = [c.Label(self.span(node), self.text(name) if name else "")]
        for child in node.named_children[1:]:
            found += self.statements(child)
        return found

    def _goto(self, node: Node) -> list[c.Stmt]:
        name = node.child_by_field_name("label")
        if name is None:
            raise UnreadableError("goto without a label")
        return [c.Goto(self.span(node), self.text(name))]

    def _return_(self, node: Node) -> list[c.Stmt]:
        children = node.named_children
        return [c.Return(self.span(node), self.expr(children[0]) if children else None)]

    def function(self, node: Node) -> c.FunctionDef:
        """Lower a function definition.

        Raises:
            UnreadableError: its header cannot be read.
        """
        declarator = self.declarator(node.child_by_field_name("declarator"))
        body = node.child_by_field_name("body")
        if declarator.parameters is None or body is None or declarator.name_node is None:
            raise UnreadableError("function without parameters or body")
        function, declarator.function = declarator.function, False
        returns = self.apply(self.base(node), declarator)
        declarator.function = function
        parameters, variadic = self.parameters(declarator.parameters)
        words = [self.text(n) for n in node.children if n.type == "storage_class_specifier"]
        where = self.span(declarator.name_node)
        return c.FunctionDef(
            where,
            declarator.name,
            returns,
            parameters,
            self.block(body),
            "static" in words,
            variadic,
        )
