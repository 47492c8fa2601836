"""What a simulated CPU is to the explorer: a generator that stops before each shared access.

A thread yields the access it is about to make and makes it when it is resumed, so one
``next()`` is one atomic step. Between two yields it touches only its own variables. The
explorer chooses whom to resume; nothing else may depend on time or on a hash order, or a
schedule would not replay to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum


class AccessKind(StrEnum):
    """How a step touches shared memory; two steps conflict unless both are loads."""

    LOAD = "load"
    STORE = "store"
    RMW = "rmw"
    WAIT = "wait"  # may run only when ``ready`` says so (a lock, a frozen count)


@dataclass(frozen=True, slots=True)
class Access:
    """The step a thread is about to make.

    ``address`` and ``size`` are in bytes of the simulated address space. ``function``,
    ``path`` and ``line`` say where in the source it stands; ``what`` names the place in the
    kernel's words ("page[397].compound_head"). ``ready`` belongs to WAIT.
    """

    kind: AccessKind
    address: int
    size: int
    function: str
    path: str
    line: int
    what: str
    ready: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class AssertionFired(Exception):  # noqa: N818 - an event of the simulated kernel, not an error of ours
    """A ``BUG()`` was reached by the thread.

    ``condition`` is the text of the assertion as the kernel prints it
    ("VM_BUG_ON_PAGE(!PageHead(page))"), ``page`` the address of the page dumped (0: none),
    ``path``/``line`` what the ``kernel BUG at`` line says.
    """

    condition: str
    page: int
    path: str
    line: int
    function: str


Body = Generator[Access, None, int]


@dataclass(frozen=True, slots=True)
class Thread:
    """A named thread: ``start`` makes a fresh body for each execution."""

    name: str
    start: Callable[[], Body]
