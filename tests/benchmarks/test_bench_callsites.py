"""Every call site of the page-count helpers of 6.1 with its path to an entry point, timed.

The whole tree, from a git object store: cold (nothing kept), warm (a second process), and after
a patch to five files (a second tree in one process). Beside it ripgrep for the names, which is
the limit, and coccinelle on the call sites, in the unpacked tree: neither gives a path.
``make bench`` prints the table.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.tree.repo import open_tree

pytestmark = [pytest.mark.bench, pytest.mark.kernel]

NAMES = (
    "PageDoubleMap", "page_mapcount", "__page_mapcount", "compound_mapcount",
    "compound_mapcount_ptr", "total_mapcount", "folio_entire_mapcount", "folio_mapcount",
    "head_compound_mapcount",
)  # fmt: skip
RIPGREP = ("-w", "--no-ignore", "-g", "*.[ch]", "|".join(NAMES))
TOUCHED = ("mm/util.c", "mm/rmap.c", "mm/huge_memory.c", "fs/proc/page.c", "include/linux/mm.h")

OURS = """
import json, resource, sys, time
from pathlib import Path
start = time.perf_counter()
from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.reach import Reach
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.rulebook import load_vocabulary
from reviewer.tree.repo import open_tree
repository, cache, names, *commits = json.loads(sys.argv[1])
words, code, seconds = load_vocabulary(), None, []
with open_tree(Path(repository), cache_dir=Path(cache)) as tree:
    for commit in commits:
        source = tree.snapshot(commit)
        code = CodeBase(source, default_config(), Path(cache), also=names, like=code)
        graph = CallGraph(code)
        reach = Reach(graph, words)
        sites = {(f.path, call.line, name): f for name in names for f, call in graph.callers(name)}
        paths = [reach.find_path(function) for function in sites.values()]
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
memory += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([seconds, len(sites), sum(bool(p.what) for p in paths), memory // 1024]))
"""


def _ours(repository: Path, cache: Path, *commits: str) -> tuple[list[float], int, int, int]:
    question = json.dumps([str(repository), str(cache), NAMES, *commits])
    done = subprocess.run([sys.executable, "-c", OURS, question], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, sites, with_path, memory = json.loads(done.stdout)
    return seconds, sites, with_path, memory


def _git(repository: Path, *args: str, stdin: bytes | None = None, index: Path) -> str:
    who = {f"GIT_{role}_{key}": "x@example.org" for role in ("AUTHOR", "COMMITTER")
           for key in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(repository), *args],
        input=stdin,
        capture_output=True,
        check=True,
        env={**os.environ, **who, "GIT_INDEX_FILE": str(index)},
    )
    return done.stdout.decode().strip()


def _patched(repository: Path, root: Path, index: Path) -> str:
    """Commit a patch that moves the lines of the touched files and adds a function to each."""
    _git(repository, "read-tree", "HEAD", index=index)
    for number, path in enumerate(TOUCHED):
        added = f"\n\nstatic int bench_{number}(struct page *page);\n".encode()
        text = (root / path).read_bytes() + added
        blob = _git(repository, "hash-object", "-w", "--stdin", stdin=text, index=index)
        _git(repository, "update-index", "--cacheinfo", f"100644,{blob},{path}", index=index)
    tree = _git(repository, "write-tree", index=index)
    return _git(repository, "commit-tree", tree, "-p", "HEAD", "-m", "patch", index=index)


def _peer(command: list[str], root: Path) -> float | None:
    if shutil.which(command[0]) is None:
        return None
    start = time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return time.perf_counter() - start


def _spatch(root: Path, folder: Path) -> list[str]:
    """Coccinelle on the files that ripgrep finds: on the whole tree it takes minutes."""
    rule, groups = folder / "calls.cocci", folder / "groups"
    names = ", ".join(NAMES)
    rule.write_text(
        f"@calls@\nidentifier f = {{{names}}};\nposition p;\n@@\n* f@p(...)\n", encoding="utf-8"
    )
    if shutil.which("rg") is None:
        return ["rg"]
    listed = subprocess.run(
        ["rg", "-l", *RIPGREP, "."], cwd=root, capture_output=True, text=True, check=True
    )
    groups.write_text(listed.stdout.replace("\n", "\n\n"), encoding="utf-8")
    options = ["--very-quiet", "--no-includes", "-j", "2"]
    return ["spatch", *options, "--sp-file", str(rule), "--file-groups", str(groups)]


@pytest.fixture
def repository(
    kernel_6_1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Path]:
    """Import the unpacked tree into a bare repository of its own."""

    def make() -> Path:
        cache = tmp_path / "import"
        open_tree(kernel_6_1, cache_dir=cache).close()
        (found,) = cache.glob("trees/*/repo.git")
        return found

    return make


def test_call_sites_with_their_paths(
    kernel_6_1: Path,
    repository: Callable[[], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store, cache = repository(), tmp_path / "cache"
    after = _patched(store, kernel_6_1, tmp_path / "index")
    cold, sites, with_path, memory = _ours(store, cache, "HEAD")
    warm = min(_ours(store, cache, "HEAD")[0][0] for _ in range(3))
    (_, patched), sites_after, *_ = _ours(store, cache, "HEAD", after)
    assert 0 < with_path <= sites == sites_after
    rows = {
        "mm-review, cold, from git objects": cold[0],
        "mm-review, warm": warm,
        "mm-review, the same run on a patch to 5 files": patched,
        "ripgrep for the names (no calls, no paths)": _peer(
            ["rg", "-n", *RIPGREP, "."], kernel_6_1
        ),
        "coccinelle on ripgrep's files (no paths)": _peer(
            _spatch(kernel_6_1, tmp_path), kernel_6_1
        ),
    }
    with capsys.disabled():
        print(f"\n{sites} call sites, {with_path} with a path; at most {memory} MiB")  # noqa: T201 - the result
        for name, seconds in rows.items():
            shown = "not installed" if seconds is None else f"{seconds:8.2f} s"
            print(f"| {name:46} | {shown:>13} |")  # noqa: T201 - the result
