"""Makes empty repositories of our own, by hand: ``git init`` would copy templates with hooks."""

from __future__ import annotations

import os
from pathlib import Path


def create_repository(directory: Path, object_format: str, *, borrow: Path | None = None) -> None:
    """Make an empty bare repository, or leave the one that is there as it is.

    ``object_format`` is "sha1" or "sha256". ``borrow`` is an object directory whose objects
    (and those of its own alternates) it can read.
    """
    for name in ("objects/info", "refs"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    version = 0 if object_format == "sha1" else 1
    config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    if version:
        config += f"[extensions]\n\tobjectformat = {object_format}\n"
    (directory / "config").write_text(config)
    (directory / "HEAD").write_text("ref: refs/heads/import\n")
    if borrow is not None:
        (directory / "objects/info/alternates").write_bytes(_quoted(borrow) + b"\n")


def _quoted(path: Path) -> bytes:
    """Return the path as git's C-style quoted string: a line of ``alternates`` may be one."""
    escaped = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + escaped.replace(b"\n", b"\\n") + b'"'
