"""Writes files and empty repositories of our own. No git."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path


def create_repository(directory: Path, object_format: str, *, borrow: Sequence[Path] = ()) -> None:
    """Make an empty bare repository, or leave the one that is there as it is.

    By hand: ``git init`` would copy templates, and hooks with them.

    ``object_format`` is "sha1" or "sha256". ``borrow`` are object directories whose
    objects (and those of their own alternates) it can read.
    """
    for name in ("objects/info", "refs"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    version = 0 if object_format == "sha1" else 1
    config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    if version:
        config += f"[extensions]\n\tobjectformat = {object_format}\n"
    files = {"config": config.encode(), "HEAD": b"ref: refs/heads/import\n"}
    if borrow:
        lines = b"".join(_quoted(path) + b"\n" for path in borrow)
        files["objects/info/alternates"] = lines
    for name, data in files.items():
        file = directory / name
        if not file.exists() or file.read_bytes() != data:  # another run may be reading it
            write_whole(file, data)


def _quoted(path: Path) -> bytes:
    """Return the path as git's C-style quoted string: a line of ``alternates`` may be one."""
    escaped = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + escaped.replace(b"\n", b"\\n") + b'"'


def write_whole(file: Path, data: bytes) -> None:
    """Write the file so that no reader and no interruption ever sees a part of it.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
