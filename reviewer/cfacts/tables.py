"""Loads the reader's data files; what is a name's business stands there, not in code."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files
from typing import Any


def read_table(name: str) -> dict[str, Any]:
    """Return a data file of this package as plain values."""
    text = files("reviewer.cfacts").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


_MACROS = read_table("kernel_macros.toml")

KEYWORDS = frozenset(_MACROS["words"]["keywords"])
ATTRIBUTES = frozenset(_MACROS["words"]["attributes"])
DROPPED_WORDS = frozenset(_MACROS["words"]["dropped"])
ASSIGNING = tuple(_MACROS["words"]["assigning"])
PRIMITIVES = frozenset(_MACROS["primitives"])
PRIMITIVE_PREFIXES = tuple(_MACROS["primitive_prefixes"])
TRANSPARENT = frozenset(_MACROS["transparent"])
REPLACED: dict[str, str] = {name: row["by"] for name, row in _MACROS["replaced"].items()}
DEFINERS: dict[str, str] = {name: row["name"] for name, row in _MACROS["definers"].items()}
STATIC_DEFINERS = frozenset(n for n, row in _MACROS["definers"].items() if row.get("static"))


def tables_digest() -> str:
    """Return a digest of the data that the facts of a file depend on."""
    text = files("reviewer.cfacts").joinpath("kernel_macros.toml").read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]
