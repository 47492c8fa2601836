"""The unpacked kernel of Debian: imported, listed, searched, and patched."""

from __future__ import annotations

import difflib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.tree.apply import apply_series
from reviewer.tree.baseline import find_base
from reviewer.tree.repo import KernelTree, open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab

pytestmark = pytest.mark.kernel
HELPERS = ["PageDoubleMap", "compound_mapcount", "page_mapcount", "total_mapcount"]
SCOPE = ["mm/", "fs/proc/", "include/linux/"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def imported(kernel_6_1: Path, cache: Path) -> Iterator[KernelTree]:
    with open_tree(kernel_6_1, cache_dir=cache) as tree:
        yield tree


def test_every_file_of_the_kernel_is_there(imported: KernelTree, kernel_6_1: Path) -> None:
    on_disk = sorted(
        os.path.relpath(os.path.join(directory, name), kernel_6_1)  # noqa: PTH118 (80,000 files)
        for directory, _, names in os.walk(kernel_6_1)
        for name in names
        if not (Path(directory) / name).is_symlink()
    )
    snapshot = imported.snapshot("HEAD")
    assert list(snapshot.iter_paths()) == on_disk
    for path in on_disk[::500]:
        assert snapshot.read(path) == (kernel_6_1 / path).read_bytes()


def test_a_second_open_takes_the_stat_data_s_word(
    imported: KernelTree, kernel_6_1: Path, cache: Path
) -> None:
    said: list[str] = []
    started = time.monotonic()
    with open_tree(kernel_6_1, cache_dir=cache, progress=said.append) as again:
        assert again.resolve() == imported.resolve()
    assert said == []
    assert time.monotonic() - started < 20  # measured 1.5 s; an import takes 30


def test_a_search_finds_what_python_finds(imported: KernelTree) -> None:
    snapshot = imported.snapshot("HEAD")
    pattern = re.compile(rb"(?<![A-Za-z0-9_])(?:" + "|".join(HELPERS).encode() + rb")(?!\w)")
    sources = [path for path in snapshot.iter_paths(SCOPE) if path.endswith((".c", ".h"))]
    expected = tuple(path for path in sources if pattern.search(snapshot.read(path)))
    assert snapshot.grep_words(HELPERS, SCOPE) == expected
    everywhere = snapshot.grep_words(HELPERS)
    assert tuple(path for path in everywhere if path.startswith(tuple(SCOPE))) == expected
    assert any(path.startswith("arch/") for path in everywhere)


def make_diff(path: str, before: bytes, after: bytes) -> bytes:
    """Return a unified diff, as a mailer's user would make it."""
    old, new = (data.decode("latin-1").splitlines(keepends=True) for data in (before, after))
    return "".join(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")).encode("latin-1")


def make_diffs(tree: KernelTree, count: int) -> list[bytes]:
    """Return patches that touch files all over, each three, one after the other."""
    snapshot = tree.snapshot("HEAD")
    sources = [path for path in snapshot.iter_paths(SCOPE) if path.endswith(".c")]
    texts: dict[str, bytes] = {}
    diffs = []
    for number in range(count):
        diff = b""
        for path in (sources[number * 3 % 40], sources[number * 5 % 40 + 50], "mm/rmap.c"):
            before = texts.get(path) or snapshot.read(path)
            lines = before.split(b"\n")
            at = (number + 1) * len(lines) // (count + 2)
            lines[at:at] = [b"/* step %d */" % number]
            texts[path] = b"\n".join(lines)
            if path not in diff.decode("latin-1"):
                diff += make_diff(path, before, texts[path])
        diffs.append(diff)
    return diffs


def test_twenty_patches_give_the_trees_a_full_index_gives(
    imported: KernelTree, lab: Lab, tmp_path: Path
) -> None:
    diffs = make_diffs(imported, 20)
    series = lab.series(*diffs)
    base = find_base(imported, series)
    started = time.monotonic()
    applied = apply_series(imported, base.commit, series)
    taken = time.monotonic() - started
    assert taken < 30  # measured 1 s
    index = tmp_path / "index"
    imported.git.run("read-tree", applied.base.name, index=index)
    for diff, step in zip(diffs, applied.steps, strict=True):
        # The scratch repository borrows from the import in our cache: it may be written here.
        imported.git.run("apply", "--cached", stdin=diff, index=index)
        tree_id = imported.git.run("write-tree", index=index).out.decode().strip()
        assert step.after.name == tree_id
        assert {changed.path for changed in step.changed} >= {"mm/rmap.c"}
    started = time.monotonic()
    found = [step.after.grep_words(HELPERS) for step in applied.steps]
    assert found[-1] == applied.base.grep_words(HELPERS)
    assert time.monotonic() - started < 30
