"""The demonstration: our re-enactment of the seed, reviewed on the built-in teaching tree."""

from __future__ import annotations

from pathlib import Path

from reviewer.model.review import Review
from reviewer.pipeline.options import Options, Progress
from reviewer.pipeline.series import review_series
from reviewer.rulebook import find_data
from reviewer.tree.recipes import build_series, find_recipe, load_recipe

RECIPE = "minimm-seed"


def run(directory: Path, progress: Progress) -> Review:
    """Build the series as ``<directory>/<recipe>.mbox`` and review it."""
    tree = find_data("corpora") / "minimm"
    mbox = build_series(tree, load_recipe(find_recipe(RECIPE)), directory)
    return review_series(mbox, Options(tree=tree, progress=progress))
