"""Where a node of the tree is spelled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MacroUse:
    """One macro invocation: its name and where the name stands."""

    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node is spelled, and the macro invocations it came through, outermost first."""

    path: str
    line: int
    via: tuple[MacroUse, ...] = ()

    @property
    def at_path(self) -> str:
        """The file of the outermost invocation, or of the text itself."""
        return self.via[0].path if self.via else self.path

    @property
    def at_line(self) -> int:
        """The line ``__LINE__`` has here: that of the outermost invocation."""
        return self.via[0].line if self.via else self.line
