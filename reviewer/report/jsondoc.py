"""A review as JSON: the names others script against (``schema`` 1).

Members stand in the order the types here declare them. No clock and no absolute path enters,
so the same review gives the same bytes. A later version adds members and takes none away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reviewer.model.codec import from_json, to_json, to_json_schema
from reviewer.model.dismissal import Dismissal, Dismissals
from reviewer.model.facts import Skipped
from reviewer.model.finding import Evidence, Finding, PatchRef, PathStep
from reviewer.model.location import Location
from reviewer.model.review import SCHEMA, Base, ReplayRow, Review, Stats, Use
from reviewer.model.series import CrashReply, PatchSeries
from reviewer.model.witness import PageRun, SourceText, Step, Witness
from reviewer.report.wording import sort_findings


@dataclass(frozen=True, slots=True)
class PatchDoc:
    """A patch of the series; ``findings`` are the fingerprints it answers for."""

    counter: int
    msgid: str
    subject: str
    author: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesDoc:
    """The series as it was read, and why these mails are one."""

    msgid: str
    title: str
    revision: int
    expected: int
    missing: tuple[int, ...]
    base_commit: str
    base_how: str
    grouped_because: str
    change_id: str
    completed_from: str
    supersedes: str
    superseded_by: str
    crashes: tuple[CrashReply, ...]
    patches: tuple[PatchDoc, ...]


@dataclass(frozen=True, slots=True)
class ReturnDoc:
    """A value the reader can be given, and a schedule that gives it."""

    value: int
    schedule: str


@dataclass(frozen=True, slots=True)
class WitnessDoc:
    """What the replay found. ``steps`` is the failing schedule's length.

    ``trace`` tells it, runs of like steps that nobody else can see joined into one.
    """

    outcome: str
    scenario: str
    schedule: str | None
    steps: int
    oops: str
    states: int
    executions: int
    reason: str
    model: str
    preemptions: int
    returns: tuple[ReturnDoc, ...]
    first_pfn: int
    pages: tuple[PageRun, ...]
    trace: tuple[Step, ...]
    sources: tuple[SourceText, ...]
    bound: int | None
    stopped_by: str


@dataclass(frozen=True, slots=True)
class FindingDoc:
    """One finding; ``call_path`` has the entry point first, the failing helper last."""

    rule: str
    severity: str
    confidence: str
    origin: str
    reason: str
    message: str
    question: str
    fingerprint: str
    primary: Location
    related: tuple[Location, ...]
    guards: tuple[str, ...]
    states: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    call_path: tuple[PathStep, ...]
    patch: PatchRef | None
    fixed_by: PatchRef | None
    remedies: tuple[str, ...]
    witness: WitnessDoc | None


@dataclass(frozen=True, slots=True)
class DismissedDoc:
    """A finding that the entry ``by`` of a reviewed file sets aside."""

    finding: FindingDoc
    by: Dismissal


@dataclass(frozen=True, slots=True)
class DismissalsDoc:
    """What the file ``source`` dismisses, which entries have expired, and which match nothing."""

    source: str
    dismissed: tuple[DismissedDoc, ...]
    expired: tuple[Dismissal, ...]
    unused: tuple[Dismissal, ...]


@dataclass(frozen=True, slots=True)
class ReviewDoc:
    """The root. ``series`` is null when a tree was reviewed without one."""

    schema: int
    series: SeriesDoc | None
    scope: tuple[str, ...]
    base: Base | None
    configuration: tuple[str, ...]
    findings: tuple[FindingDoc, ...]
    uses: tuple[Use, ...]
    replays: tuple[ReplayRow, ...]
    skipped: tuple[Skipped, ...]
    stats: Stats
    dismissals: DismissalsDoc


def render_json(review: Review) -> bytes:
    """Return the review as indented UTF-8 JSON with a newline at the end."""
    return to_json(document(review))


def parse_json(raw: bytes) -> ReviewDoc:
    """Read what ``render_json`` wrote.

    Raises:
        BadInputError: it is no JSON of this shape.

    """
    return from_json(raw, ReviewDoc, what="review JSON")


def render_json_schema() -> bytes:
    """Return the JSON Schema (2020-12) of the document."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mm-review JSON, schema 1",
        **to_json_schema(ReviewDoc),
    }
    return to_json(schema)


def document(review: Review) -> ReviewDoc:
    """Return the review in the document's shape, sorted."""
    series = _series(review, review.series) if review.series is not None else None
    return ReviewDoc(
        schema=SCHEMA,
        series=series,
        scope=review.scope,
        base=review.base,
        configuration=tuple(sorted(review.configuration)),
        findings=tuple(_finding(f) for f in sort_findings(review.findings)),
        uses=review.uses,
        replays=tuple(sorted(review.replays, key=lambda row: (row.scenario, row.detail))),
        skipped=tuple(
            sorted(review.skipped, key=lambda s: (s.stage, s.path, s.function, s.reason))
        ),
        stats=review.stats,
        dismissals=_dismissals(review.dismissals),
    )


def _dismissals(found: Dismissals) -> DismissalsDoc:
    dismissed = tuple(DismissedDoc(_finding(one.finding), one.by) for one in found.dismissed)
    return DismissalsDoc(found.source, dismissed, found.expired, found.unused)


def _series(review: Review, series: PatchSeries) -> SeriesDoc:
    base = review.base
    patches = tuple(
        PatchDoc(
            counter=patch.counter,
            msgid=patch.mail.msgid,
            subject=patch.subject,
            author=patch.author,
            findings=tuple(
                f.fingerprint
                for f in sort_findings(review.findings)
                if f.patch is not None and f.patch.counter == patch.counter
            ),
        )
        for patch in sorted(series.patches, key=lambda p: (p.counter, p.mail.msgid))
    )
    return SeriesDoc(
        msgid=series.msgid,
        title=series.title,
        revision=series.revision,
        expected=series.expected,
        missing=series.missing,
        base_commit=base.commit if base is not None else series.base_commit,
        base_how=base.how if base is not None else "",
        grouped_because=series.grouped_because,
        change_id=series.change_id,
        completed_from=series.completed_from,
        supersedes=series.supersedes,
        superseded_by=series.superseded_by,
        crashes=series.crashes,
        patches=patches,
    )


def _finding(finding: Finding) -> FindingDoc:
    return FindingDoc(
        rule=finding.rule,
        severity=finding.severity,
        confidence=finding.confidence,
        origin=finding.origin,
        reason=finding.reason,
        message=finding.message,
        question=finding.question,
        fingerprint=finding.fingerprint,
        primary=finding.primary,
        related=finding.related,
        guards=finding.guards,
        states=finding.states,
        evidence=finding.evidence,
        call_path=finding.call_path,
        patch=finding.patch,
        fixed_by=finding.fixed_by,
        remedies=finding.remedies,
        witness=_witness(finding.witness) if finding.witness is not None else None,
    )


def _witness(witness: Witness) -> WitnessDoc:
    return WitnessDoc(
        outcome=witness.outcome,
        scenario=witness.scenario,
        schedule=str(witness.schedule) if witness.schedule is not None else None,
        steps=witness.steps,
        oops=witness.oops,
        states=witness.states,
        executions=witness.executions,
        reason=witness.reason,
        model=witness.model,
        preemptions=witness.preemptions,
        returns=tuple(ReturnDoc(value, str(shown)) for value, shown in witness.returns),
        first_pfn=witness.first_pfn,
        pages=witness.pages,
        trace=witness.trace,
        sources=witness.sources,
        bound=witness.bound,
        stopped_by=witness.stopped_by,
    )
