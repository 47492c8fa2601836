"""The root of a review. No clock and no absolute path: the same input gives the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewer.model.dismissal import Dismissals
from reviewer.model.facts import Skipped
from reviewer.model.finding import Finding
from reviewer.model.series import PatchSeries
from reviewer.model.witness import Outcome

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Base:
    """The commit (or imported tree) the series was applied to, and how it was chosen."""

    commit: str
    how: str


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One scenario on the tree before and after the series."""

    scenario: str
    before: Outcome
    after: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of what was looked at."""

    functions: int = 0
    call_sites: int = 0
    decided: int = 0
    undecided: int = 0
    dismissed: int = 0  # findings that a reviewed file sets aside


@dataclass(frozen=True, slots=True)
class Use:
    """A call of a helper that demands something of a page, in a function the series touches.

    ``undecided`` says why nothing is known of the page; empty where it was followed.
    """

    function: str
    helper: str
    path: str
    line: int
    undecided: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What a review of a series (or, with ``series`` None, of a tree) brought.

    ``configuration`` is the kernel configuration assumed, as "CONFIG_X=y" lines.
    """

    series: PatchSeries | None
    base: Base | None
    findings: tuple[Finding, ...]
    replays: tuple[ReplayRow, ...]
    skipped: tuple[Skipped, ...]
    stats: Stats
    configuration: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    dismissals: Dismissals = field(default_factory=Dismissals)
