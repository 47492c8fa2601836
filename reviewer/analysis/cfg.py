"""The control flow of a function body: ctree statements as a graph of small nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewer.model import ctree as c

END = -1


@dataclass(slots=True)
class Node:
    """One step of the flow.

    ``kind`` is ``declare``, ``evaluate``, ``branch``, ``switch``, ``return``, ``leave`` (a scope
    ends; its names in ``names``), ``unparsed`` or ``jump``. ``next`` are the successors: of a
    branch (true, false), of a switch one per arm in ``arms`` plus the default last. ``live``
    are the variables that are read from here on, None where that is not worked out.
    """

    kind: str
    stmt: c.Stmt | None = None
    expr: c.Expr | None = None
    next: list[int] = field(default_factory=list)
    names: tuple[str, ...] = ()
    live: frozenset[str] | None = None
    arms: tuple[c.Case, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """The graph; it starts at node ``start`` and ends at END.

    ``value`` is the node whose expression is the value of a statement expression, or END.
    """

    nodes: tuple[Node, ...]
    start: int
    value: int


class _Builder:
    """Builds the graph from the back, so that each statement knows what follows it."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.labels: dict[str, int] = {}
        self.breaks: list[int] = []
        self.continues: list[int] = []
        self.cases: list[list[tuple[c.Case, int]]] = []

    def add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def label(self, name: str) -> int:
        if name not in self.labels:
            self.labels[name] = self.add(Node("jump", next=[END]))
        return self.labels[name]

    def block(self, items: tuple[c.Stmt, ...], after: int) -> int:
        names = tuple(i.name for i in items if isinstance(i, c.Declare))
        if names:
            after = self.add(Node("leave", next=[after], names=names))
        for item in reversed(items):
            after = self.stmt(item, after)
        return after

    def stmt(self, stmt: c.Stmt, after: int) -> int:
        match stmt:
            case c.Block(items=items):
                return self.block(items, after)
            case c.Declare():
                return self.add(Node("declare", stmt=stmt, next=[after]))
            case c.Evaluate(expr=expr):
                return self.add(Node("evaluate", stmt=stmt, expr=expr, next=[after]))
            case c.If(cond=cond, then=then, other=other):
                yes = self.stmt(then, after)
                no = self.stmt(other, after) if other is not None else after
                return self.add(Node("branch", stmt=stmt, expr=cond, next=[yes, no]))
            case c.Loop():
                return self.loop(stmt, after)
            case c.Switch():
                return self.switch(stmt, after)
            case c.Return(value=value):
                return self.add(Node("return", stmt=stmt, expr=value, next=[END]))
            case c.UnparsedStmt():
                return self.add(Node("unparsed", stmt=stmt, next=[after]))
            case _:
                return self.jump(stmt, after)

    def jump(self, stmt: c.Stmt, after: int) -> int:
        match stmt:
            case c.Goto(name=name):
                return self.label(name)
            case c.Label(name=name):
                here = self.label(name)
                self.nodes[here].next = [after]
                return here
            case c.Break() if self.breaks:
                return self.breaks[-1]
            case c.Continue() if self.continues:
                return self.continues[-1]
            case c.Case() if self.cases:
                self.cases[-1].append((stmt, after))
        return after

    def loop(self, loop: c.Loop, after: int) -> int:
        test = self.add(Node("jump", next=[after]))
        step = test
        if loop.step is not None:
            step = self.add(Node("evaluate", expr=loop.step, next=[test]))
        self.breaks.append(after)
        self.continues.append(step)
        body = self.stmt(loop.body, step)
        self.breaks.pop()
        self.continues.pop()
        if loop.cond is None:
            self.nodes[test].next = [body]
        else:
            self.nodes[test] = Node("branch", expr=loop.cond, next=[body, after])
        return self.block(loop.first, body if loop.test_last else test)

    def switch(self, switch: c.Switch, after: int) -> int:
        self.breaks.append(after)
        self.cases.append([])
        self.stmt(switch.body, after)
        self.breaks.pop()
        found = list(reversed(self.cases.pop()))
        arms = [(case, to) for case, to in found if case.low is not None]
        default = next((to for case, to in found if case.low is None), after)
        return self.add(
            Node(
                "switch",
                stmt=switch,
                expr=switch.value,
                next=[*(to for _, to in arms), default],
                arms=tuple(case for case, _ in arms),
            )
        )


def build_flow(block: c.Block) -> Flow:
    """Build the flow of a function's body or of a statement expression's."""
    builder = _Builder()
    value = END
    items = block.items
    names = tuple(i.name for i in items if isinstance(i, c.Declare))
    after = builder.add(Node("leave", next=[END], names=names)) if names else END
    for position in range(len(items) - 1, -1, -1):
        after = builder.stmt(items[position], after)
        if position == len(items) - 1 and isinstance(items[position], c.Evaluate):
            value = after
    return Flow(tuple(builder.nodes), after, value)
