"""Asking who calls what: through macros, in invocations, outside of the scope, many at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

MINIMM = Path(__file__).resolve().parents[2] / "corpora" / "minimm"
Run = Callable[..., subprocess.CompletedProcess[str]]

DRIVER = """#include <linux/mm.h>
#define mapped_twice(page) (page_mapcount(page) > 1)
static long scan(struct page *page)
{
	return mapped_twice(page);
}
TRACE_EVENT(driver_scan,
	TP_fast_assign(
		__entry->count = page_mapcount(page);
	)
);
static const struct proc_ops scan_ops = {
	.proc_read = scan,
};
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "linux"
    subprocess.run(["cp", "-a", str(MINIMM), str(root)], check=True)
    (root / "drivers").mkdir()
    (root / "drivers" / "scan.c").write_text(DRIVER)
    return root


def test_a_driver_that_calls_through_a_macro_is_a_caller(mm_review: Run, tree: Path) -> None:
    done = mm_review("callers", "page_mapcount", "--tree", tree, "--format", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    driver = [c for c in answer["callers"] if c["path"] == "drivers/scan.c"]
    assert [(c["function"], c["line"], c["through"]) for c in driver] == [
        ("scan", 5, "mapped_twice"),
        ("driver_scan", 9, ""),
    ]
    assert driver[0]["entry"]
    assert [step["function"] for step in driver[0]["call_path"]] == ["scan"]


def test_several_names_are_answered_in_their_order(mm_review: Run, tree: Path) -> None:
    names = ("page_mapcount", "no_such_function", "compound_head")
    done = mm_review("callers", *names, "--tree", tree, "--format", "json")
    answers = json.loads(done.stdout)
    assert [(a["function"], a["found"]) for a in answers] == [
        ("page_mapcount", True), ("no_such_function", False), ("compound_head", True),
    ]  # fmt: skip
    text = mm_review("callers", *names, "--tree", tree).stdout
    assert "drivers/scan.c:5: scan -> page_mapcount through mapped_twice (a /proc file)" in text
    assert "no_such_function: the tree has no such function and no call of it" in text


def test_what_is_no_name_is_refused(mm_review: Run, tree: Path) -> None:
    done = mm_review("callers", "page_mapcount(page)", "--tree", tree)
    assert done.returncode == 2
    assert "no name of a C function" in done.stderr
    assert done.stdout == ""
