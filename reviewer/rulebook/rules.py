"""Loads the rules: one file each, named by the rule's id."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.model.rule import Confidence, Rule, Severity
from reviewer.rulebook.data import find_data, load_toml, require


def load_rule(path: Path) -> Rule:
    """Load one rule file; its stem is the rule's id.

    Raises:
        BadInputError: a field is missing or has a value that is none of its kind.
    """
    data = load_toml(path)
    where = f"rules/{path.name}"
    try:
        severity = Severity(require(data, "severity", where))
        confidence = Confidence(require(data, "confidence", where))
    except ValueError as error:
        raise BadInputError(f"{where}: {error}; see rules/README.md") from error
    return Rule(
        id=path.stem,
        summary=str(require(data, "summary", where)),
        question=str(require(data, "question", where)),
        severity=severity,
        confidence=confidence,
        check=str(require(data, "check", where)),
        match=dict(data.get("match", {})),
        scenario=str(data.get("scenario", "")),
        remedies=tuple(data.get("remedies", ())),
        references=tuple(data.get("references", ())),
    )


@cache
def load_rules(directory: Path | None = None) -> tuple[Rule, ...]:
    """Load every rule, sorted by id."""
    directory = directory or find_data("rules")
    paths = (p for p in sorted(directory.glob("*.toml")) if p.stem != "vocabulary")
    return tuple(load_rule(path) for path in paths)
