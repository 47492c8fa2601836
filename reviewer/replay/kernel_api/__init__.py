"""The kernel's primitives, by the kernel's names: what is assembly, per-CPU or below our feet.

A primitive lowers its own call. What is in no table here is looked for in the tree; what is
in neither stops the run by its name.
"""

from __future__ import annotations

from reviewer.replay.kernel_api import (
    access,
    ambient,
    atomics,
    bits,
    bug,
    compute,
    files,
    heap,
    locks,
    pages,
    pagetables,
    statistics,
)
from reviewer.replay.kernel_api.support import Primitive

_TABLES = (
    access, ambient, bits, bug, compute, files, heap, locks, pages, pagetables, statistics
)  # fmt: skip
_PRIMITIVES: dict[str, Primitive] = {}
for _module in _TABLES:
    _PRIMITIVES.update(_module.TABLE)


def find_primitive(name: str) -> Primitive | None:
    """Return how a call of that name is lowered, None for an ordinary function."""
    found = _PRIMITIVES.get(name)
    if found is None:
        found = atomics.find(name) or ambient.find(name)
        if found is not None:
            _PRIMITIVES[name] = found
    return found
