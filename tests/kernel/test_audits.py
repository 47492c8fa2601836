"""The audits are those that were looked at by hand: every finding has its verdict."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel
Run = Callable[..., subprocess.CompletedProcess[str]]
TABLES = Path(__file__).resolve().parents[2] / "corpora" / "audits"
VERSIONS = tuple(path.stem.removeprefix("linux-") for path in sorted(TABLES.glob("linux-*.md")))
COLUMNS = ("fingerprint", "where", "rule", "verdict", "only with DEBUG_VM", "reason")
TRUE_SHARE = 0.8


def _rows(version: str) -> list[dict[str, str]]:
    table = TABLES / f"linux-{version}.md"
    lines = [line for line in table.read_text().splitlines() if line.startswith("|")]
    assert tuple(cell.strip() for cell in lines[0].strip("|").split("|")) == COLUMNS
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:])
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells]


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def audit(mm_review: Run, version: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    tree: Path = request.getfixturevalue(f"kernel_{version.replace('.', '_')}")
    done = mm_review("review", "--all", "--tree", tree, "--format", "json")
    assert done.returncode == 1, done.stderr
    review: dict[str, Any] = json.loads(done.stdout)
    return review


def test_every_finding_of_medium_confidence_has_its_verdict(
    audit: dict[str, Any], version: str
) -> None:
    found = {
        f["fingerprint"]: (f"{f['primary']['path']} {f['primary']['function']}", f["rule"])
        for f in audit["findings"]
        if f["confidence"] != "low"
    }
    assert {row["fingerprint"]: (row["where"], row["rule"]) for row in _rows(version)} == found


def test_a_driver_that_lends_hugetlb_pages_is_run(audit: dict[str, Any], version: str) -> None:
    found = [f for f in audit["findings"] if f["rule"] == "compound-flag-mismatch"]
    if version != "6.1":  # the driver does not lend them any more
        assert not found
        return
    assert [f["primary"]["function"] for f in found] == ["udmabuf_create"]
    assert found[0]["confidence"] == "high"
    assert found[0]["witness"]["outcome"] == "always"
    assert "kpagecount says 0" in found[0]["witness"]["reason"]


def test_eight_of_ten_verdicts_are_true_and_give_a_reason(version: str) -> None:
    verdicts = [row["verdict"] for row in _rows(version)]
    assert set(verdicts) <= {"true", "false"}
    assert verdicts.count("true") >= TRUE_SHARE * len(verdicts)
    assert all(row["reason"] for row in _rows(version))


def test_the_table_says_what_needs_debug_vm(audit: dict[str, Any], version: str) -> None:
    needs = {
        f["fingerprint"]: "yes" if any(e["needs"] for e in f["evidence"]) else "no"
        for f in audit["findings"]
    }
    for row in _rows(version):
        assert row["only with DEBUG_VM"] == needs[row["fingerprint"]], row["where"]


def test_every_use_of_a_page_helper_is_decided_or_says_why_not(audit: dict[str, Any]) -> None:
    uses, stats = audit["uses"], audit["stats"]
    undecided = [use for use in uses if use["undecided"]]
    assert len(uses) == stats["call_sites"] > 2_000
    assert len(undecided) == stats["undecided"]
    assert stats["decided"] == len(uses) - len(undecided) > 0
    assert {use["path"].split("/")[0] for use in uses} == {"mm", "fs"}
