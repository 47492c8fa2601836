"""Chooses the commit a series is applied to, and says why."""

from __future__ import annotations

from reviewer.model.review import Base
from reviewer.model.series import PatchSeries
from reviewer.tree.repo import KernelTree


def find_base(tree: KernelTree, series: PatchSeries, given: str = "") -> Base:
    """Return the base of the series: ``given`` (the user's ``--base``), else HEAD.

    Raises:
        BadInputError: the revision is unknown, or the tree has no HEAD.
    """
    if given:
        return Base(tree.resolve(given), f"--base {given}")
    return Base(tree.resolve("HEAD"), "HEAD")
