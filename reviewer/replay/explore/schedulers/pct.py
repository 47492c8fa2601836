"""Probabilistic concurrency testing: random priorities, lowered at a few random steps.

Burckhardt, Kothari, Musuvathi, Nagarakatte: "A randomized scheduler with probabilistic
guarantees of finding bugs", ASPLOS 2010. A bug of depth d in n threads and k steps is met with
probability at least 1/(n k^(d-1)) a run. Difference: k is the caller's estimate of the length,
not measured by a first run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from reviewer.replay.stepping.thread import Thread


class Pct:
    """Runs the enabled thread of highest priority; ``depth`` - 1 change points in ``length``."""

    def __init__(self, seed: int, threads: int, depth: int, length: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable choices, no secret
        ranks = list(range(depth, depth + threads))
        chance.shuffle(ranks)
        self._rank = dict(enumerate(ranks))
        count = min(depth - 1, max(length, 1))
        points = chance.sample(range(1, max(length, 1) + 1), count)
        self._drop = {point: depth - 1 - i for i, point in enumerate(points)}
        self._made = 0

    def choose(self, enabled: Sequence[int], threads: Sequence[Thread], last: int) -> int | None:
        """Return the enabled thread of highest priority, lowered first at a change point."""
        del threads, last
        self._made += 1
        best = max(enabled, key=self._rank.__getitem__)
        lowered = self._drop.get(self._made)
        if lowered is not None:
            self._rank[best] = lowered
            best = max(enabled, key=self._rank.__getitem__)
        return best
