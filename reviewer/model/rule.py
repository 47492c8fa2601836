"""A rule: the data that turns one kind of reasoning (a check) into one named hazard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is if the finding is true; declared in ascending order."""

    NOTE = "note"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Confidence(StrEnum):
    """How sure the tool is; high needs a witness. Declared in ascending order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Rule:
    """One file of ``rules/``. ``check`` names the module of ``checks/`` that reasons for it.

    ``match`` is what the check is given; ``scenario`` the replay case that can confirm it
    (empty: none yet). ``question`` is what the draft asks the author, a format string over
    the finding's names. ``remedies`` are ways out with the kernel's own precedent.
    """

    id: str
    summary: str
    question: str
    severity: Severity
    confidence: Confidence
    check: str
    match: Mapping[str, object]
    scenario: str
    remedies: tuple[str, ...]
    references: tuple[str, ...]
