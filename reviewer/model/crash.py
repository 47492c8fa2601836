"""A crash as its text tells it, and what follows; numbers are as the kernel printed them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PageDump:
    """One page dump. None or empty: not in the text. ``words`` are the ``raw:`` words.

    ``count``, ``flags`` and ``names`` are the head's in the eras that print a pfn, else the
    page's own (``flags_of_head`` says so for a compound page). ``hashed`` says that an address
    was printed as a hash. ``fields`` are the labels that were met: they tell the era.
    """

    address: int | None = None
    pfn: int | None = None
    count: int | None = None
    mapcount: int | None = None
    mapping: int | None = None
    index: int | None = None
    head_address: int | None = None
    order: int | None = None
    whole_mapcount: int | None = None
    flags: int | None = None
    names: tuple[str, ...] = ()
    anonymous: bool = False
    poisoned: bool = False
    hashed: bool = False
    words: tuple[int, ...] = ()
    head_words: tuple[int, ...] = ()
    because: str = ""
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of the call trace; ``sure`` is False for one printed with a question mark."""

    function: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Crash:
    """What the text of a crash holds, read but not yet judged.

    ``dumps`` are in the order printed. ``registers`` are the kernel's at the fault, ``stack``
    the words below ``Stack:``. ``path`` and ``line`` are those of ``kernel BUG at``.
    ``crashes`` counts the reports in the text; the first is meant.
    """

    dumps: tuple[PageDump, ...]
    registers: tuple[tuple[str, int], ...] = ()
    stack: tuple[int, ...] = ()
    function: str = ""
    trace: tuple[Frame, ...] = ()
    path: str = ""
    line: int = 0
    headline: str = ""
    cpu: int | None = None
    comm: str = ""
    kernel: str = ""
    crashes: int = 1


class HypothesisName(StrEnum):
    """What can have happened."""

    TAIL_PASSED = "tail-passed"
    HEAD_FREED = "head-freed"
    HEAD_SPLIT = "head-split"
    POISONED = "poisoned"


class Verdict(StrEnum):
    """What the numbers say of a hypothesis."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A hypothesis, the verdict, and the sentences for and against it with their numbers."""

    name: HypothesisName
    verdict: Verdict
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pages are. pfns are None where the text does not give them.

    ``page`` is the page dumped, ``head`` the head it is or belonged to, ``tail`` the number of
    the tail the walker stood on, ``walker`` its pfn. ``distinct`` says that the walker's page
    is another one than the page dumped. ``arithmetic`` shows how each number came about.
    """

    page: int | None = None
    head: int | None = None
    tail: int | None = None
    walker: int | None = None
    distinct: bool = False
    arithmetic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageAt:
    """The page dumped: its pfn, and the names of the flags that were printed with it."""

    pfn: int | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeadAt:
    """The head."""

    pfn: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a crash says. ``walker`` is the function that walked the pages.

    ``address`` is the user address an anonymous page's ``index`` stands for.
    """

    era: str
    assertion: str
    page: PageAt
    head: HeadAt | None
    tail: int | None
    walker: str
    walker_pfn: int | None
    address: int | None
    arithmetic: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    missing: tuple[str, ...]
    crash: Crash
