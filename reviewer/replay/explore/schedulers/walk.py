"""A random walk: each step is made by one of the enabled threads, all alike."""

from __future__ import annotations

import random
from collections.abc import Sequence

from reviewer.replay.stepping.thread import Thread


class RandomWalk:
    """Chooses by a seeded generator: the same seed walks the same way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable choices, no secret

    def choose(self, enabled: Sequence[int], threads: Sequence[Thread], last: int) -> int | None:
        """Return any enabled thread."""
        del threads, last
        return self._random.choice(enabled)
