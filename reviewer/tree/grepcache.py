"""Remembers on disk which files of a tree hold given words. No git."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from reviewer.tree.scratch import write_whole

_FORMAT = "1"


class GrepCache:
    """Answers by (tree id, words, prefixes). Without a directory it remembers nothing.

    A cache that cannot be written is no error: the work is only done again.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def find(
        self, tree_id: str, words: tuple[str, ...], prefixes: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """Return the answer stored for the question, or None."""
        file = self._file(tree_id, words, prefixes)
        if file is None:
            return None
        try:
            text = file.read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            return None
        *paths, end = text.split("\0")
        return tuple(paths) if end == "end" else None

    def store(
        self,
        tree_id: str,
        words: tuple[str, ...],
        prefixes: tuple[str, ...],
        paths: tuple[str, ...],
    ) -> None:
        """Keep the answer; a reader sees all of it or nothing."""
        file = self._file(tree_id, words, prefixes)
        if file is not None:
            data = "".join(f"{path}\0" for path in paths) + "end"
            with contextlib.suppress(OSError):
                write_whole(file, data.encode("utf-8", "surrogateescape"))

    def _file(self, tree_id: str, words: tuple[str, ...], prefixes: tuple[str, ...]) -> Path | None:
        if self._directory is None:
            return None
        question = "\0".join((_FORMAT, tree_id, *words, "", *prefixes))
        key = hashlib.sha256(question.encode("utf-8", "surrogateescape")).hexdigest()
        return self._directory / key[:2] / key
