"""A hazard found, with all that a reviewer needs to believe it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from reviewer.model.location import Location
from reviewer.model.rule import Confidence, Severity
from reviewer.model.witness import Witness


class Origin(StrEnum):
    """What the series has to do with the finding."""

    INTRODUCED = "introduced"  # the code is new
    EXPOSED = "exposed"  # a callee demands more, so an old caller is now wrong
    MOVED = "moved"
    PREEXISTING = "preexisting"
    FIXED_LATER = "fixed-later"  # a later patch of the same series takes it back


class Reason(StrEnum):
    """Which of the three questions the value fails."""

    POSITION = "position"
    STABILITY = "stability"
    ACCOUNTING = "accounting"


@dataclass(frozen=True, slots=True, order=True)
class PathStep:
    """One function of a call path; ``line`` is where it calls the next one (or fails)."""

    function: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line of the tree that makes a demand; ``needs`` is the configuration it needs."""

    path: str
    line: int
    text: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchRef:
    """The patch that brought a finding; ``counter`` counts from 1 in the series."""

    counter: int
    msgid: str
    subject: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One hazard. ``primary`` is where the value is made or handed on wrongly.

    ``states`` are the page states along the path in words, ``guards`` what was seen on the
    way and why it does not help, ``evidence`` the assertion or access that demands.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    origin: Origin
    reason: Reason
    message: str
    question: str
    primary: Location
    related: tuple[Location, ...] = ()
    call_path: tuple[PathStep, ...] = ()
    guards: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[str, ...] = ()
    patch: PatchRef | None = None
    fixed_by: PatchRef | None = None
    witness: Witness | None = None
    key: tuple[str, ...] = field(default=())  # what tells it apart in its function

    @property
    def fingerprint(self) -> str:
        """An id that survives rebasing: no line number and no message enters it."""
        helper = self.call_path[-1].function if self.call_path else ""
        words = (self.rule, self.primary.path, self.primary.function, helper, *self.key)
        # a path that is not UTF-8 is read with surrogates in it
        text = "\0".join(words).encode(errors="surrogatepass")
        return hashlib.sha256(text).hexdigest()[:16]
