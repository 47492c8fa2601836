"""Applies the patches of a series one by one in a scratch index: a tree before and after each."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from reviewer.model.errors import DoesNotApplyError
from reviewer.model.series import Patch, PatchSeries
from reviewer.tree.changes import ChangedFile, find_changes
from reviewer.tree.command import Result, printable
from reviewer.tree.misfit import explain_misfit
from reviewer.tree.repo import KernelTree
from reviewer.tree.snapshot import Snapshot

# No fuzz: git demands every context line; only its line numbers may be off.
_APPLY = ("apply", "--cached", "-p1", "--whitespace=nowarn")


@dataclass(frozen=True, slots=True)
class AppliedPatch:
    """One patch with the trees around it. ``how`` is "exact" or "three-way merge"."""

    patch: Patch
    before: Snapshot
    after: Snapshot
    changed: tuple[ChangedFile, ...]
    how: str = "exact"


@dataclass(frozen=True, slots=True)
class AppliedSeries:
    """A series on its base, patch by patch."""

    base: Snapshot
    steps: tuple[AppliedPatch, ...]

    @property
    def end(self) -> Snapshot:
        """The tree after the last patch."""
        return self.steps[-1].after if self.steps else self.base


def apply_series(tree: KernelTree, base_commit: str, series: PatchSeries) -> AppliedSeries:
    """Apply the patches in their order to the tree of ``base_commit``.

    Each is tried exactly (lines may have moved, none may differ), then as a three-way merge
    where the tree has the blobs that the diff was made from. The same input gives the same
    tree ids. Nothing of the user's repository is written.

    Raises:
        BadInputError: the tree has no such commit.
        DoesNotApplyError: a patch does not apply; the message says which, where and why.
    """
    base = tree.snapshot(base_commit)
    steps: list[AppliedPatch] = []
    with tempfile.TemporaryDirectory(dir=tree.scratch, prefix="index-") as directory:
        index = Path(directory) / "index"
        tree.git.run("read-tree", base.name, index=index)
        before = base
        for patch in series.patches:
            how = _apply_patch(tree, index, before, patch, series, base_commit)
            written = tree.git.run("write-tree", "--missing-ok", index=index)
            tree_id = written.out.decode("ascii").strip()
            after = tree.snapshot(tree_id, based_on=before)
            changed = find_changes(tree.git, before.name, after.name)
            steps.append(AppliedPatch(patch, before, after, changed, how))
            before = after
    return AppliedSeries(base, tuple(steps))


def _apply_patch(
    tree: KernelTree,
    index: Path,
    before: Snapshot,
    patch: Patch,
    series: PatchSeries,
    base_commit: str,
) -> str:
    """Change the index by one patch and return how it went in."""
    if not patch.diff.strip():
        return "empty"
    every = (0, 1, 128)
    tried = tree.git.run(*_APPLY, stdin=patch.diff, index=index, accept=every)
    if tried.status == 0:
        return "exact"
    undone = tree.git.run(*_APPLY, "--check", "-R", stdin=patch.diff, index=index, accept=every)
    if undone.status == 0:
        raise _does_not_apply(patch, series, base_commit, _ALREADY)
    merged = tree.git.run(*_APPLY, "--3way", stdin=patch.diff, index=index, accept=every)
    if merged.status == 0:
        return "three-way merge"
    raise _does_not_apply(patch, series, base_commit, _reason(before, patch, tried))


_ALREADY = "it is already in the tree; give an older commit with --base"


def _reason(before: Snapshot, patch: Patch, tried: Result) -> str:
    return explain_misfit(before, patch.diff, tried.err)


def _does_not_apply(
    patch: Patch, series: PatchSeries, base_commit: str, reason: str
) -> DoesNotApplyError:
    which = f"patch {patch.counter}/{patch.expected or len(series.patches)}"
    missing = ""
    if any(counter < patch.counter for counter in series.missing):
        numbers = ", ".join(str(counter) for counter in series.missing)
        missing = f" (the series lacks patch {numbers})"
    subject = printable(patch.subject, 80)
    return DoesNotApplyError(
        f"{which} '{subject}' does not apply to {base_commit[:12]}: {reason}{missing}"
    )
