"""The seed re-enacted on minimm, and minimm as somebody's repository."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.tree.recipes import build_series, find_recipe, load_recipe

Run = Callable[..., subprocess.CompletedProcess[str]]
MINIMM = Path(__file__).resolve().parents[2] / "corpora" / "minimm"


@pytest.fixture(scope="session")
def seed_mbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build our re-enactment of the seed on minimm."""
    out = tmp_path_factory.mktemp("seed")
    return build_series(MINIMM, load_recipe(find_recipe("minimm-seed")), out)


@pytest.fixture(scope="session")
def seed_review(mm_review: Run, seed_mbox: Path) -> subprocess.CompletedProcess[str]:
    """Review the seed on minimm once, as JSON."""
    return mm_review("review", seed_mbox, "--tree", MINIMM, "--format", "json")


@pytest.fixture
def minimm_repo(tmp_path: Path) -> Path:
    """Make a git repository of minimm, with an edit not committed and a file not tracked."""
    repo = tmp_path / "linux"
    subprocess.run(["cp", "-a", str(MINIMM), str(repo)], check=True)
    git = ["git", "-C", str(repo), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-f", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "base"], check=True)
    with (repo / "mm" / "util.c").open("a") as file:
        file.write("/* not committed */\n")
    (repo / "notes.txt").write_text("mine\n")
    return repo
