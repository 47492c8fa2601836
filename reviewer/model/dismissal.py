"""Findings that somebody looked at and set aside, with the reason and how long it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from reviewer.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Dismissal:
    """An entry: one finding by its ``fingerprint``, or those of a ``rule`` in a ``function``.

    ``expires`` is the last day it holds, None for ever.
    """

    reason: str = ""
    fingerprint: str = ""
    rule: str = ""
    function: str = ""
    expires: date | None = None

    def covers(self, finding: Finding) -> bool:
        """Say whether the entry is about this finding."""
        if self.fingerprint:
            return finding.fingerprint == self.fingerprint
        return (finding.rule, finding.primary.function) == (self.rule, self.function)

    def expired(self, today: date) -> bool:
        """Say whether its last day is past."""
        return self.expires is not None and self.expires < today

    @property
    def subject(self) -> str:
        """What it is about, in words for a person."""
        if self.fingerprint:
            return f"finding {self.fingerprint}"
        return f"{self.rule} in {self.function}()"


@dataclass(frozen=True, slots=True)
class Dismissed:
    """A finding with the entry that set it aside."""

    finding: Finding
    by: Dismissal


@dataclass(frozen=True, slots=True)
class Dismissals:
    """What the entries did in one review.

    ``source`` is the file's name. ``expired`` entries dismiss nothing any more, ``unused`` ones
    match no finding of this review.
    """

    source: str = ""
    dismissed: tuple[Dismissed, ...] = ()
    expired: tuple[Dismissal, ...] = ()
    unused: tuple[Dismissal, ...] = ()
