"""What a run is given. Apart from what runs, so that naming the options loads none of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from reviewer.cfacts.config import KernelConfig, default_config
from reviewer.report.printable import printable

Progress = Callable[[str, int, int], None]  # stage, done, total


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report no progress."""


def tell(line: str) -> None:
    """Say on stderr what the user should know of and need not act on."""
    sys.stderr.write(f"mm-review: {printable(line)}\n")


@dataclass(frozen=True, slots=True)
class Options:
    """What a review is run with. ``replay`` False leaves findings unconfirmed.

    ``dismissals`` is a file to read instead of the tree's own; ``today`` is the day on which
    its entries may have expired, None for the clock's.
    """

    tree: Path
    base: str = ""
    series: str = ""
    input_format: str = "auto"
    cache_dir: Path | None = None
    config: KernelConfig = field(default_factory=default_config)
    replay: bool = True
    dismissals: Path | None = None
    today: date | None = None
    progress: Progress = silent
    tell: Callable[[str], None] = tell
