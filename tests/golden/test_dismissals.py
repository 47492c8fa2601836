"""Findings set aside by a reviewed file: counted, never lost, and only with a reason."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MINIMM = Path(__file__).resolve().parents[2] / "corpora" / "minimm"
Run = Callable[..., subprocess.CompletedProcess[str]]
BAD = """#include <linux/mm.h>
static int want_head(struct page *page)
{
	VM_BUG_ON_PAGE(PageTail(page), page);
	return 0;
}
int bad(unsigned long pfn)
{
	return want_head(pfn_to_page(pfn));
}
int worse(unsigned long pfn)
{
	return want_head(pfn_to_page(pfn + 1));
}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MINIMM, tmp_path / "linux"))


@pytest.fixture(scope="module")
def finding(mm_review: Run, seed_mbox: Path) -> dict[str, Any]:
    done = mm_review("review", seed_mbox, "--tree", MINIMM, "--no-replay", "--format", "json")
    (found,) = json.loads(done.stdout)["findings"]
    assert isinstance(found, dict)
    return found


def _entry(**keys: str) -> str:
    return "[[dismiss]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def _by_place(finding: dict[str, Any], **keys: str) -> str:
    rule, function = finding["rule"], finding["primary"]["function"]
    return _entry(rule=f'"{rule}"', function=f'"{function}"', **keys)


