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
        return self._load(self._file((tree_id, *words, "", *prefixes)))

    def find_latest(self, words: tuple[str, ...], prefixes: tuple[str, ...]) -> str:
        """Return the tree the same was last asked of, "" if none."""
        known = self._load(self._file(("latest", *words, "", *prefixes)))
        return known[0] if known else ""

    def store(
        self,
        tree_id: str,
        words: tuple[str, ...],
        prefixes: tuple[str, ...],
        paths: tuple[str, ...],
    ) -> None:
        """Keep the answer; a reader sees all of it or nothing."""
        self._save(self._file((tree_id, *words, "", *prefixes)), paths)
        self._save(self._file(("latest", *words, "", *prefixes)), (tree_id,))

    def _file(self, question: tuple[str, ...]) -> Path | None:
        if self._directory is None:
            return None
        text = "\0".join((_FORMAT, *question))
        key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return self._directory / key[:2] / key

    def _load(self, file: Path | None) -> tuple[str, ...] | None:
        try:
            text = file.read_bytes().decode("utf-8", "surrogateescape") if file else ""
        except OSError:
            return None
        *words, end = text.split("\0")
        return tuple(words) if end == "end" else None

    def _save(self, file: Path | None, words: tuple[str, ...]) -> None:
        if file is not None:
            data = "".join(f"{word}\0" for word in words) + "end"
            with contextlib.suppress(OSError):
                write_whole(file, data.encode("utf-8", "surrogateescape"))
