"""What a counting walk reads off a function's tree beforehand: variables, guards, loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from reviewer.analysis.engine import is_page_type
from reviewer.analysis.nodes import iter_nodes
from reviewer.model import ctree as c
from reviewer.model.vocabulary import Vocabulary

Line = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LoopLines:
    """The lines of one loop; ``moves`` says that it goes from page to page."""

    lines: frozenset[Line]
    moves: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """A function's variables, those that hold pages, those whose address is taken.

    ``steering`` are those that a loop's condition compares: they say only how far it is.
    ``guards`` are, for each ``if``, the statistics' calls inside it, by line and name.
    """

    parameters: frozenset[str]
    variables: frozenset[str]
    pages: frozenset[str]
    escaped: frozenset[str]
    steering: frozenset[str]
    guards: dict[int, tuple[str, ...]]
    loops: tuple[LoopLines, ...]
    body: c.FunctionDef  # kept, for guards go by the identity of its nodes

    def asks(self, stmt: c.Stmt | None) -> tuple[str, ...]:
        """Return the statistics whose change an ``if`` decides."""
        return self.guards.get(id(stmt), ()) if stmt is not None else ()


def read_shape(
    body: c.FunctionDef,
    vocabulary: Vocabulary,
    is_statistic: Callable[[str], bool],
    changes: Callable[[str], bool],
) -> Shape:
    """Read the shape; ``changes`` says whether a function changes the statistic it is handed."""
    named = frozenset(_holders(body, is_statistic))

    def is_change(call: c.Call) -> bool:
        names = [arg.name for arg in call.args if isinstance(arg, c.Name)]
        moved = any(is_statistic(name) or name in named for name in names)
        return moved and isinstance(call.callee, c.Name) and changes(call.callee.name)

    variables = {p.name for p in body.parameters}
    pages = {p.name for p in body.parameters if is_page_type(p.type, vocabulary)}
    escaped: set[str] = set()
    guards: dict[int, tuple[str, ...]] = {}
    loops: list[c.Loop] = []
    compared: set[int] = set()
    for node in iter_nodes(body.body):
        match node:
            case c.Declare(name=name, type=kind):
                variables.add(name)
                if is_page_type(kind, vocabulary):
                    pages.add(name)
            case c.Binary(op="==" | "!=", left=left, right=right):
                compared |= {id(left), id(right)}  # max() compares addresses for their types
            case c.Unary(op="&", operand=c.Name(name=name)) if id(node) not in compared:
                escaped.add(name)
            case c.If():
                calls = tuple(sorted(_changes(node, is_change)))
                if calls:
                    guards[id(node)] = calls
            case c.Loop():
                loops.append(node)
    return Shape(
        frozenset(p.name for p in body.parameters),
        frozenset(variables),
        frozenset(pages),
        frozenset(escaped),
        frozenset(name for loop in loops for name in _find_steering(loop.cond)),
        guards,
        tuple(_read_loop(loop, frozenset(pages)) for loop in loops),
        body,
    )


def _find_steering(cond: c.Expr | None) -> Iterator[str]:
    """Yield the variables that a loop's condition compares with something."""
    for node in iter_nodes(cond) if cond is not None else ():
        if isinstance(node, c.Binary) and node.op in ("<", "<=", ">", ">=", "!="):
            yield from (n.name for n in (node.left, node.right) if isinstance(n, c.Name))


def site_of(span: c.Span) -> str:
    """Return the place of a statistic's change as a guard names it."""
    return f"{span.at_path}:{span.at_line}"


def _holders(body: c.FunctionDef, is_statistic: Callable[[str], bool]) -> Iterator[str]:
    """Yield the variables that a statistic's name is stored in."""
    for node in iter_nodes(body.body):
        if isinstance(node, c.Assign) and isinstance(node.target, c.Name):
            name, value = node.target.name, node.value
        elif isinstance(node, c.Declare) and node.value is not None:
            name, value = node.name, node.value
        else:
            continue
        if any(isinstance(n, c.Name) and is_statistic(n.name) for n in iter_nodes(value)):
            yield name


def _changes(stmt: c.If, is_change: Callable[[c.Call], bool]) -> Iterator[str]:
    for part in (stmt.then, stmt.other):
        for node in iter_nodes(part) if part is not None else ():
            if isinstance(node, c.Call) and is_change(node):
                yield site_of(node.span)


def _read_loop(loop: c.Loop, pages: frozenset[str]) -> LoopLines:
    lines = {
        (node.span.at_path, node.span.at_line)
        for part in (loop.body, loop.step, loop.cond)
        for node in iter_nodes(part)
        if hasattr(node, "span")
    }
    moves = any(_moves(node, pages) for node in iter_nodes((loop.body, loop.step)))
    return LoopLines(frozenset(lines), moves)


def _moves(node: Any, pages: frozenset[str]) -> bool:
    match node:
        case c.Unary(op="x++" | "++x", operand=c.Name(name=name)):
            return name in pages
        case c.Assign(op="+=", target=c.Name(name=name), value=value):
            return name in pages or isinstance(value, c.Number | c.Binary)
        case c.Binary(op="+", left=c.Name(name=name)):
            return name in pages
        case c.Index(base=c.Name(name=name)):
            return name in pages
    return False
