"""What the C reader asks of a source tree, so that it need not know git."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol


class SourceTree(Protocol):
    """A read-only tree of files at one revision. Paths are relative, with ``/``."""

    @property
    def name(self) -> str:
        """A stable name of the tree's content (a git tree id), never an absolute path."""
        ...

    def read(self, path: str) -> bytes:
        """Return the file's bytes.

        Raises:
            KeyError: there is no such file in the tree.
        """
        ...

    def exists(self, path: str) -> bool:
        """Say whether the path is a file of the tree."""
        ...

    def blob_id(self, path: str) -> str:
        """Return an id that is equal exactly when the bytes are (git's blob id).

        Raises:
            KeyError: there is no such file in the tree.
        """
        ...

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        """Yield the files under any of the prefixes (``mm/``), sorted; all without prefixes."""
        ...

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the ``*.c`` and ``*.h`` files that hold one of the words, sorted."""
        ...
