"""The one door to rich: a progress bar on a terminal's stderr, colours on a terminal's stdout.

In a pipe both are silent and plain: what a script reads is the text alone.
"""

from __future__ import annotations

import re
import sys
from time import monotonic
from typing import TextIO

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from reviewer.report.printable import printable

_STYLES = (
    (r"^mm-review: no finding.*$", "bold green"),
    (r"^mm-review: \d.*$", "bold red"),
    (r"^\d+\. .*$", "bold"),
    (r"^[a-z][a-z ]+:$", "bold"),
    (r"^   [a-z]+ {2,}", "dim"),
    (r"^   path     .*$", "cyan"),
    (r"^ {5}CPU \d: .*$", "bold"),
    (r"(VM_BUG_ON\w*\(.*\)|kernel BUG at .*)$", "red"),
    (r"^! .*$", "yellow"),
    (r"\bunverified\b", "yellow"),
)

REFRESH = 0.1  # seconds between two looks of the bar


class Console:
    """Where progress and reports go; use it as a context, so that a bar is always cleared."""

    def __init__(self, *, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self._out = stdout or sys.stdout
        self._console = RichConsole(file=stderr or sys.stderr)
        self._progress: Progress | None = None
        self._shown = 0.0

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_error: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is; ``total`` 0 is not known. Nothing where there is no terminal."""
        if not self._console.is_terminal:
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
                # a refreshing thread would keep readers of large archives from forking
                auto_refresh=False,
            )
            self._progress.start()
        name = printable(stage).replace("[", r"\[")
        tasks = self._progress.tasks
        if not tasks or tasks[-1].description != name:
            for task in tasks:
                self._progress.remove_task(task.id)
            self._progress.add_task(name, total=total or None)
            tasks = self._progress.tasks
        self._progress.update(tasks[-1].id, completed=done, total=total or None)
        now = monotonic()
        if now - self._shown >= REFRESH or done == total:
            self._shown = now
            self._progress.refresh()

    def write(self, text: str) -> None:
        """Write a text report to stdout, coloured on a terminal (and not under NO_COLOR)."""
        self.clear()
        screen = RichConsole(file=self._out, highlight=False, soft_wrap=True)
        if not screen.is_terminal or screen.no_color:
            self._out.write(text)
            return
        screen.print(paint(text), end="")


def paint(text: str) -> Text:
    """Return a text report with styles; the characters stay what they are."""
    painted = Text(text)
    for pattern, style in _STYLES:
        for match in re.finditer(pattern, text, re.MULTILINE):
            painted.stylize(style, *match.span())
    return painted
