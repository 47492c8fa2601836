"""Whole runs on the teaching tree: what the demo promises, and that it leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reviewer.tree.recipes import build_series, find_recipe, load_recipe

MINIMM = Path(__file__).resolve().parents[2] / "corpora" / "minimm"
Run = Callable[..., subprocess.CompletedProcess[str]]
PATH = ["kpageflags_read", "stable_page_flags", "page_mapcount", "__page_mapcount", "PageDoubleMap"]


def _names(finding: dict[str, Any]) -> list[str]:
    return [step["function"] for step in finding["call_path"]]


def _digest(root: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(root)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_demo_names_the_path_the_cause_and_a_failing_interleaving(
    mm_review: Run, tmp_path: Path
) -> None:
    done = mm_review("demo", "--output", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert " -> ".join(PATH) in text
    assert "is not pinned" in text
    assert "A tail argument is legal here" in text
    assert "kernel BUG at include/linux/page-flags.h" in text
    assert "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))" in text
    assert "CPU 0" in text
    assert "CPU 1" in text
    assert "schedule" in text
    html = (tmp_path / "demo" / "report.html").read_text()
    assert "kpageflags_read" in html
    assert "In-Reply-To: " in (tmp_path / "demo" / "drafts.mbox").read_text()


def test_the_seed_gives_one_finding_and_old_code_that_is_right_stays_silent(
    seed_review: subprocess.CompletedProcess[str],
) -> None:
    assert seed_review.returncode == 1, seed_review.stderr
    review = json.loads(seed_review.stdout)
    (finding,) = review["findings"]
    assert _names(finding) == PATH
    assert finding["origin"] == "introduced"
    assert finding["reason"] == "stability"
    assert finding["confidence"] == "high"
    assert finding["patch"]["counter"] == 2
    assert finding["witness"]["outcome"] == "sometimes"
    (row,) = [row for row in review["replays"] if row["detail"] == " -> ".join(PATH)]
    assert (row["before"], row["after"]) == ("never", "sometimes")
    assert review["stats"]["undecided"] == 0


def test_the_same_input_gives_the_same_bytes(
    mm_review: Run, seed_mbox: Path, seed_review: subprocess.CompletedProcess[str]
) -> None:
    again = mm_review("review", seed_mbox, "--tree", MINIMM, "--format", "json")
    assert again.stdout == seed_review.stdout
    assert str(seed_mbox.parent) not in again.stdout
    assert str(MINIMM.parent) not in again.stdout


def test_the_users_repository_stays_as_it_was(
    mm_review: Run, seed_mbox: Path, minimm_repo: Path
) -> None:
    before = _digest(minimm_repo)
    done = mm_review("review", seed_mbox, "--format", "json", cwd=minimm_repo / "mm")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["findings"]
    assert _digest(minimm_repo) == before


def test_findings_of_an_entry_point_need_no_series(mm_review: Run, minimm: Any) -> None:
    done = mm_review("review", "--entry", "kpageflags_read", "--tree", MINIMM, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"] == []


def test_demands_say_where_they_are_written(mm_review: Run) -> None:
    done = mm_review("demands", "PageTransHuge", "--tree", MINIMM, "--format", "json")
    doc = json.loads(done.stdout)
    (demand,) = doc["demands"]
    assert demand["position"] == ["order0", "head"]
    assert demand["needs"] == ["CONFIG_DEBUG_VM"]
    line = (MINIMM / demand["evidence"]["path"]).read_text().splitlines()
    assert "VM_BUG_ON_PAGE(PageTail(page), page)" in line[demand["evidence"]["line"] - 1]
    nothing = json.loads(
        mm_review("demands", "PageDoubleMap", "--tree", MINIMM, "--format", "json").stdout
    )
    assert nothing["found"] is False


def test_a_macro_is_told_apart_from_a_name_the_tree_does_not_have(mm_review: Run) -> None:
    done = mm_review("demands", "VM_BUG_ON_PAGE", "--tree", MINIMM, "--format", "json")
    doc = json.loads(done.stdout)
    assert (doc["found"], doc["demands"]) == (True, [])
    assert doc["path"] == "include/linux/mmdebug.h"
    assert "a macro" in doc["skipped"][0]["reason"]


def test_a_reader_that_demands_more_is_told_once_with_its_callers(
    mm_review: Run, tmp_path: Path
) -> None:
    mbox = build_series(MINIMM, load_recipe(find_recipe("minimm-reader-tightened")), tmp_path)
    done = mm_review("review", mbox, "--tree", MINIMM, "--format", "json")
    assert done.returncode == 1, done.stderr
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["rule"], finding["origin"]) == ("reader-asserts", "exposed")
    assert finding["patch"]["counter"] == 1
    assert finding["primary"]["function"] == "page_mapped"
    assert [place["function"] for place in finding["related"]] == ["stable_page_flags"]
    assert "not pinned" in finding["message"]
    assert "A tail argument is legal" in finding["message"]
    ways = " ".join(finding["remedies"])
    assert all(word in ways for word in ("tolerant", "look at the head again", "snapshot_page"))
    assert finding["witness"]["outcome"] == "sometimes"


def test_an_old_finding_is_shown_where_it_stands_at_the_end(
    mm_review: Run, minimm_repo: Path, tmp_path: Path
) -> None:
    git = ["git", "-C", str(minimm_repo), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    page, header = minimm_repo / "fs/proc/page.c", minimm_repo / "include/linux/page-flags.h"

    def commit(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        subprocess.run([*git, "commit", "-q", "-s", "-m", f"mm: {path.stem}", path], check=True)

    commit(page, "if (PageHead(page))", "if (PageTransHuge(page))")
    # the series comes near the path, and then moves the lines of another function on it
    commit(header, "VM_BUG_ON_PAGE(PageTail(page), page)", "VM_BUG_ON_PAGE((PageTail(page)), page)")
    commit(page, "#include", "/*\n * Many\n * lines\n * more.\n */\n#include")
    mbox = tmp_path / "series.mbox"
    patches = subprocess.run(
        [*git, "format-patch", "--stdout", "-2"], check=True, capture_output=True
    )
    mbox.write_bytes(patches.stdout)

    args = ("review", mbox, "--tree", minimm_repo, "--base", "HEAD~2", "--format", "json")
    done = mm_review(*args, "--no-replay")
    assert done.returncode == 0, done.stderr
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["origin"] == "preexisting"
    steps = finding["call_path"]
    assert _names(finding) == ["kpageflags_read", "stable_page_flags", "PageTransHuge"]
    for step, said in zip(steps, [*_names(finding)[1:], "VM_BUG_ON_PAGE"], strict=True):
        lines = (minimm_repo / step["path"]).read_text().splitlines()
        assert said in lines[step["line"] - 1]
    assert (steps[1]["path"], steps[1]["line"]) == tuple(
        finding["primary"][key] for key in ("path", "line")
    )


OLD_READER = """#include <linux/mm.h>
#include <linux/huge_mm.h>
#include <linux/proc_fs.h>
#include <linux/memory_hotplug.h>

static ssize_t {name}_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{{
	struct page *page = pfn_to_online_page(*ppos);

	return page ? hpage_nr_pages(page) : 0;
}}

static const struct proc_ops {name}_ops = {{
	.proc_read = {name}_read,
}};
"""


def test_old_callers_of_the_same_helper_are_told_of_where_the_series_works(
    mm_review: Run, tmp_path: Path
) -> None:
    tree = tmp_path / "linux"
    subprocess.run(["cp", "-a", str(MINIMM), str(tree)], check=True)
    (tree / "fs/proc/near.c").write_text(OLD_READER.format(name="near"))
    (tree / "mm/far.c").write_text(OLD_READER.format(name="far"))
    mbox = build_series(MINIMM, load_recipe(find_recipe("minimm-tail-reader")), tmp_path)
    done = mm_review("review", mbox, "--tree", tree, "--format", "json", "--no-replay")
    found = [(f["origin"], _names(f)[0]) for f in json.loads(done.stdout)["findings"]]
    assert ("introduced", "kpagesize_read") in found
    assert ("preexisting", "near_read") in found
    assert not [name for _, name in found if name.startswith("far")]
