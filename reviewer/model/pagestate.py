"""The lattice of a ``struct page *``: where it may point in a compound page, and what pins it.

Position is a may-set, join is union. Pin is what keeps the compound page from being freed
or split now; the join of two pins is the weaker one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Position(StrEnum):
    """What a ``struct page *`` may point at."""

    ORDER0 = "order0"
    HEAD = "head"
    TAIL = "tail"


ANYWHERE = frozenset(Position)
NOT_TAIL = frozenset({Position.ORDER0, Position.HEAD})


class Pin(StrEnum):
    """What keeps the compound page whole; NONE is weakest."""

    NONE = "none"
    UNKNOWN = "unknown"  # a parameter of a function whose callers are not known
    POISONED = "poisoned mark"  # freed or split, but not handed out again
    ENTRY = "page-table lock, migration entry"  # not freed, but split: 24d7275ce279
    REFERENCE = "reference"
    PAGE_LOCK = "page lock"
    PAGE_TABLE_LOCK = "page-table lock, present entry"
    XARRAY_LOCK = "xarray lock"
    EXCLUSIVE = "exclusive ownership"

    @property
    def holds(self) -> bool:
        """Say whether the compound page cannot be freed or split under the holder."""
        return self not in (Pin.NONE, Pin.UNKNOWN) and not self.splits

    @property
    def splits(self) -> bool:
        """Say whether the page is no other's meanwhile, and can still be taken apart."""
        return self in (Pin.POISONED, Pin.ENTRY)


_SPLIT = {
    Position.ORDER0: frozenset({Position.ORDER0}),
    Position.HEAD: frozenset({Position.ORDER0, Position.HEAD}),
    Position.TAIL: ANYWHERE,
}


def after_split(positions: frozenset[Position]) -> frozenset[Position]:
    """Return where a page may point if its compound page was split, perhaps in several steps.

    A head stays a head or becomes an order-0 page; only a free and a new allocation make it
    a tail.
    """
    return frozenset().union(*(_SPLIT[p] for p in positions))


@dataclass(frozen=True, slots=True)
class PageState:
    """What is known of one page pointer at one point of the program.

    ``positions`` is where it points if nothing moved since it was derived. ``derived`` says
    from what, in words for a person ("compound_head() of the page pfn_to_page() gave").
    """

    positions: frozenset[Position] = ANYWHERE
    pin: Pin = Pin.NONE
    derived: str = ""

    @property
    def now(self) -> frozenset[Position]:
        """Where it may point now: without a pin a free or a split may have come between."""
        if self.pin.splits:
            return after_split(self.positions)
        return self.positions if self.pin.holds else ANYWHERE

    def join(self, other: PageState) -> PageState:
        """Return the least state that covers both."""
        order = list(Pin)
        pin = min(self.pin, other.pin, key=order.index)
        derived = self.derived if self.derived == other.derived else ""
        return PageState(self.positions | other.positions, pin, derived)
