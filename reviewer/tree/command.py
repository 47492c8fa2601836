"""What the rest of the layer asks of git, so that one module knows how git is started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class Result:
    """What one git command left: exit status, bytes of stdout, text of stderr."""

    status: int
    out: bytes
    err: str

    @property
    def complaint(self) -> str:
        """The first line of stderr that says what is wrong, without git's prefix."""
        lines = [line.strip() for line in self.err.splitlines()]
        lines = [line for line in lines if line and not line.startswith("warning:")]
        if not lines:
            return f"exit status {self.status}"
        return lines[0].removeprefix("fatal: ").removeprefix("error: ")


class Process(Protocol):
    """A running git command with its pipes open."""

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads."""
        ...

    @property
    def stdout(self) -> IO[bytes]:
        """What it answers."""
        ...

    def close(self) -> Result:
        """Close its input, wait for it, and return how it ended and what was not yet read."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...


class Git(Protocol):
    """A git repository that commands can be run in, cut off from configuration and hooks."""

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        index: Path | None = None,
        accept: Iterable[int] = (0,),
    ) -> Result:
        """Run ``git args`` to its end.

        Raises:
            BadInputError: the exit status is not in ``accept``.
        """
        ...

    def start(self, *args: str) -> Process:
        """Start ``git args`` with pipes on both sides."""
        ...


def printable(text: str, limit: int = 200) -> str:
    """Return hostile text as part of one line: control characters escaped, cut at ``limit``."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
