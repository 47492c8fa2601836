"""Walks over the nodes of a syntax tree, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from reviewer.model import ctree as c

_PARTS: dict[type, tuple[str, ...]] = {}


def _parts(item: object) -> tuple[str, ...]:
    """Return the fields of a node that may hold other nodes, last first; none for what is none."""
    kind = type(item)
    if kind not in _PARTS:
        found: tuple[str, ...] = ()
        if is_dataclass(item) and not isinstance(item, c.Span | c.CType | c.MacroUse):
            found = tuple(f.name for f in reversed(fields(item)) if f.name != "span")
        _PARTS[kind] = found
    return _PARTS[kind]


def iter_nodes(value: Any) -> Iterator[Any]:
    """Yield every expression and statement under a node, itself first, in the order written."""
    work = [value]
    while work:
        item = work.pop()
        if isinstance(item, tuple):
            work.extend(reversed(item))
            continue
        parts = _parts(item)
        if parts:
            yield item
            work.extend([getattr(item, name) for name in parts])


def find_names(value: Any) -> set[str]:
    """Return every name an expression, or anything else of the tree, mentions."""
    return {node.name for node in iter_nodes(value) if isinstance(node, c.Name)}


def find_macros(value: Any) -> set[str]:
    """Return the macros an expression was written with."""
    return {use.name for node in iter_nodes(value) for use in node.span.via}
