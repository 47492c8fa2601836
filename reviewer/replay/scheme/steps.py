"""Single accesses of the reference model to struct page: one word each, atomic, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reviewer.replay.memory.pages import Pages, signed
from reviewer.replay.stepping.thread import Access, AccessKind, Body, TreeCall

MODEL_PATH = "(reference model)"
"""What a step of the model says for the path of its source."""


class Steps:
    """Makes the accesses: one word each, atomic, named after the function they stand in."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self._memory = pages.memory

    def _access(
        self, kind: AccessKind, function: str, page: int, name: str, perform: Callable[[], int]
    ) -> Access:
        pages = self.pages
        place = pages.find(name)
        return Access(
            kind,
            pages.address(page, name),
            place.size,
            function,
            MODEL_PATH,
            0,
            pages.what(page, name),
            perform,
        )

    def load(self, function: str, page: int, name: str) -> Access:
        """Load a member; the answer is signed if it is a count."""
        pages = self.pages
        return self._access(AccessKind.LOAD, function, page, name, lambda: pages.peek(page, name))

    def store(self, function: str, page: int, name: str, value: int) -> Access:
        """Store a member."""
        pages = self.pages

        def perform() -> int:
            pages.poke(page, name, value)
            return 0

        return self._access(AccessKind.STORE, function, page, name, perform)

    def modify(self, function: str, page: int, name: str, change: Callable[[int], int]) -> Access:
        """Change a member atomically; the answer is the new value."""
        pages = self.pages
        size = pages.find(name).size

        def perform() -> int:
            value = change(pages.peek(page, name)) & ((1 << size * 8) - 1)
            pages.poke(page, name, value)
            return signed(value, size)

        return self._access(AccessKind.RMW, function, page, name, perform)

    def add(self, function: str, page: int, name: str, delta: int) -> Access:
        """``atomic_add_return``."""
        return self.modify(function, page, name, lambda value: value + delta)

    def set_bits(self, function: str, page: int, bits: int) -> Access:
        """Set bits of the page's flags; the answer is the word before."""
        return self._flags(function, page, lambda value: value | bits)

    def clear_bits(self, function: str, page: int, bits: int) -> Access:
        """Clear bits of the page's flags; the answer is the word before."""
        return self._flags(function, page, lambda value: value & ~bits)

    def _flags(self, function: str, page: int, change: Callable[[int], int]) -> Access:
        pages = self.pages

        def perform() -> int:
            before = pages.peek(page, "flags")
            pages.poke(page, "flags", change(before))
            return before

        return self._access(AccessKind.RMW, function, page, "flags", perform)


def perform(body: Body, call: Callable[[TreeCall], int] | None = None) -> int:
    """Run a body on its own, with nothing in between; return its answer.

    ``call`` runs a function of the tree; a body of the model alone makes no such calls.
    """
    try:
        access = next(body)
        while True:
            if isinstance(access, TreeCall):
                assert call is not None, f"{access.function}() without a tree"
                answer = call(access)
            else:
                assert access.perform is not None
                answer = access.perform()
            access = body.send(answer)
    except StopIteration as stop:
        return int(stop.value)


def iter_accesses(body: Body) -> Iterator[Access]:
    """Run a body on its own and yield each access after it was made (for counting)."""
    try:
        access = next(body)
        while True:
            assert isinstance(access, Access), "the cost of a model's steps is counted"
            assert access.perform is not None
            answer = access.perform()
            yield access
            access = body.send(answer)
    except StopIteration:
        return
