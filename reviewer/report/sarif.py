"""A review as SARIF 2.1.0 (OASIS), for code-scanning services and editors."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from reviewer.model.codec import to_json
from reviewer.model.facts import Skipped
from reviewer.model.finding import Finding, Origin
from reviewer.model.review import Review
from reviewer.model.rule import Severity
from reviewer.report.printable import printable
from reviewer.report.wording import reproduced, sort_findings

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {
    Severity.NOTE: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
}
_BASELINE = {
    Origin.INTRODUCED: "new",
    Origin.EXPOSED: "new",
    Origin.MOVED: "updated",
    Origin.PREEXISTING: "unchanged",
    Origin.FIXED_LATER: "absent",
}

Json = dict[str, object]


def render_sarif(review: Review) -> bytes:
    """Return one run; paths are relative to ``SRCROOT``, the tree's root.

    What was not analysed stands as notifications of the invocation, so that a reader of the
    SARIF alone does not take silence for clean. What a reviewed file dismisses is suppressed.
    """
    has_series = review.series is not None
    findings = sort_findings(review.findings)
    dismissed = review.dismissals.dismissed
    suppressed = [
        {
            **_result(one.finding, has_series=has_series),
            "suppressions": [
                {"kind": "external", "justification": printable(one.by.reason.strip())}
            ],
        }
        for one in dismissed
    ]
    every = (*findings, *(one.finding for one in dismissed))
    run: Json = {
        "tool": {
            "driver": {
                "name": "mm-review",
                "rules": [_rule(name, every) for name in sorted({f.rule for f in every})],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "root of the kernel tree"}}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(s) for s in _sorted(review.skipped)],
            }
        ],
        "results": [*(_result(f, has_series=has_series) for f in findings), *suppressed],
    }
    return to_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _sorted(skipped: Iterable[Skipped]) -> list[Skipped]:
    return sorted(skipped, key=lambda s: (s.stage, s.path, s.function, s.reason))


def _rule(name: str, findings: Iterable[Finding]) -> Json:
    worst = max(
        (f.severity for f in findings if f.rule == name), key=lambda s: list(Severity).index(s)
    )
    return {"id": printable(name), "defaultConfiguration": {"level": _LEVELS[worst]}}


def _result(finding: Finding, *, has_series: bool) -> Json:
    text = printable(finding.message)
    if not reproduced(finding.witness):
        text += " (unverified)"
    result: Json = {
        "ruleId": printable(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [_location(finding.primary.path, finding.primary.line)],
        "relatedLocations": [
            {**_location(place.path, place.line), "id": number}
            for number, place in enumerate(finding.related, start=1)
        ],
        "partialFingerprints": {"mmReview/v1": finding.fingerprint},
        "properties": {
            "confidence": str(finding.confidence),
            "origin": str(finding.origin),
            "reason": str(finding.reason),
            "patch": printable(finding.patch.subject) if finding.patch else None,
        },
    }
    if has_series:
        result["baselineState"] = _BASELINE[finding.origin]
    if finding.call_path:
        steps = [
            {
                "location": {
                    **_location(step.path, step.line),
                    "message": {"text": f"{printable(step.function)}()"},
                }
            }
            for step in finding.call_path
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def _location(path: str, line: int) -> Json:
    physical: Json = {
        "artifactLocation": {
            "uri": quote(path, "/", errors="surrogateescape"),
            "uriBaseId": "SRCROOT",
        }
    }
    if line > 0:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _notification(skipped: Skipped) -> Json:
    what = f"{skipped.function}(): " if skipped.function else ""
    notification: Json = {
        "level": "note",
        "message": {"text": printable(f"not analysed ({skipped.stage}): {what}{skipped.reason}")},
    }
    if skipped.path:
        notification["locations"] = [_location(skipped.path, 0)]
    return notification
