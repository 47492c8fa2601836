"""Lowers types, declarators and definitions of structs, enums and typedefs to ctree."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reviewer.cfacts.lower import MAX_NESTING, UnreadableError
from reviewer.cfacts.lower_expr import ExpressionLowerer
from reviewer.cfacts.marks import TYPEDEF, TYPEOF
from reviewer.cfacts.parse import Node
from reviewer.model import ctree as c

_SPECIFIERS = frozenset({"struct_specifier", "union_specifier", "enum_specifier"})
_FUNCTIONS = frozenset({"function_declarator", "abstract_function_declarator"})
_POINTERS = frozenset({"pointer_declarator", "abstract_pointer_declarator"})
_ARRAYS = frozenset({"array_declarator", "abstract_array_declarator"})
_PARENS = frozenset({"parenthesized_declarator", "abstract_parenthesized_declarator"})
_NAMES = frozenset({"identifier", "field_identifier", "type_identifier", "primitive_type"})


@dataclass(slots=True)
class Declarator:
    """What a declarator adds to its base type."""

    name: str = ""
    pointers: int = 0
    dims: tuple[c.Expr | None, ...] = ()
    function: bool = False
    to_array: bool = False
    parameters: Node | None = None
    name_node: Node | None = None


def sized_base(text: str) -> str:
    """Return a normal form of built-in type words ("long unsigned int" -> "unsigned long")."""
    words = text.split()
    rest = [w for w in words if w not in ("signed", "unsigned", "int", "const", "volatile")]
    if any(w not in ("long", "short", "char") for w in rest):
        return " ".join((["unsigned"] if "unsigned" in words else []) + rest)
    base = " ".join(sorted(rest)) if rest else "int"
    if base == "char" and "signed" in words:
        return "signed char"
    return f"unsigned {base}" if "unsigned" in words else base


class TypeLowerer(ExpressionLowerer):
    """Adds types and their definitions to the expressions."""

    def type_of(self, node: Node) -> c.CType:
        """Lower a type descriptor."""
        base = self.base(node)
        declarator = node.child_by_field_name("declarator")
        return self.apply(base, self.declarator(declarator) if declarator else Declarator())

    def base(self, node: Node) -> c.CType:
        """Return the specifier of a declaration, field, parameter or type descriptor."""
        kind = node.child_by_field_name("type")
        if kind is None:
            raise UnreadableError("declaration without a type")
        if kind.type == "sized_type_specifier" or kind.type == "primitive_type":
            return c.CType(sized_base(self.text(kind)))
        if kind.type in _SPECIFIERS:
            return self._specifier(kind)
        if kind.type == "type_identifier":
            return c.CType(self.text(kind))
        raise UnreadableError(f"type {kind.type}")

    def _specifier(self, node: Node) -> c.CType:
        tag = node.type.removesuffix("_specifier")
        name_node = node.child_by_field_name("name")
        name = self.text(name_node) if name_node else ""
        if name.startswith(TYPEDEF):
            return c.CType(name[len(TYPEDEF) :])
        if name.startswith(TYPEOF):
            operand = self.operand_of_typeof(self.prepared.typeofs[int(name[len(TYPEOF) :])])
            return operand if isinstance(operand, c.CType) else c.CType("typeof", typeof=operand)
        base = f"{tag} {name}" if name else tag
        body = node.child_by_field_name("body")
        if body is None:
            return c.CType(base)
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise UnreadableError(f"nests deeper than {MAX_NESTING}")
        inline = self.enum(node) if tag == "enum" else self.struct(node)
        self.nesting -= 1
        return c.CType(base, inline=inline)

    def declarator(self, node: Node | None) -> Declarator:
        """Read a declarator from the outside in."""
        found = Declarator()
        inside_array = False
        while node is not None:
            if node.type in _POINTERS:
                found.pointers += 1
                found.to_array = found.to_array or inside_array
            elif node.type in _ARRAYS:
                size = node.child_by_field_name("size")
                found.dims = (self.expr(size) if size else None, *found.dims)
            elif node.type in _FUNCTIONS:
                found.function = True
                found.parameters = node.child_by_field_name("parameters")
            elif node.type in _PARENS:
                inside_array = bool(found.dims)
                named = [n for n in node.named_children if n.type != "ms_call_modifier"]
                node = named[0] if named else None
                continue
            elif node.type in _NAMES:
                found.name, found.name_node = self.text(node), node
                return found
            else:
                raise UnreadableError(f"declarator {node.type}")
            node = node.child_by_field_name("declarator")
        return found

    def apply(self, base: c.CType, declarator: Declarator) -> c.CType:
        """Return the base type with what the declarator adds.

        A CType has no pointer to an array: it is a ``void *``, so that its size is right and
        what it points to is not mistaken for something else.
        """
        if declarator.to_array or (base.dims and declarator.pointers):
            return c.CType("void", 1)
        return replace(
            base,
            pointers=base.pointers + declarator.pointers,
            dims=declarator.dims + base.dims,
            function=base.function or declarator.function,
        )

    def parameters(self, node: Node) -> tuple[tuple[c.Parameter, ...], bool]:
        """Lower a parameter list; the flag says that it ends with ``...``."""
        found = []
        variadic = False
        for child in node.named_children:
            if child.type == "variadic_parameter":
                variadic = True
            elif child.type == "parameter_declaration":
                declarator = self.declarator(child.child_by_field_name("declarator"))
                kind = self.apply(self.base(child), declarator)
                if kind == c.CType("void") and not declarator.name:
                    continue
                if kind.dims:  # an array parameter is a pointer
                    kind = replace(kind, pointers=kind.pointers + 1, dims=kind.dims[1:])
                found.append(c.Parameter(declarator.name, kind))
            else:
                raise UnreadableError(f"parameter {child.type}")
        return tuple(found), variadic

    def attributes(self, node: Node) -> tuple[bool, c.Expr | None]:
        """Return what the marks in a node say: packed, and the alignment asked for."""
        packed, aligned = False, None
        for child in node.named_children:
            if child.type == "attribute_specifier":
                for call in child.named_children:
                    for item in call.named_children:
                        words = self.text(item).replace(" ", "").replace("_", "")
                        packed = packed or words == "packed"
                        if words.startswith("aligned"):
                            aligned = self._alignment(item)
        return packed, aligned

    def _alignment(self, node: Node) -> c.Expr:
        arguments = node.child_by_field_name("arguments")
        if arguments is not None and arguments.named_children:
            return self.expr(arguments.named_children[0])
        return c.Number(self.span(node), 16)  # __attribute__((aligned)): the largest on x86-64

    def struct(self, node: Node) -> c.StructDef:
        """Lower a struct or union with its body."""
        body = node.child_by_field_name("body")
        name_node = node.child_by_field_name("name")
        fields: list[c.Field] = []
        for child in body.named_children if body else ():
            if child.is_error:
                raise UnreadableError(f"field the parser could not read: {self.text(child)}")
            if child.type == "field_declaration":
                fields += self._fields(child)
        packed, aligned = self.attributes(node)
        name = self.text(name_node) if name_node else ""
        kind = node.type.removesuffix("_specifier")
        return c.StructDef(self.span(node), kind, name, tuple(fields), packed, aligned)

    def _fields(self, node: Node) -> list[c.Field]:
        base = self.base(node)
        _, aligned = self.attributes(node)
        found: list[c.Field] = []
        for index, child in enumerate(node.children):
            if child.type == "bitfield_clause":
                bits = self.expr(child.named_children[0])
                if found and node.field_name_for_child(index - 1) == "declarator":
                    found[-1] = replace(found[-1], bits=bits)
                else:
                    found.append(c.Field("", base, bits, aligned))
            elif node.field_name_for_child(index) == "declarator":
                declarator = self.declarator(child)
                found.append(c.Field(declarator.name, self.apply(base, declarator), None, aligned))
        return found or [c.Field("", base, None, aligned)]

    def enum(self, node: Node) -> c.EnumDef:
        """Lower an enum with its body."""
        body = node.child_by_field_name("body")
        name_node = node.child_by_field_name("name")
        items: list[tuple[str, c.Expr | None]] = []
        for child in body.named_children if body else ():
            if child.type != "enumerator":
                raise UnreadableError(f"enumerator the parser could not read: {self.text(child)}")
            value = child.child_by_field_name("value")
            label = child.child_by_field_name("name")
            items.append((self.text(label) if label else "", self.expr(value) if value else None))
        return c.EnumDef(self.span(node), self.text(name_node) if name_node else "", tuple(items))
