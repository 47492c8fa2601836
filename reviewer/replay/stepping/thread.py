"""What a simulated CPU is to the explorer: it stands before a shared access and can step over it.

One step makes the pending access, atomically, and runs on through the thread's own variables
to the next one. The explorer chooses whom to step; nothing else may depend on time or on a
hash order, or a schedule would not replay to itself. A thread's own state can be saved and
restored; shared memory has its own ``mark``/``rollback`` (see memory.words).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reviewer.model.ctree import Span


class AccessKind(StrEnum):
    """How a step touches shared memory; two steps on one word conflict unless both are loads."""

    LOAD = "load"
    STORE = "store"
    RMW = "rmw"
    WAIT = "wait"  # an RMW that may run only when ``ready`` says so (a lock)


class Oops(Exception):  # noqa: N818 - an event of the simulated kernel, not an error of ours
    """The simulated kernel died here. ``path``/``line`` are what its message names."""

    def __init__(self, text: str, path: str, line: int, function: str) -> None:
        super().__init__(text)
        self.text = text
        self.path = path
        self.line = line
        self.function = function


class AssertionFired(Oops):
    """A ``BUG()`` was reached.

    ``condition`` is the text as the kernel prints it ("VM_BUG_ON_PAGE(!PageHead(page))"; for a
    bare BUG the macro written), ``page`` the address of the page dumped (0: none was).
    """

    def __init__(self, condition: str, page: int, path: str, line: int, function: str) -> None:
        super().__init__(condition, path, line, function)
        self.condition = condition
        self.page = page


class MemoryFault(Oops):
    """An access to an address where nothing is (a NULL pointer, beyond the page array)."""

    def __init__(self, address: int, path: str, line: int, function: str) -> None:
        super().__init__(
            f"unable to handle page fault for address: {address:016x}", path, line, function
        )
        self.address = address


class Undecided(Exception):  # noqa: N818 - an answer, not an error
    """The run cannot go on without guessing; ``reason`` says what it needs ("needs foo")."""

    def __init__(self, reason: str, span: Span | None = None, function: str = "") -> None:
        where = f" at {span.path}:{span.line}" if span else ""
        super().__init__(f"{reason}{where}" + (f" in {function}()" if function else ""))
        self.reason = reason
        self.span = span
        self.function = function


@dataclass(frozen=True, slots=True)
class Access:
    """The step a thread is about to make, for a person and for the explorer.

    ``address`` and ``size`` are in bytes of the simulated address space. ``function``,
    ``path`` and ``line`` say where in the source it stands (the line ``__LINE__`` would have
    there); ``what`` names the place in the kernel's words ("page[397].compound_head").
    ``perform`` and ``ready`` belong to a scripted thread: make the access, may it run now.
    """

    kind: AccessKind
    address: int
    size: int
    function: str
    path: str
    line: int
    what: str
    perform: Callable[[], int] | None = None
    ready: Callable[[], bool] | None = None


class Thread(Protocol):
    """A simulated CPU, always standing before an access or finished (``kind`` is None).

    ``kind``, ``address`` and ``size`` are those of the pending access. ``result`` is what its
    function returned, once finished. ``ops`` counts the operations interpreted so far.
    """

    name: str
    kind: AccessKind | None
    address: int
    size: int
    result: int | None
    ops: int

    def start(self) -> None:
        """Go back to the beginning and run to the first access."""
        ...

    def is_ready(self) -> bool:
        """Say whether the pending access may run now (always, unless it is a WAIT)."""
        ...

    def step(self) -> None:
        """Make the pending access and run to the next one, or to the end.

        Raises:
            Oops: the simulated kernel died (AssertionFired, MemoryFault).
            Undecided: something is not modelled, or the thread runs without end.

        """
        ...

    def access(self) -> Access:
        """Describe the pending access. Slow: for traces."""
        ...

    def backtrace(self) -> tuple[tuple[str, str, int], ...]:
        """Return (function, path, line), innermost first. It stays valid after an Oops."""
        ...

    def save(self) -> object:
        """Return the thread's own state, to be handed to ``restore`` any number of times.

        It is hashable: equal values mean equal states of this thread.
        """
        ...

    def restore(self, saved: object) -> None:
        """Go back to a saved state. Shared memory must be rolled back by the caller."""
        ...


@dataclass(frozen=True, slots=True)
class TreeCall:
    """``function(*args)`` of the tree, as a caller in file ``near`` means it."""

    function: str
    args: tuple[int, ...]
    near: str = ""


Body = Generator[Access | TreeCall, int, int]


class ScriptedThread:
    """A thread whose steps are written in Python: the reference model's actors.

    The body yields an Access with ``perform`` and is sent what ``perform`` returned. It must
    reach shared memory in no other way, so that a saved state is the list of what it was sent.
    A body that also calls the tree's functions needs a MixedThread.
    """

    def __init__(self, name: str, body: Callable[[], Body]) -> None:
        self.name = name
        self.kind: AccessKind | None = None
        self.address = 0
        self.size = 0
        self.result: int | None = None
        self.ops = 0
        self._make = body
        self._body: Body | None = None
        self._pending: Access | None = None
        self._sent: list[int] = []

    def start(self) -> None:
        """Go back to the beginning and run to the first access."""
        self._sent = []
        self.result = None
        self.ops = 0
        self._body = self._make()
        self._advance(None)

    def _advance(self, value: int | None) -> None:
        body = self._body
        assert body is not None, "step before start"
        try:
            access = next(body) if value is None else body.send(value)
        except StopIteration as stop:
            self.result = stop.value
            self._pending = None
            self.kind = None
            return
        if isinstance(access, TreeCall):
            raise Undecided(f"needs the tree's own {access.function}")
        self._pending = access
        self.kind = access.kind
        self.address = access.address
        self.size = access.size

    def is_ready(self) -> bool:
        """Say whether the pending access may run now."""
        pending = self._pending
        return pending is not None and (pending.ready is None or pending.ready())

    def step(self) -> None:
        """Make the pending access and run to the next one."""
        pending = self._pending
        assert pending is not None and pending.perform is not None, "step of a finished thread"
        value = pending.perform()
        self.ops += 1
        self._sent.append(value)
        self._advance(value)

    def access(self) -> Access:
        """Return the pending access."""
        assert self._pending is not None, "a finished thread has no access"
        return self._pending

    def backtrace(self) -> tuple[tuple[str, str, int], ...]:
        """Return the one place a script is at."""
        pending = self._pending
        return ((pending.function, pending.path, pending.line),) if pending else ()

    def save(self) -> object:
        """Return what the body was sent so far: it determines the rest."""
        return tuple(self._sent)

    def restore(self, saved: object) -> None:
        """Run a fresh body through the saved answers; it touches no memory on the way."""
        assert isinstance(saved, tuple)
        if tuple(self._sent) == saved and self._body is not None:
            return
        self.start()
        for value in saved:
            self._sent.append(value)
            self.ops += 1
            self._advance(value)
