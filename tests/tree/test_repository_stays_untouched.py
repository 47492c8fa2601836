"""The user's repository is byte-identical afterwards, and nothing of it ever runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.model.errors import DoesNotApplyError
from reviewer.tree.apply import apply_series
from reviewer.tree.baseline import find_base
from reviewer.tree.repo import open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


def fingerprint(root: Path) -> dict[str, tuple[object, ...]]:
    """Return all that can be seen of every file: bytes, mode, times of change and of data."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        if path.is_symlink():
            data = bytes(path.readlink())
        else:
            data = path.read_bytes() if path.is_file() else b""
        times = (status.st_mtime_ns, status.st_ctime_ns)
        key = str(path.relative_to(root))
        seen[key] = (status.st_mode, status.st_ino, times, hashlib.sha256(data).hexdigest())
    return seen


def review_it(root: Path, cache_dir: Path, lab: Lab, *diffs: bytes) -> None:
    """Do all that a review does to a tree, the failures too."""
    with open_tree(root, cache_dir=cache_dir) as tree:
        series = lab.series(*diffs)
        base = find_base(tree, series)
        applied = apply_series(tree, base.commit, series)
        assert [step.how for step in applied.steps] == ["exact", "exact"]
        for snapshot in (applied.base, applied.end):
            snapshot.grep_words(["page_mapcount"])
            for path in snapshot.iter_paths():
                snapshot.read(path)
        with pytest.raises(DoesNotApplyError):
            apply_series(tree, base.commit, lab.series(diffs[0], diffs[0]))


def make_dirty(lab: Lab) -> None:
    """Leave staged, unstaged, deleted, untracked and touched files."""
    lab.replace("mm/util.c", "return 0", "return staged")
    lab.git("add", "-f", "mm/util.c")
    lab.replace("mm/rmap.c", "line_1(", "unstaged(")
    lab.write({"mm/untracked.c": "int untracked;\n"})
    (lab.root / "Makefile").unlink()
    os.utime(lab.root / "fs/proc/page.c", (1, 1))


def two_diffs(lab: Lab) -> tuple[bytes, ...]:
    return lab.diff(
        lambda: lab.replace("mm/rmap.c", "line_7(", "line_seven("),
        lambda: lab.write({"mm/new.c": "int page_mapcount;\n"}),
    )


def test_a_dirty_checkout(lab: Lab, cache_dir: Path) -> None:
    diffs = two_diffs(lab)
    make_dirty(lab)
    status = lab.git("status", "--porcelain=v2", "--branch")
    before = fingerprint(lab.root)
    review_it(lab.root, cache_dir, lab, *diffs)
    assert fingerprint(lab.root) == before
    assert lab.git("status", "--porcelain=v2", "--branch") == status
    assert "mm/untracked.c" in lab.git("status", "--porcelain", "--ignored")


def test_a_packed_repository_that_has_the_results_already(lab: Lab, cache_dir: Path) -> None:
    diffs = two_diffs(lab)
    lab.git("repack", "-q", "-a", "-d", "-k")
    assert list((lab.root / ".git/objects/pack").glob("*.pack"))
    before = fingerprint(lab.root)
    review_it(lab.root, cache_dir, lab, *diffs)
    assert fingerprint(lab.root) == before


def test_a_worktree_and_the_repository_it_belongs_to(
    lab: Lab, tmp_path: Path, cache_dir: Path
) -> None:
    diffs = two_diffs(lab)
    topic = tmp_path / "topic"
    lab.git("worktree", "add", "-q", "-b", "topic", str(topic))
    make_dirty(lab)
    before = fingerprint(lab.root), fingerprint(topic)
    worktrees = lab.git("worktree", "list", "--porcelain")
    review_it(topic, cache_dir, lab, *diffs)
    assert (fingerprint(lab.root), fingerprint(topic)) == before
    assert lab.git("worktree", "list", "--porcelain") == worktrees


def test_a_bare_repository(lab: Lab, tmp_path: Path, cache_dir: Path) -> None:
    diffs = two_diffs(lab)
    bare = tmp_path / "linux.git"
    lab.git("clone", "-q", "--bare", str(lab.root), str(bare))
    before = fingerprint(bare)
    review_it(bare, cache_dir, lab, *diffs)
    assert fingerprint(bare) == before


