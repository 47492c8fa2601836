"""Markdown, SARIF, checkpatch lines and b4's checks."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from reviewer.model.review import Review
from reviewer.model.rule import Severity
from reviewer.report.checkpatch import render_b4_checks, render_b4_lines, render_checkpatch
from reviewer.report.markdown import escape, render_markdown
from reviewer.report.sarif import render_sarif


def with_message(review: Review, text: str) -> Review:
    return replace(
        review, findings=tuple(replace(f, message=text, question=text) for f in review.findings)
    )


def test_markdown_says_path_table_and_oops(review: Review) -> None:
    text = render_markdown(review)
    assert text.startswith("# mm-review: thp: count mappings per page\n")
    assert "`kpageflags_read -> stable_page_flags -> page_mapcount" in text
    assert "\n```text\nCPU 0: kpageflags_read" in text
    assert "kernel BUG at include/linux/page-flags.h:545!" in text
    assert "| kpageflags-against-munmap | never | sometimes | PageHead |" in text
    assert "- preexisting: unpinned-compound-head" in text


@pytest.mark.parametrize(
    "hostile",
    ["<img src=x>", "[a](javascript:b)", "![a](http://e)", "`x`", "| a |", "*b*", "_c_", "@all"],
)
def test_markdown_of_hostile_text_is_text(hostile: str) -> None:
    shown = escape(hostile)
    bare = re.sub(r"\\.", "", shown)
    assert not set("<>[]`|*@") & set(bare)
    assert "http:" not in shown


@pytest.mark.parametrize("line", ["- item", "# title", "1. one", "+ x", "=== x"])
def test_markdown_text_cannot_start_a_block(line: str) -> None:
    shown = escape(line)
    assert shown == re.sub(r"([-+=#.])", r"\\\1", line, count=1)


def test_markdown_fence_is_longer_than_any_in_the_oops(review: Review) -> None:
    finding = review.findings[2]
    assert finding.witness is not None
    witness = replace(finding.witness, oops="````\n<b>out</b>\n````")
    text = render_markdown(replace(review, findings=(replace(finding, witness=witness),)))
    assert "\n`````text\n````\n<b>out</b>\n````\n`````\n" in text


def test_sarif_has_results_flows_and_what_was_not_analysed(review: Review) -> None:
    doc = json.loads(render_sarif(review))
    assert doc["version"] == "2.1.0"
    (run,) = doc["runs"]
    assert [r["baselineState"] for r in run["results"]] == ["new", "unchanged", "absent"]
    first = run["results"][0]
    assert first["level"] == "error"
    location = first["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "fs/proc/page.c", "uriBaseId": "SRCROOT"}
    assert location["region"] == {"startLine": 108}
    flow = first["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [s["location"]["message"]["text"] for s in flow][::4] == [
        "kpageflags_read()",
        "PageDoubleMap()",
    ]
    assert "(unverified)" not in first["message"]["text"]
    assert "(unverified)" in run["results"][1]["message"]["text"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert len(notes) == len(review.skipped)
    assert {r["id"] for r in run["tool"]["driver"]["rules"]} == {"unpinned-compound-head"}


def test_sarif_uris_are_quoted(review: Review) -> None:
    finding = review.findings[2]
    odd = replace(finding, primary=replace(finding.primary, path="mm/a b%.c"))
    doc = json.loads(render_sarif(replace(review, findings=(odd,))))
    place = doc["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "mm/a%20b%25.c"


def test_sarif_of_a_tree_has_no_baseline(review: Review) -> None:
    doc = json.loads(render_sarif(replace(review, series=None)))
    assert all("baselineState" not in r for r in doc["runs"][0]["results"])


def test_checkpatch_lines_name_place_level_and_rule(review: Review) -> None:
    (line,) = render_checkpatch(review).splitlines()
    assert re.fullmatch(r"fs/proc/page\.c:108: ERROR: .* \[unpinned-compound-head\]", line)
    assert render_checkpatch(replace(review, findings=())) == ""


def test_lines_stay_lines_whatever_the_message(review: Review) -> None:
    hostile = with_message(review, "one\nERROR: two\r\x1b[2K")
    assert len(render_checkpatch(hostile).splitlines()) == 1
    assert "\x1b" not in render_b4_lines(hostile)


def test_b4_lines_mark_failures_of_the_asked_patch(review: Review) -> None:
    assert render_b4_lines(review, counter=2).startswith("ERROR: fs/proc/page.c:108: ")
    assert render_b4_lines(review, counter=1) == ""
    mild = tuple(replace(f, severity=Severity.MEDIUM) for f in review.findings)
    assert not render_b4_lines(replace(review, findings=mild)).startswith("ERROR")


def test_b4_checks_have_its_members_and_states(review: Review, clean_review: Review) -> None:
    (check,) = json.loads(render_b4_checks(review))
    assert set(check) == {"tool", "status", "summary", "url", "details"}
    assert check["status"] == "fail"
    assert "not analysed" in check["summary"]
    assert json.loads(render_b4_checks(clean_review))[0]["status"] == "pass"
    gaps = replace(clean_review, skipped=review.skipped)
    assert json.loads(render_b4_checks(gaps))[0]["status"] == "warn"
