"""Whole reviews of series made on a real kernel tree, by recipes that hold no kernel text."""

from __future__ import annotations

import json
import mailbox
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reviewer.tree.recipes import build_series, find_recipe, load_recipe

pytestmark = pytest.mark.kernel
Run = Callable[..., subprocess.CompletedProcess[str]]
COUNT_PATH = ["kpagecount_read", "page_mapcount", "__page_mapcount", "PageDoubleMap"]
SEED_PATH = ["kpageflags_read", "stable_page_flags", "page_mapcount"]


def _names(finding: dict[str, Any]) -> list[str]:
    return [step["function"] for step in finding["call_path"]]


def _of(review: dict[str, Any], *origins: str) -> list[dict[str, Any]]:
    return [f for f in review["findings"] if f["origin"] in origins]


@pytest.fixture
def reviewed(mm_review: Run, kernel_6_1: Path, tmp_path: Path) -> Callable[..., Any]:
    def review(recipe: str, code: int) -> tuple[dict[str, Any], list[Any]]:
        mbox = build_series(kernel_6_1, load_recipe(find_recipe(recipe)), tmp_path)
        drafts = tmp_path / "drafts.mbox"
        done = mm_review(
            "review", mbox, "--tree", kernel_6_1, "--format", "json", "--drafts", drafts
        )
        assert done.returncode == code, done.stderr
        with closing(mailbox.mbox(drafts, create=False)) as mails:
            return json.loads(done.stdout), list(mails)

    return review


@pytest.mark.parametrize("recipe", ["seed-pair", "seed-pair-reworked"])
def test_the_seed_pair_is_introduced_once_and_reproduced(
    reviewed: Callable[..., Any], recipe: str
) -> None:
    review, drafts = reviewed(recipe, 1)
    (finding,) = _of(review, "introduced", "exposed", "moved")
    assert finding["origin"] == "introduced"
    assert _names(finding)[:3] == SEED_PATH
    assert finding["reason"] == "stability"
    assert finding["patch"]["counter"] in (1, 2)
    assert finding["witness"]["outcome"] == "sometimes"
    assert "VM_BUG_ON_PAGE(!PageHead(page))" in finding["witness"]["oops"]
    assert COUNT_PATH in [_names(f) for f in _of(review, "preexisting")]
    (draft,) = drafts
    assert draft["In-Reply-To"] == f"<{finding['patch']['msgid']}>"


@pytest.mark.parametrize("recipe", ["tail-reader", "tail-reader-guarded"])
def test_a_tail_handed_to_a_head_only_helper_is_a_matter_of_position(
    reviewed: Callable[..., Any], recipe: str
) -> None:
    review, _ = reviewed(recipe, 1)
    (finding,) = _of(review, "introduced", "exposed", "moved")
    assert finding["reason"] == "position"
    assert "tail" in finding["message"]
    assert _names(finding)[-1] == "PageDoubleMap"


@pytest.mark.parametrize("recipe", ["pinned-reader", "pinned-reader-raw", "harmless"])
def test_what_looks_alike_and_is_right_is_silent(reviewed: Callable[..., Any], recipe: str) -> None:
    review, drafts = reviewed(recipe, 0)
    assert review["findings"] == []
    assert drafts == []


def test_what_a_later_patch_takes_back_is_not_answered(reviewed: Callable[..., Any]) -> None:
    review, drafts = reviewed("hazard-then-fix", 0)
    (finding,) = _of(review, "fixed-later")
    assert finding["patch"]["counter"] == 2
    assert finding["fixed_by"]["counter"] == 4
    assert not _of(review, "introduced", "exposed", "moved")
    assert drafts == []


def test_an_entry_point_is_reviewed_without_a_series(mm_review: Run, kernel_6_1: Path) -> None:
    done = mm_review(
        "review", "--entry", "kpagecount_read", "--tree", kernel_6_1, "--format", "json"
    )
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert COUNT_PATH in [_names(f) for f in findings]
    (mine,) = [f for f in findings if _names(f) == COUNT_PATH]
    assert mine["witness"]["outcome"] == "sometimes"
    assert mine["primary"]["path"] == "fs/proc/page.c"


def test_what_a_macro_makes_demands_what_its_policy_says(mm_review: Run, kernel_6_1: Path) -> None:
    done = mm_review("demands", "PageDoubleMap", "--tree", kernel_6_1, "--format", "json")
    (demand,) = json.loads(done.stdout)["demands"]
    assert demand["position"] == ["head"]
    assert "CONFIG_DEBUG_VM_PGFLAGS" in demand["needs"]
    text = (kernel_6_1 / demand["evidence"]["path"]).read_text().splitlines()
    assert "!PageHead(page)" in text[demand["evidence"]["line"] - 1]


def test_a_dropped_condition_on_what_the_caller_hands_down_is_found(
    reviewed: Callable[..., Any],
) -> None:
    review, _ = reviewed("undo-migration-mapcount", 1)
    found = {
        (f["primary"]["function"], f["patch"]["counter"])
        for f in _of(review, "introduced", "exposed")
    }
    # smaps_account() is told by its caller whether the entry is a migration entry
    assert found == {("smaps_account", 1), ("pte_to_pagemap_entry", 2), ("pagemap_pmd_range", 2)}
    # the head's count stood for all pages before, whatever else the line asks
    heads = [f for f in review["findings"] if f["rule"] == "head-count-for-each-subpage"]
    assert {f["origin"] for f in heads} == {"preexisting"}
