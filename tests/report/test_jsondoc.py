"""The JSON document: the agreed names, the same bytes each time, nothing of this machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.model.review import Review
from reviewer.report.jsondoc import document, parse_json, render_json, render_json_schema

AGREED = {
    "series": [
        "msgid",
        "title",
        "revision",
        "expected",
        "missing",
        "base_commit",
        "base_how",
        "grouped_because",
    ],
    "findings": [
        "rule",
        "severity",
        "confidence",
        "origin",
        "message",
        "question",
        "fingerprint",
        "primary",
        "related",
        "guards",
        "call_path",
        "patch",
        "witness",
    ],
    "replays": ["scenario", "before", "after"],
    "skipped": ["stage", "path", "function", "reason"],
    "stats": ["functions", "call_sites", "decided", "undecided"],
}


def test_has_the_names_others_script_against(review: Review) -> None:
    doc = json.loads(render_json(review))
    assert doc["schema"] == 1
    for member, names in AGREED.items():
        value = doc[member][0] if isinstance(doc[member], list) else doc[member]
        assert set(names) <= set(value), member
    finding = doc["findings"][0]
    assert set(finding["primary"]) == {"path", "line", "function"}
    assert set(finding["call_path"][0]) == {"function", "path", "line"}
    assert finding["call_path"][0]["function"] == "kpageflags_read"
    assert finding["call_path"][-1]["function"] == "PageDoubleMap"
    assert finding["patch"] == {
        "counter": 2,
        "msgid": "20151006.2-ada@example.org",
        "subject": "proc: count mappings",
    }
    assert {"outcome", "scenario", "schedule", "steps", "oops"} <= set(finding["witness"])
    assert finding["witness"]["outcome"] == "sometimes"
    assert finding["witness"]["schedule"] == "1 0x2 1x3 0x3"
    assert finding["witness"]["steps"] == len(finding["witness"]["trace"]) == 9


def test_order_of_findings_does_not_depend_on_the_order_they_came_in(review: Review) -> None:
    turned = replace(
        review,
        findings=review.findings[::-1],
        skipped=review.skipped[::-1],
        replays=review.replays[::-1],
        configuration=review.configuration[::-1],
    )
    assert render_json(turned) == render_json(review)


def test_is_utf8_with_one_newline_at_the_end(review: Review) -> None:
    raw = render_json(replace(review, scope=("Åsa",)))
    assert raw.endswith(b"}\n")
    assert "Åsa".encode() in raw


def test_reads_back_to_the_same_document(review: Review) -> None:
    assert parse_json(render_json(review)) == document(review)


def test_a_tree_reviewed_without_a_series_has_null(clean_review: Review) -> None:
    doc = json.loads(render_json(replace(clean_review, series=None, base=None)))
    assert doc["series"] is None
    assert doc["findings"] == []


def test_holds_no_path_of_this_machine(review: Review) -> None:
    assert str(Path.cwd()).encode() not in render_json(review)


def test_the_schema_describes_every_agreed_name() -> None:
    schema = json.loads(render_json_schema())
    definitions = schema["$defs"]
    for member, name in (("series", "SeriesDoc"), ("findings", "FindingDoc"), ("stats", "Stats")):
        assert set(AGREED[member]) <= set(definitions[name]["properties"])
    assert schema["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"schema": "1"}'])
def test_other_json_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_json(raw)
    assert "\n" not in str(caught.value)
