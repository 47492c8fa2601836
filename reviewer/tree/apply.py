"""Applies the patches of a series one by one: a tree before and after each."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.errors import DoesNotApplyError
from reviewer.model.series import Patch, PatchSeries
from reviewer.tree.changes import ChangedFile, find_changes
from reviewer.tree.command import printable
from reviewer.tree.misfit import explain_misfit
from reviewer.tree.repo import KernelTree
from reviewer.tree.snapshot import Snapshot
from reviewer.tree.workbench import Workbench


@dataclass(frozen=True, slots=True)
class AppliedPatch:
    """One patch with the trees around it.

    ``how`` is "exact", "three-way merge", or "empty" for a patch without a diff.
    """

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
    where the tree has the blobs that the diff was made on. The same input gives the same tree
    ids. Nothing of the user's repository is written.

    Raises:
        BadInputError: the tree has no such commit.
        DoesNotApplyError: a patch does not apply; the message says which, where and why.
    """
    before = base = tree.snapshot(base_commit)
    steps: list[AppliedPatch] = []
    with Workbench(tree) as bench:
        for patch in series.patches:
            tree_id, how = _apply_patch(bench, before, patch)
            if not tree_id:
                where = "the unpacked tree" if tree.imported else base_commit[:12]
                raise _does_not_apply(patch, series, where, how)
            after = tree.snapshot(tree_id, based_on=before)
            changed = find_changes(tree.git, before.name, after.name)
            steps.append(AppliedPatch(patch, before, after, changed, how))
            before = after
    return AppliedSeries(base, tuple(steps))


def _apply_patch(bench: Workbench, before: Snapshot, patch: Patch) -> tuple[str, str]:
    """Return the tree after the patch and how it went in, or "" and why it did not."""
    if not patch.diff.strip():
        return before.name, "empty"
    refusal, tree_id = bench.apply(before, patch.diff)
    if tree_id:
        return tree_id, "exact"
    if bench.is_applied(before, patch.diff):
        return "", "it is already in the tree; name a commit before it with --base"
    _, tree_id = bench.merge(before, patch.diff)
    if tree_id:
        return tree_id, "three-way merge"
    return "", explain_misfit(before, patch.diff, refusal.err)


def _does_not_apply(
    patch: Patch, series: PatchSeries, where: str, reason: str
) -> DoesNotApplyError:
    which = f"patch {patch.counter}/{patch.expected or len(series.patches)}"
    missing = ""
    if any(counter < patch.counter for counter in series.missing):
        numbers = ", ".join(str(counter) for counter in series.missing)
        missing = f" (the series lacks patch {numbers})"
    subject = printable(patch.subject, 80)
    return DoesNotApplyError(f"{which} '{subject}' does not apply to {where}: {reason}{missing}")
