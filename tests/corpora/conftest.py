"""Repositories that hold just the files a recipe touches, for ``git am`` to work on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from reviewer.rulebook import find_data
from reviewer.tree.recipes import Recipe

_WHO = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


class Repository:
    """A git repository of our own, cut off from the user's configuration."""

    def __init__(self, directory: Path, tree: Path, names: Iterable[str]) -> None:
        self.directory = directory
        directory.mkdir()
        self.git("init", "-q")
        for name in sorted(set(names)):
            if (tree / name).is_file():
                target = directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree / name, target)
        self.git("add", "-Af", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "base")

    def git(self, *args: str) -> str:
        kept = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *_WHO, *args],
            cwd=self.directory,
            env=kept | quiet,
            capture_output=True,
            text=True,
            errors="replace",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def apply(self, mbox: Path) -> list[str]:
        """Apply the patches of a mailbox; return the subjects, oldest first."""
        # a cover letter and a reply are mails without a patch
        self.git("am", "--empty=drop", str(mbox))
        return self.git("log", "--reverse", "--format=%s").splitlines()[1:]


MakeRepository = Callable[..., Repository]


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    def make(tree: Path, recipe: Recipe, names: Iterable[str] = ()) -> Repository:
        names = names or [edit.file for patch in recipe.patch for edit in patch.edit]
        return Repository(tmp_path / "repository", tree, names)

    return make


@pytest.fixture(scope="session")
def minimm_dir() -> Path:
    return find_data("corpora") / "minimm"
