"""The accounting rules on real trees: each mistake of the recipes is found once, on its patch."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reviewer.tree.recipes import build_series, find_recipe, load_recipe

pytestmark = pytest.mark.kernel
Run = Callable[..., subprocess.CompletedProcess[str]]

# recipe: what each of its patches brings; put together they are one review, not nine
EXPECTED = {
    "raw-mapcount-compare": [("raw-mapcount-compare", "stable_page_flags")],
    "mapcount-against-refcount": [("mapcount-against-refcount", "page_has_extra_refs")],
    "head-count-for-each-subpage": [("head-count-for-each-subpage", "smaps_account")],
    "compound-flag-mismatch": [("compound-flag-mismatch", "zap_huge_pmd")],
    "counter-not-initialised": [("counter-not-initialised", "prep_compound_head")],
    "double-map-order": [("double-map-order", "__split_huge_pmd_locked")],
    "undo-file-rmap-exit": [
        ("early-exit-before-accounting", "page_add_file_rmap"),
        ("early-exit-before-accounting", "page_remove_file_rmap"),
    ],
    "undo-deferred-split": [("deferred-split-of-unmapped", "page_remove_anon_compound_rmap")],
    "undo-subpage-mapcount": [("subpage-count-after-head", "__page_mapcount")],
}


def _accounting(review: dict[str, Any]) -> list[tuple[int, str, str]]:
    return sorted(
        (f["patch"]["counter"], f["rule"], f["primary"]["function"])
        for f in review["findings"]
        if f["origin"] in ("introduced", "exposed", "moved") and f["reason"] == "accounting"
    )


def test_each_mistake_is_found_once_on_the_patch_that_brings_it(
    mm_review: Run, kernel_6_1: Path, tmp_path: Path
) -> None:
    recipes = [load_recipe(find_recipe(name)) for name in EXPECTED]
    patches = tuple(patch for recipe in recipes for patch in recipe.patch)
    mbox = build_series(kernel_6_1, replace(recipes[0], name="accounting", patch=patches), tmp_path)
    done = mm_review("review", mbox, "--tree", kernel_6_1, "--format", "json")
    assert done.returncode == 1, done.stderr
    wanted = [place for places in EXPECTED.values() for place in places]
    assert _accounting(json.loads(done.stdout)) == sorted(
        (number, *place) for number, place in enumerate(wanted, start=1)
    )


def test_one_count_for_all_pages_of_a_pmd_is_found_in_6_12(
    mm_review: Run, kernel_6_12: Path, tmp_path: Path
) -> None:
    mbox = build_series(kernel_6_12, load_recipe(find_recipe("undo-pagemap-exclusive")), tmp_path)
    done = mm_review("review", mbox, "--tree", kernel_6_12, "--format", "json")
    assert done.returncode == 1, done.stderr
    assert _accounting(json.loads(done.stdout)) == [
        (1, "head-count-for-each-subpage", "pagemap_pmd_range")
    ]
