"""The texts of functions as written, with the files they stand in kept a while."""

from __future__ import annotations

from functools import lru_cache

from reviewer.cfacts.normalize import blank_comments
from reviewer.model.facts import FunctionFacts
from reviewer.model.source import SourceTree

_KEPT = 256  # files: questions about functions come by file, and by callers in others


class Texts:
    """Reads functions of one tree. Files at hand are kept, the least recently used goes."""

    def __init__(self, source: SourceTree) -> None:
        self.file = lru_cache(_KEPT)(source.read)

    def function(self, function: FunctionFacts) -> bytes:
        """Return the text of a definition, or of the macro invocation that makes it."""
        return self.file(function.path)[function.start : function.end]

    def words(self, function: FunctionFacts) -> str:
        """Return the text of a function without comments, each run of blanks as one space."""
        text = self.function(function).decode("latin-1")
        return " ".join(blank_comments(text).split())

    def signature(self, function: FunctionFacts) -> str:
        """Return what stands before the parameters: storage, section marks, type and name."""
        return self.function(function).split(b"(", 1)[0].decode("utf-8", "replace")
