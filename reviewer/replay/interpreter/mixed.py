"""A thread written in Python that calls the tree's own functions: actors of both kinds of step.

Its body yields an Access, as a scripted thread's does, or a TreeCall, which runs step by
step like any interpreted thread and whose result is sent back.
"""

from __future__ import annotations

from collections.abc import Callable

from reviewer.replay.interpreter.interp import InterpretedThread
from reviewer.replay.machine.machine import Machine
from reviewer.replay.stepping.thread import Access, AccessKind, Body


class MixedThread:
    """Implements ``thread.Thread``. A saved state is what the body was sent, and the open call."""

    def __init__(self, machine: Machine, name: str, body: Callable[[], Body], *, cpu: int) -> None:
        self.name = name
        self.kind: AccessKind | None = None
        self.address = 0
        self.size = 0
        self.result: int | None = None
        self.ops = 0
        self.warnings: tuple[tuple[str, str, int], ...] = ()
        self.dumped: tuple[int, str] = (0, "")
        self._machine = machine
        self._cpu = cpu
        self._make = body
        self._body: Body | None = None
        self._access: Access | None = None
        self._call: InterpretedThread | None = None
        self._sent: list[int] = []

    def start(self) -> None:
        """Go back to the beginning and run to the first access."""
        self._begin()
        self._advance(None, run_calls=True)

    def _begin(self) -> None:
        self._sent = []
        self.result = None
        self.warnings = ()
        self.dumped = (0, "")
        self._access = None
        self._call = None
        self._body = self._make()

    def _advance(self, value: int | None, *, run_calls: bool) -> None:
        """Run the body to where it next stops; a call without any access is passed over."""
        body = self._body
        assert body is not None, "step before start"
        while True:
            try:
                wanted = next(body) if value is None else body.send(value)
            except StopIteration as stop:
                self._finish(stop.value)
                return
            if isinstance(wanted, Access):
                self._access = wanted
                self._call = None
                self._show()
                return
            self._access = None
            self._call = InterpretedThread(
                self._machine, wanted.function, wanted.args, self.name, near=wanted.near,
                cpu=self._cpu,
            )  # fmt: skip
            if not run_calls:
                return
            self._call.start()
            if self._call.kind is not None:
                self._show()
                return
            value = self._close_call()

    def _finish(self, result: int) -> None:
        self.result = result
        self._access = None
        self._call = None
        self.kind = None

    def _close_call(self) -> int:
        call = self._call
        assert call is not None
        assert call.result is not None
        self._keep(call)
        self._sent.append(call.result)
        return call.result

    def _keep(self, call: InterpretedThread) -> None:
        self.ops += call.ops
        self.warnings += call.warnings
        self.dumped = call.dumped

    def _show(self) -> None:
        pending = self._call or self._access
        assert pending is not None
        self.kind = pending.kind
        self.address = pending.address
        self.size = pending.size

    def is_ready(self) -> bool:
        """Say whether the pending access may run now."""
        if self._call is not None:
            return self._call.is_ready()
        access = self._access
        return access is not None and (access.ready is None or access.ready())

    def step(self) -> None:
        """Make the pending access and run to the next one, or to the end."""
        call = self._call
        if call is not None:
            call.step()
            if call.kind is not None:
                self._show()
            else:
                self._advance(self._close_call(), run_calls=True)
            return
        access = self._access
        assert access is not None and access.perform is not None, "step of a finished thread"
        value = access.perform()
        self.ops += 1
        self._sent.append(value)
        self._advance(value, run_calls=True)

    def access(self) -> Access:
        """Describe the pending access."""
        if self._call is not None:
            return self._call.access()
        assert self._access is not None, "a finished thread has no access"
        return self._access

    def backtrace(self) -> tuple[tuple[str, str, int], ...]:
        """Return (function, path, line), innermost first."""
        if self._call is not None:
            return self._call.backtrace()
        at = self._access
        return ((at.function, at.path, at.line),) if at else ()

    def save(self) -> object:
        """Return what the body was sent so far, and the state of the open call."""
        call = self._call.save() if self._call is not None else None
        return (tuple(self._sent), call, self.warnings, self.dumped)

    def restore(self, saved: object) -> None:
        """Run a fresh body through the saved answers, and put the open call back."""
        assert isinstance(saved, tuple)
        sent, call, warnings, dumped = saved
        if tuple(self._sent) != sent or self._body is None:
            self._begin()
            self._advance(None, run_calls=False)
            for value in sent:
                self._sent.append(value)
                self._advance(value, run_calls=False)
        self.warnings, self.dumped = warnings, dumped
        if self._call is not None:
            self._call.restore(call)
            self._show()
