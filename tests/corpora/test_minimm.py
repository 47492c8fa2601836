"""minimm is C that a compiler accepts, before its demo series and after each patch of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.rulebook import find_data
from reviewer.tree.recipes import build_series, find_recipe, load_recipe
from reviewer.tree.repo import open_tree

CONFIGURATIONS = {
    "none": (),
    "thp": ("TRANSPARENT_HUGEPAGE",),
    "debug": ("TRANSPARENT_HUGEPAGE", "DEBUG_VM"),
    "pgflags": ("TRANSPARENT_HUGEPAGE", "DEBUG_VM", "DEBUG_VM_PGFLAGS"),
    "pgflags-no-thp": ("DEBUG_VM", "DEBUG_VM_PGFLAGS"),
}
SERIES = sorted(path.stem for path in (find_data("corpora") / "series").glob("minimm-*.toml"))
_FLAGS = ("-std=gnu11", "-fsyntax-only", "-ffreestanding", "-nostdinc", "-Iinclude")
_WARNINGS = ("-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")


def compile_tree(tree: Path, configuration: str) -> str:
    """Return what gcc says about every source file; empty if it accepts them all."""
    sources = sorted(str(path.relative_to(tree)) for path in tree.rglob("*.c"))
    assert len(sources) > 8
    macros = (f"-DCONFIG_{name}=1" for name in CONFIGURATIONS[configuration])
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    done = subprocess.run(
        [gcc, *_FLAGS, *_WARNINGS, *macros, *sources], cwd=tree, capture_output=True, text=True
    )
    return done.stderr or ("" if done.returncode == 0 else f"gcc: {done.returncode}")


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_minimm_compiles(minimm_dir: Path, configuration: str) -> None:
    assert compile_tree(minimm_dir, configuration) == ""


@pytest.mark.parametrize("name", SERIES)
def test_each_patch_of_a_series_compiles(
    name: str, minimm_dir: Path, tmp_path: Path, make_repository: Callable[..., Any]
) -> None:
    recipe = load_recipe(find_recipe(name))
    names = [str(p.relative_to(minimm_dir)) for p in minimm_dir.rglob("*") if p.is_file()]
    repository = make_repository(minimm_dir, recipe, names)
    repository.apply(build_series(minimm_dir, recipe, tmp_path))
    commits = repository.git("log", "--reverse", "--format=%H").split()
    assert len(commits) == 1 + len(recipe.patch)
    for commit in commits[1:]:
        repository.git("checkout", "-q", commit)
        for configuration in ("pgflags", "none"):
            assert compile_tree(repository.directory, configuration) == ""


def test_minimm_opens_as_a_tree(minimm_dir: Path, tmp_path: Path) -> None:
    with open_tree(minimm_dir, cache_dir=tmp_path) as tree:
        snapshot = tree.snapshot("HEAD")
        assert b"prep_compound_page" in snapshot.read("mm/page_alloc.c")


def test_only_pinned_readers_ask_for_the_map_count(minimm_dir: Path) -> None:
    callers = {
        str(path.relative_to(minimm_dir))
        for path in minimm_dir.rglob("*.c")
        if "page_mapcount(" in path.read_text()
    }
    assert callers == {"fs/proc/page.c", "fs/proc/task_mmu.c", "mm/page_idle.c"}
