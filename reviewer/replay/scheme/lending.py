"""What a world of processes asks of a driver that lends it pages."""

from __future__ import annotations

from typing import Protocol

from reviewer.replay.stepping.thread import Body


class PageDriver(Protocol):
    """A driver that lends pages of a file to processes; its steps are the tree's or a model's."""

    answer: int | None

    def map(self, first: int, count: int) -> Body:
        """Take the file's pages and map a range of them; below 0 the driver refuses."""
        ...

    def fault(self, index: int) -> Body:
        """Map what the driver gives for a page of the range: its number, below 0 for none."""
        ...
