"""``mm-review replay``: scenarios, schedules, truth tables and costs from the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MINIMM = REPOSITORY / "corpora" / "minimm"
RECORDED = REPOSITORY / "tests" / "replay" / "recorded" / "histories-6.1.json"
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_scenario_fails_and_its_schedule_replays_to_itself(mm_review: Run) -> None:
    scenario = ("replay", "free-under-reader", "--tree", MINIMM, "--preemptions", "1")
    command = (*scenario, "--format", "json")
    done = mm_review(*command)
    assert done.returncode in (0, 1), done.stderr
    doc = json.loads(done.stdout)
    assert doc["schema"] == 1
    assert doc["stopped_by"] == ""
    assert doc["explored"] > 0
    for value, answer in zip(doc["returns"], doc["answers"], strict=True):
        assert answer["value"] == value
        shown = json.loads(mm_review(*command, "--schedule", answer["schedule"]).stdout)
        assert shown["returns"] == [value]
        assert shown["outcome"] == "never"
    if doc["schedule"]:
        again = json.loads(mm_review(*command, "--schedule", doc["schedule"]).stdout)
        assert (again["oops"], again["trace"]) == (doc["oops"], doc["trace"])


def test_a_limit_is_said(mm_review: Run) -> None:
    done = mm_review(
        *("replay", "free-under-reader", "--tree", MINIMM, "--states", "20", "--format", "json")
    )
    doc = json.loads(done.stdout)
    assert "states" in doc["stopped_by"]
    done = mm_review(*("replay", "free-under-reader", "--tree", MINIMM, "--schedule", "0x2"))
    assert done.returncode == 0
    assert "undecided" in done.stdout
    assert "the schedule ended" in done.stdout


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_a_sample_says_what_it_is(mm_review: Run, strategy: str) -> None:
    command = ("replay", "unmap-under-reader", "--tree", MINIMM, "--strategy", strategy)
    one = mm_review(*command, "--seed", "3", "--format", "json")
    assert f"({strategy}, seeds from 3)" in json.loads(one.stdout)["stopped_by"]
    assert mm_review(*command, "--seed", "3", "--format", "json").stdout == one.stdout


def test_a_scenario_of_ones_own(mm_review: Run, tmp_path: Path) -> None:
    text = (REPOSITORY / "corpora" / "scenarios" / "unmap-under-reader.toml").read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace("C1 munmap 0 512", "C1 madv_dontneed 0 100"))
    done = mm_review("replay", mine, "--tree", MINIMM)
    assert done.returncode == 0, done.stderr
    assert "madv_dontneed" not in done.stderr


def test_a_truth_table_holds_and_one_value_changed_does_not(mm_review: Run, tmp_path: Path) -> None:
    table = json.loads(RECORDED.read_text())
    table["steps"] = table["steps"][:9]
    good = tmp_path / "good.json"
    good.write_text(json.dumps(table))
    done = mm_review("replay", "--truth", good)
    assert (done.returncode, done.stdout) == (0, "")
    table["steps"][3]["kpagecount"] = [[0, 512, 7]]
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(table))
    done = mm_review("replay", "--truth", bad)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "kpagecount: 0-511:7 is 0-511:3" in done.stdout
    doc = json.loads(mm_review("replay", "--truth", bad, "--format", "json").stdout)
    assert [d["value"] for d in doc["differences"]] == ["kpagecount"]


def test_what_counting_costs(mm_review: Run) -> None:
    done = mm_review("replay", "--costs", "--format", "json")
    rows = json.loads(done.stdout)["costs"]
    assert {row["scheme"] for row in rows} == {"each page", "seed"}
    assert "split a PMD" in mm_review("replay", "--costs").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope", "--tree", MINIMM), "not known"),
        (("free-under-reader", "--tree", MINIMM, "--entry", "nope"), "no such function"),
        (("free-under-reader", "--tree", MINIMM, "--schedule", "0y"), "--schedule"),
        (("free-under-reader", "--tree", MINIMM, "--schedule", "0x99999999999"), "steps"),
        (("free-under-reader", "--tree", MINIMM, "--strategy", "x"), "strategy"),
        (("free-under-reader", "--tree", "/nonexistent"), "/nonexistent"),
        (("--truth", "/nonexistent"), "/nonexistent"),
        (("--truth", RECORDED, "--engine", "x"), "--engine"),
        (("--costs", "--format", "xml"), "--format"),
        ((), "SCENARIO"),
    ],
)
def test_bad_input_is_one_line(mm_review: Run, words: tuple[object, ...], said: str) -> None:
    done = mm_review("replay", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_two_trees_are_compared(mm_review: Run, tmp_path: Path) -> None:
    other = tmp_path / "linux"
    subprocess.run(["cp", "-a", str(MINIMM), str(other)], check=True)
    rmap = other / "mm" / "rmap.c"
    rmap.write_text(rmap.read_text().replace("mod_node_page_state(NR_ANON_MAPPED, -nr)", ";"))
    done = mm_review("replay", "--tree", MINIMM, "--against", other, "--format", "json")
    assert done.returncode == 1, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert {(row["scenario"], row["after"]) for row in rows} == {("accounting", "always")}
    done = mm_review("replay", "--tree", MINIMM, "--against", "HEAD")
    assert (done.returncode, done.stdout) == (0, "no row differs\n"), done.stderr
