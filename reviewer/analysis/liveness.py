"""Which variables a flow still reads at each node, so that walks forget the rest."""

from __future__ import annotations

from reviewer.analysis.cfg import END, Flow, Node
from reviewer.analysis.nodes import find_names, iter_nodes
from reviewer.model import ctree as c

_FLAG = ("bool", "_Bool")


def find_flags(body: c.FunctionDef) -> frozenset[str]:
    """Return the names of a function's flags: its own variables, and ``*p`` for parameters."""
    found = {f"*{p.name}" for p in body.parameters if p.type.base in _FLAG and p.type.pointers}
    for node in iter_nodes(body.body):
        if isinstance(node, c.Declare) and node.type.base in _FLAG and not node.type.pointers:
            found.add(node.name)
    return frozenset(found)


def _reads_and_writes(node: Node) -> tuple[set[str], set[str]]:
    """Return what a node reads, and what it certainly overwrites."""
    if isinstance(node.stmt, c.Declare):
        return find_names(node.stmt.value), {node.stmt.name}
    expr = node.expr
    if isinstance(expr, c.Assign) and expr.op == "=" and isinstance(expr.target, c.Name):
        return find_names(expr.value), {expr.target.name}
    return find_names(expr), set()


def mark_live(flow: Flow) -> None:
    """Work out ``live`` for the nodes of a function's flow (backwards, to a fixpoint)."""
    effects = [_reads_and_writes(node) for node in flow.nodes]
    live: list[set[str]] = [set(reads) for reads, _ in effects]
    before: list[list[int]] = [[] for _ in flow.nodes]
    for at, node in enumerate(flow.nodes):
        for to in node.next:
            if to != END:
                before[to].append(at)
    work = list(range(len(flow.nodes)))
    while work:
        at = work.pop()
        reads, writes = effects[at]
        after: set[str] = set()
        for to in flow.nodes[at].next:
            if to != END:
                after |= live[to]
        now = reads | (after - writes)
        if now != live[at]:
            live[at] = now
            work.extend(before[at])
    for node, names in zip(flow.nodes, live, strict=True):
        node.live = frozenset(names)