def test_an_unpacked_tree(lab: Lab, tmp_path: Path, cache_dir: Path) -> None:
    diffs = two_diffs(lab)
    lab.git("worktree", "add", "-q", "-b", "topic", str(tmp_path / "unpacked"))
    (tmp_path / "unpacked/.git").unlink()
    before = fingerprint(tmp_path / "unpacked")
    review_it(tmp_path / "unpacked", cache_dir, lab, *diffs)
    assert fingerprint(tmp_path / "unpacked") == before


HOOKS = (
    "applypatch-msg pre-applypatch post-applypatch pre-commit post-checkout post-index-change"
    " reference-transaction fsmonitor-watchman post-rewrite pre-auto-gc update post-update"
)


def arm(lab: Lab, trap: Path) -> None:
    """Put the trap wherever git could be made to run a program from a repository."""
    hooks = lab.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS.split():
        (hooks / name).write_text(trap.read_text())
        (hooks / name).chmod(0o755)
    settings = {
        "core.hooksPath": str(hooks),
        "core.fsmonitor": str(trap),
        "core.pager": str(trap),
        "core.editor": str(trap),
        "core.sshCommand": str(trap),
        "core.askPass": str(trap),
        "core.gitProxy": str(trap),
        "core.alternateRefsCommand": str(trap),
        "credential.helper": str(trap),
        "diff.external": str(trap),
        "diff.evil.command": str(trap),
        "diff.evil.textconv": str(trap),
        "filter.evil.clean": str(trap),
        "filter.evil.smudge": str(trap),
        "filter.evil.process": str(trap),
        "filter.evil.required": "true",
        "merge.evil.driver": f"{trap} %A",
        "merge.default": "evil",
        "gpg.program": str(trap),
        "log.showSignature": "true",
        "pager.log": "true",
        "pager.grep": "true",
        "alias.rev-parse": f"!{trap}",
        "uploadpack.packObjectsHook": str(trap),
        "protocol.ext.allow": "always",
        "remote.evil.url": f"ext::{trap}",
        "remote.evil.promisor": "true",
        "remote.evil.vcs": "ext",
        "remote.evil.uploadpack": str(trap),
        "extensions.partialClone": "evil",
        "core.repositoryFormatVersion": "1",
        "gc.auto": "1",
        "gc.autoDetach": "false",
        "apply.whitespace": "error-all",
        "core.autocrlf": "true",
    }
    text = (lab.root / ".git/config").read_text()
    for name, value in settings.items():
        *section, key = name.split(".")
        quoted = f'[{section[0]} "{section[1]}"]' if section[1:] else f"[{section[0]}]"
        text += f'{quoted}\n\t{key} = "{value}"\n'
    (lab.root / ".git/config").write_text(text)
    (lab.root / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil text=auto\n")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a trace if it is run."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho ran >>{tmp_path}/trace\nexit 0\n")
    trap.chmod(0o755)
    return trap


def test_nothing_that_a_hostile_repository_configures_is_run(
    lab: Lab, tmp_path: Path, cache_dir: Path, trap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diffs = two_diffs(lab)
    merged = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "line_22(", "line_22x(")
    moved = lab.commit("so that the diff needs a merge")
    arm(lab, trap)
    trace = tmp_path / "trace"
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text((lab.root / ".git/config").read_text())
    monkeypatch.setenv("HOME", str(home))
    before = fingerprint(lab.root)
    review_it(lab.root, cache_dir, lab, *diffs)
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        (step,) = apply_series(tree, moved, lab.series(*merged)).steps
        assert step.how == "three-way merge"
        assert b"line_twenty(" in step.after.read("mm/rmap.c")
        assert b"line_22x(" in step.after.read("mm/rmap.c")
        assert tree.find_commit("deadbeef" * 5) is None  # a partial clone would fetch it
        assert tree.find_commit(":mm/rmap.c") is None  # the user's index
        tree.iter_tips()
    assert not trace.exists()
    assert fingerprint(lab.root) == before


def test_the_trap_works(lab: Lab, tmp_path: Path, trap: Path) -> None:
    lab.replace("mm/util.c", "return 0", "return 1")
    lab.commit()
    arm(lab, trap)
    config = (lab.root / ".git/config").read_text()
    (lab.root / ".git/config").write_text(config.replace("partialClone", "noop"))
    with pytest.raises(AssertionError):  # the trap is no filter: git gives up, after running it
        lab.git("diff", "HEAD~1")
    assert (tmp_path / "trace").exists()
