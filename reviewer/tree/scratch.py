"""Makes empty repositories of our own, by hand: ``git init`` would copy templates with hooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def create_repository(directory: Path, object_format: str, *, borrow: Sequence[Path] = ()) -> None:
    """Make an empty bare repository, or leave the one that is there as it is.

    ``object_format`` is "sha1" or "sha256". ``borrow`` are object directories whose
    objects (and those of their own alternates) it can read.
    """
    for name in ("objects/info", "refs"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    version = 0 if object_format == "sha1" else 1
    config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    if version:
        config += f"[extensions]\n\tobjectformat = {object_format}\n"
    (directory / "config").write_text(config)
    (directory / "HEAD").write_text("ref: refs/heads/import\n")
    if borrow:
        lines = b"".join(_quoted(path) + b"\n" for path in borrow)
        (directory / "objects/info/alternates").write_bytes(lines)


def _quoted(path: Path) -> bytes:
    """Return the path as git's C-style quoted string: a line of ``alternates`` may be one."""
    escaped = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + escaped.replace(b"\n", b"\\n") + b'"'
