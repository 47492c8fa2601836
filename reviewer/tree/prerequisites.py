"""Looks for the patches a series says it needs in the commits after its base."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reviewer.tree.repo import KernelTree

_PATCH_ID = re.compile(r"[0-9a-f]{40}")
_COMMITS = 500
_LOG = ("log", "--no-merges", f"--max-count={_COMMITS}")
_DIFF = ("-p", "--no-ext-diff", "--no-textconv", "--full-index", "--no-color")


@dataclass(frozen=True, slots=True)
class Prerequisites:
    """``last`` is the newest commit that is one of them, or the base; ``missing`` the rest."""

    last: str
    missing: tuple[str, ...]


def find_prerequisites(tree: KernelTree, base: str, needed: Sequence[str]) -> Prerequisites:
    """Look for patch ids (``prerequisite-patch-id``) and message ids between base and HEAD.

    A message id counts as found where a commit message names it (a ``Link:`` trailer).
    """
    head = tree.find_commit("HEAD")
    if head is None:
        return Prerequisites(base, tuple(needed))
    reach = f"{base}..{head}"
    by_patch_id: dict[str, str] = {}
    if any(_PATCH_ID.fullmatch(name) for name in needed):
        log = tree.git.run(*_LOG, *_DIFF, reach).out
        ids = tree.git.run("patch-id", "--stable", stdin=log).out.decode("ascii").split()
        by_patch_id = dict(zip(ids[::2], ids[1::2], strict=True))
    found: dict[str, str] = {}
    for name in needed:
        commit = by_patch_id.get(name, "")
        if not commit and name and not _PATCH_ID.fullmatch(name):
            options = ("--fixed-strings", f"--grep={name.strip('<>')}", "--format=%H")
            commit = tree.git.run(*_LOG, *options, reach).out.decode("ascii").partition("\n")[0]
        if commit:
            found[name] = commit
    missing = tuple(name for name in needed if name not in found)
    order = tree.git.run("rev-list", "--topo-order", reach).out.decode("ascii").split()
    last = next((commit for commit in order if commit in found.values()), base)
    return Prerequisites(last, missing)
