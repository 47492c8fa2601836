"""Chooses the commit a series is applied to, and says why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from reviewer.model.review import Base
from reviewer.model.series import PatchSeries
from reviewer.tree.command import printable
from reviewer.tree.preimages import PreImage, extract_preimages
from reviewer.tree.prerequisites import find_prerequisites
from reviewer.tree.repo import KernelTree

# Bounds of the search, so that it ends within seconds on a full kernel history: commits that
# touch the series' files, days before the series was sent, and how many other branches.
_COMMITS = 3000
_DAYS = 400
_TIPS = 200
_BATCH = 100
_REVISION = re.compile(r"[\w.][\w./+-]{3,199}")


def find_base(tree: KernelTree, series: PatchSeries, given: str = "") -> Base:
    """Return the commit to apply the series to, and why that one.

    In this order: ``given`` (the user's ``--base``); the series' ``base-commit``, with its
    prerequisite patches where the tree has them; the newest commit on which the blobs exist
    that the diffs were made on, first in the history of HEAD, then of the other branches and
    tags; HEAD.

    Raises:
        BadInputError: ``given`` is unknown, or the tree has no HEAD.
    """
    named = series.base_commit
    if given:
        commit = tree.resolve(given)
        other = bool(named) and not commit.startswith(named.lower())
        note = f", though the series names base-commit {printable(named, 40)}" if other else ""
        return Base(commit, f"--base {printable(given, 80)}{note}")
    if named and _REVISION.fullmatch(named) and tree.find_commit(named) is not None:
        return _with_prerequisites(tree, tree.resolve(named), series)
    note = f"; base-commit {printable(named, 40)} is not in the tree" if named else ""
    head = tree.resolve("HEAD")
    wanted = extract_preimages(patch.diff for patch in series.patches)
    if not wanted:
        why = "the diffs name no blob" if named else "the series names no base and no blob"
        return Base(head, f"HEAD: {why}{note}")
    return _by_blobs(tree, head, wanted, series, note)


def _by_blobs(
    tree: KernelTree, head: str, wanted: Sequence[PreImage], series: PatchSeries, note: str
) -> Base:
    total = len(wanted)
    exist = f"all {total} pre-image blobs exist" if total > 1 else "the pre-image blob exists"
    there = _count(tree, [head], wanted)[0]
    lack = f"{there} of {total} pre-image blobs" if total > 1 else "not the pre-image blob"
    if tree.imported:
        if there == total:
            return Base(head, f"the unpacked tree, on which {exist}{note}")
        return Base(head, f"the unpacked tree: it has {lack}{note}{_needs(series)}")
    if there == total:
        return Base(head, f"HEAD, the newest commit on which {exist}{note}")
    found = _search(tree, [head], wanted, series)
    if found:
        return Base(found, f"newest commit on which {exist}{note}")
    tips = {commit: name for name, commit in tree.iter_tips()[:_TIPS] if commit != head}
    found = _search(tree, [*tips], wanted, series) if tips else ""
    if found:
        at = f" ({printable(tips[found], 80)})" if found in tips else ""
        return Base(found, f"newest commit off HEAD on which {exist}{at}{note}")
    return Base(head, f"HEAD: on no recent commit {exist}, HEAD has {lack}{note}{_needs(series)}")


def _needs(series: PatchSeries) -> str:
    count = len(series.prerequisites)
    return f"; the series needs {count} prerequisite patches first" if count else ""


def _with_prerequisites(tree: KernelTree, base: str, series: PatchSeries) -> Base:
    how = "base-commit trailer"
    if not series.prerequisites:
        return Base(base, how)
    found = find_prerequisites(tree, base, series.prerequisites)
    if not found.missing:
        count = len(series.prerequisites)
        return Base(found.last, f"{how} with its {count} prerequisite patches, this the last")
    names = ", ".join(printable(name, 40) for name in found.missing[:3])
    total = len(series.prerequisites)
    lacking = f"{len(found.missing)} of {total} prerequisite patches are not in the tree"
    return Base(base, f"{how}; {lacking} ({names}{', ...' if len(found.missing) > 3 else ''})")


def _search(
    tree: KernelTree, starts: list[str], wanted: Sequence[PreImage], series: PatchSeries
) -> str:
    """Return the first commit from ``starts`` back that has every blob, or "".

    A state of the files lasts from one commit that touches them to the next; it is enough to
    look at the starts and at the parents of the commits that touch one.
    """
    candidates = _iter_candidates(tree, starts, wanted, series)
    seen: set[str] = set()
    while batch := list(islice(candidates, _BATCH)):
        fresh = [commit for commit in dict.fromkeys(batch) if commit not in seen]
        seen.update(fresh)
        for commit, count in zip(fresh, _count(tree, fresh, wanted), strict=True):
            if count == len(wanted):
                return commit
    return ""


def _iter_candidates(
    tree: KernelTree, starts: list[str], wanted: Sequence[PreImage], series: PatchSeries
) -> Iterator[str]:
    yield from starts
    if tree.imported:
        return
    newest = tree.git.run("log", "--no-walk", "--format=%ct", *starts).out.split()
    latest = max(int(stamp) for stamp in newest)
    sent = min((p.mail.date for p in series.patches if p.mail.date > 0), default=latest)
    since = max(min(sent, latest) - _DAYS * 86400, 0)
    options = ("--full-history", "--date-order", f"--max-count={_COMMITS}", f"--since={since}")
    paths = [f":(literal){preimage.path}" for preimage in wanted]
    log = tree.git.run("log", "--format=%H %P", *options, *starts, "--", *paths)
    for line in log.out.decode("ascii").splitlines():
        yield from line.split()


def _count(tree: KernelTree, commits: list[str], wanted: Sequence[PreImage]) -> list[int]:
    """Return for each commit how many of the blobs it has at their paths."""
    safe = [preimage for preimage in wanted if "\n" not in preimage.path]
    asked = "".join(f"{commit}:{preimage.path}\n" for commit in commits for preimage in safe)
    request = asked.encode("utf-8", "surrogateescape")
    answer = tree.git.run("cat-file", "--batch-check=%(objectname)", stdin=request)
    names = iter(answer.out.decode("utf-8", "replace").split("\n"))
    return [sum(next(names).startswith(p.blob) for p in safe) for _ in commits]