def test_a_fingerprint_dismisses_its_finding_and_is_counted(
    mm_review: Run, seed_mbox: Path, tmp_path: Path, finding: dict[str, Any]
) -> None:
    file, html = tmp_path / "ours.toml", tmp_path / "report.html"
    file.write_text(_entry(fingerprint=f'"{finding["fingerprint"]}"', reason='"seen <b>it</b>"'))
    command = ("review", seed_mbox, "--tree", MINIMM, "--dismissals", file)
    done = mm_review(*command, "--format", "json", "--html", html)
    assert done.returncode == 0, done.stderr
    review = json.loads(done.stdout)
    assert review["findings"] == []
    assert review["stats"]["dismissed"] == 1
    (one,) = review["dismissals"]["dismissed"]
    assert one["finding"]["fingerprint"] == finding["fingerprint"]
    assert one["by"]["reason"] == "seen <b>it</b>"
    assert "seen &lt;b&gt;it&lt;/b&gt;" in html.read_text()
    assert "ours.toml: 1 finding dismissed" in mm_review(*command).stdout
    (result,) = json.loads(mm_review(*command, "--format", "sarif").stdout)["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "seen <b>it</b>"}]
    assert "seen" in mm_review(*command, "--format", "markdown").stdout


def test_the_trees_own_file_dismisses_a_rule_in_a_function(
    mm_review: Run, seed_mbox: Path, tree: Path, finding: dict[str, Any]
) -> None:
    other = _entry(rule='"no-such-rule"', function='"f"', reason='"gone since"')
    (tree / ".mm-review.toml").write_text(_by_place(finding, reason='"a snapshot"') + other)
    done = mm_review("review", seed_mbox, "--tree", tree, "--no-replay")
    assert done.returncode == 0, done.stderr
    assert ".mm-review.toml: 1 finding dismissed, 1 entry unused" in done.stdout
    told = mm_review("review", seed_mbox, "--tree", tree, "--no-replay", "-v").stdout
    assert f"dismissed: {finding['rule']}" in told
    assert "a snapshot" in told
    assert "unused: no-such-rule in f(): gone since" in told
    # a file named by hand stands in its place
    done = mm_review(
        "review", seed_mbox, "--tree", tree, "--no-replay", "--dismissals", "/dev/null"
    )
    assert done.returncode == 1
    assert "dismissed" not in done.stdout


@pytest.mark.parametrize(("expires", "holds"), [("2027-01-31", True), ("2027-01-30", False)])
def test_an_entry_holds_through_its_last_day(
    mm_review: Run,
    seed_mbox: Path,
    tree: Path,
    finding: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    expires: str,
    holds: bool,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1801439999")  # 2027-01-31 23:59:59 UTC
    (tree / ".mm-review.toml").write_text(_by_place(finding, reason='"for now"', expires=expires))
    command = ("review", seed_mbox, "--tree", tree, "--no-replay", "--format", "json")
    done = mm_review(*command)
    assert done.returncode == (0 if holds else 1)
    found = json.loads(done.stdout)["dismissals"]
    assert [entry["expires"] for entry in found["expired"]] == ([] if holds else [expires])
    assert len(found["dismissed"]) == holds
    assert ("expired after 2027-01-30: look again" in done.stderr) == (not holds)
    assert mm_review(*command).stdout == done.stdout


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (_entry(fingerprint='"0123456789abcdef"'), "number 1: no reason is given"),
        (_entry(rule='"a"', function='"f"', reason='"  "'), "number 1: no reason is given"),
        (_entry(rule='"a"', reason='"b"'), "its rule and its function"),
        (_entry(fingerprint='"xyz"', reason='"b"'), "16 hexadecimal digits"),
        (
            _entry(fingerprint='"0123456789abcdef"', rule='"a"', reason='"b"'),
            "or rule and function, not both",
        ),
        (_entry(reason='"b"', because='"c"'), "no key 'because'"),
        ('[[dismis]]\nreason = "a"\n', "no key 'dismis'"),
        (_entry(rule='"a"', function='"f"', reason='"b"', expires='"soon"'), "expires"),
        ("[[dismiss]\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_in_a_line(
    mm_review: Run, seed_mbox: Path, tree: Path, text: str, complaint: str
) -> None:
    (tree / ".mm-review.toml").write_text(text)
    done = mm_review("review", seed_mbox, "--tree", tree)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("mm-review: .mm-review.toml: ")
    assert complaint in line


def test_a_file_that_is_not_there_is_said(mm_review: Run, seed_mbox: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    done = mm_review("review", seed_mbox, "--tree", MINIMM, "--dismissals", missing)
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_a_tree_alone_is_reviewed_with_its_dismissals(mm_review: Run, tree: Path) -> None:
    command = ("review", "--all", "--tree", tree, "--no-replay", "--format", "json")
    (tree / "mm" / "bad.c").write_text(BAD)
    before = json.loads(mm_review(*command).stdout)["findings"]
    assert {f["primary"]["function"] for f in before} == {"bad", "worse"}
    (tree / ".mm-review.toml").write_text(_by_place(before[0], reason='"known"'))
    review = json.loads(mm_review(*command).stdout)
    assert review["stats"]["dismissed"] > 0
    left = {f["fingerprint"] for f in review["findings"]}
    gone = {d["finding"]["fingerprint"] for d in review["dismissals"]["dismissed"]}
    assert left | gone == {f["fingerprint"] for f in before}
    assert left
    assert not left & gone


def test_a_series_cannot_dismiss_what_it_brings(
    mm_review: Run, seed_mbox: Path, minimm_repo: Path, tmp_path: Path, finding: dict[str, Any]
) -> None:
    git = ["git", "-C", str(minimm_repo), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "stash", "-q"], check=True)
    subprocess.run([*git, "tag", "base"], check=True)
    (minimm_repo / ".mm-review.toml").write_text(_by_place(finding, reason='"trust me"'))
    subprocess.run([*git, "add", ".mm-review.toml"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "mm: dismiss", "-m", "Text."], check=True)
    subprocess.run([*git, "am", "-q", "--empty=drop", str(seed_mbox)], check=True)
    series = tmp_path / "series.mbox"
    with series.open("wb") as out:
        subprocess.run([*git, "format-patch", "base..", "--stdout"], stdout=out, check=True)
    subprocess.run([*git, "reset", "-q", "--hard", "base"], check=True)
    done = mm_review("review", series, "--tree", minimm_repo, "--no-replay", "--format", "json")
    assert done.returncode == 1, done.stderr
    review = json.loads(done.stdout)
    assert [f["fingerprint"] for f in review["findings"]] == [finding["fingerprint"]]
    assert review["stats"]["dismissed"] == 0
