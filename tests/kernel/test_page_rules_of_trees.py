"""The page rules on real trees: each recipe gives one finding, of its own rule."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.tree.recipes import build_series, find_recipe, load_recipe

pytestmark = pytest.mark.kernel
Run = Callable[..., subprocess.CompletedProcess[str]]

RULES = {
    "tail-field-read": ("tail-field-read", "page_file_index"),
    "folio-cast-of-page": ("folio-cast-of-page", "page_whole_maps"),
    "folio-before-pin": ("folio-before-pin", "page_is_shared"),
    "drop-recheck": ("folio-before-pin", "try_get_folio"),
    "pin-dropped-early": ("unpinned-compound-head", "page_double_mapped"),
    "check-then-assert": ("check-then-assert", "page_double_mapped"),
}


def _introduced(mm_review: Run, tree: Path, recipe: str, out: Path) -> list[tuple[str, str]]:
    mbox = build_series(tree, load_recipe(find_recipe(recipe)), out)
    done = mm_review("review", mbox, "--tree", tree, "--format", "json", "--no-replay")
    assert done.returncode == 1, done.stderr
    return [
        (finding["rule"], finding["primary"]["function"])
        for finding in json.loads(done.stdout)["findings"]
        if finding["origin"] in ("introduced", "exposed", "moved")
    ]


@pytest.mark.parametrize("recipe", RULES)
def test_a_recipe_gives_one_finding_of_its_rule(
    mm_review: Run, kernel_6_1: Path, tmp_path: Path, recipe: str
) -> None:
    assert _introduced(mm_review, kernel_6_1, recipe, tmp_path) == [RULES[recipe]]


def test_a_cast_in_a_tree_of_folios(mm_review: Run, kernel_6_12: Path, tmp_path: Path) -> None:
    found = _introduced(mm_review, kernel_6_12, "folio-cast-of-page-folio", tmp_path)
    assert found == [RULES["folio-cast-of-page"]]
