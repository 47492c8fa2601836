"""How an accounting finding is put together, whatever reasoning it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from reviewer.analysis.knowledge import Knowledge
from reviewer.checks import wording
from reviewer.model.ctree import Span
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Evidence, Finding, Origin, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.rule import Confidence, Rule


@dataclass(frozen=True, slots=True)
class Problem:
    """What one rule says of one function.

    ``key`` tells it from others of the same rule in the function and holds no line number;
    ``names`` are for the rule's question and remedies; ``related`` are other places concerned.
    """

    span: Span
    message: str
    key: tuple[str, ...]
    names: dict[str, str] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    related: tuple[Location, ...] = ()


def tell_apart(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems in the order of the file, those with the same key numbered."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for problem in sorted(problems, key=lambda p: (p.span.at_path, p.span.at_line)):
        seen[problem.key] += 1
        number = seen[problem.key]
        key = (*problem.key, str(number)) if number > 1 else problem.key
        found.append(replace(problem, key=key))
    return found


def build(knowledge: Knowledge, rule: Rule, function: FunctionFacts, problem: Problem) -> Finding:
    """Return the finding: where it is, how one comes there, and what to do."""
    span = problem.span
    entry = knowledge.entry_path(function)
    here = PathStep(function.name, span.at_path, span.at_line)
    names = {"function": function.name, **problem.names}
    text = knowledge.engine.source_line(span)
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=rule.confidence if entry.what else Confidence.LOW,
        origin=Origin.PREEXISTING,
        reason=Reason.ACCOUNTING,
        message=problem.message,
        question=rule.question.format(**names),
        primary=Location(span.at_path, span.at_line, function.name),
        related=problem.related,
        call_path=(*entry.steps, here),
        guards=wording.entry_note(entry),
        states=problem.states,
        evidence=(Evidence(span.at_path, span.at_line, text),),
        remedies=tuple(remedy.format(**names) for remedy in rule.remedies),
        key=problem.key,
    )
