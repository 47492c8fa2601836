"""Where something stands in a source tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A line of a file. ``path`` is relative to the tree's root, ``line`` counts from 1.

    ``function`` is the enclosing function, empty at file scope.
    """

    path: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"
