"""Every call site of the page-count helpers of 6.1 with its path to an entry point, timed.

``mm-review callers`` on the whole tree, from a git object store: cold (nothing kept), warm (a
second process), and after a commit to five files (a third). Beside it, in the unpacked tree,
ripgrep for the names, which is the limit, and coccinelle, ast-grep and semgrep for the call
sites in ripgrep's files: none of these gives a path. ``make bench`` prints the table.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
PROCESSES = 1 + (os.cpu_count() or 1)  # of ours, when much is to be extracted

COCCI = "@calls@\nidentifier f = {{{names}}};\nposition p;\n@@\n* f@p(...)\n"
AST_GREP = """
id: calls
language: c
rule:
  kind: call_expression
  has:
    field: function
    regex: ^({names})$
"""
SEMGREP = """
rules:
  - id: calls
    languages: [c]
    severity: INFO
    message: a call
    patterns:
      - pattern: $F(...)
      - metavariable-regex:
          metavariable: $F
          regex: ^({names})$
"""


@dataclass(frozen=True)
class Measured:
    """One run of a command: wall-clock and CPU seconds, its and its children's largest MiB."""

    seconds: float
    cpu: float
    memory: int
    output: bytes


def _measure(command: Sequence[str | Path], cwd: Path, scratch: Path) -> Measured:
    with scratch.open("w+b") as output, scratch.with_suffix(".err").open("w+b") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        assert process.returncode == 0, errors.read().decode()
        output.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return Measured(seconds, cpu, usage.ru_maxrss // 1024, output.read())


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


def _commit(repository: Path, root: Path, index: Path) -> None:
    """Commit a patch that moves the lines of the touched files and adds a function to each."""
    _git(repository, "read-tree", "HEAD", index=index)
    for number, path in enumerate(TOUCHED):
        added = f"\n\nstatic int bench_{number}(struct page *page) {{ return 0; }}\n".encode()
        text = (root / path).read_bytes() + added
        blob = _git(repository, "hash-object", "-w", "--stdin", stdin=text, index=index)
        _git(repository, "update-index", "--cacheinfo", f"100644,{blob},{path}", index=index)
    tree = _git(repository, "write-tree", index=index)
    commit = _git(repository, "commit-tree", tree, "-p", "HEAD", "-m", "patch", index=index)
    _git(repository, "update-ref", "HEAD", commit, index=index)


def _find_program(name: str) -> str | None:
    """Look beside the interpreter first, where pip puts what is measured here."""
    return shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)


class Peers:
    """Other programs on the same tree. Each answers None where it is not installed."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.scratch = root, scratch
        self.files: list[str] = []

    def _run(self, program: str, *args: str | Path) -> Measured | None:
        found = _find_program(program)
        if found is None or (program != "rg" and not self.files):
            return None
        return _measure([found, *args], self.root, self.scratch / program)

    def _rule(self, name: str, text: str, between: str) -> Path:
        path = self.scratch / name
        path.write_text(text.format(names=between.join(NAMES)), encoding="utf-8")
        return path

    def ripgrep(self) -> Measured | None:
        found = self._run("rg", "-n", *RIPGREP, ".")
        if found is not None:
            lines = found.output.decode("utf-8", "replace").splitlines()
            self.files = sorted({line.split(":", 1)[0].removeprefix("./") for line in lines})
        return found

    def coccinelle(self) -> Measured | None:
        rule = self._rule("calls.cocci", COCCI, ", ")
        groups = self.scratch / "groups"
        groups.write_text("\n\n".join(self.files), encoding="utf-8")
        options = ("--very-quiet", "--no-includes", "-j", "2", "--sp-file", rule)
        return self._run("spatch", *options, "--file-groups", groups)

    def ast_grep(self) -> Measured | None:
        rule = self._rule("calls.yml", AST_GREP, "|")
        ignored = [f"--no-ignore={kind}" for kind in ("vcs", "dot", "exclude")]
        return self._run("ast-grep", "scan", "--rule", rule, *ignored, "--json=stream", *self.files)

    def semgrep(self) -> Measured | None:
        rule = self._rule("semgrep.yml", SEMGREP, "|")
        options = ("--metrics=off", "--disable-version-check", "--no-git-ignore", "--quiet")
        return self._run("semgrep", "scan", *options, "--config", rule, "--json", *self.files)


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


def _sites(measured: Measured) -> list[dict[str, Any]]:
    return [caller for answer in json.loads(measured.output) for caller in answer["callers"]]


def _print(rows: dict[str, Measured | None], title: str) -> None:
    lines = [f"\n{title}", "| | seconds | of CPU |", "|---|---|---|"]
    for name, run in rows.items():
        shown = f"{run.seconds:.2f} | {run.cpu:.2f}" if run else "not installed |"
        lines.append(f"| {name} | {shown} |")
    print("\n".join(lines))  # noqa: T201 - the result


def test_call_sites_with_their_paths(
    kernel_6_1: Path,
    repository: Callable[[], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store, cache = repository(), tmp_path / "cache"
    question: list[str | Path] = [
        sys.executable,
        "-m",
        "reviewer",
        "callers",
        *NAMES,
        "--tree",
        store,
    ]
    question += ["--cache-dir", cache, "--format", "json"]

    def ask() -> Measured:
        return _measure(question, tmp_path, tmp_path / "ours")

    cold = ask()
    warm = min((ask() for _ in range(3)), key=lambda run: run.seconds)
    _commit(store, kernel_6_1, tmp_path / "index")
    patched = ask()
    sites = _sites(cold)
    with_path = sum(bool(site["entry"]) for site in sites)
    assert 0 < with_path <= len(sites) == len(_sites(patched))
    assert warm.output == cold.output
    peers = Peers(kernel_6_1, tmp_path)
    rows = {
        "mm-review, cold, from git objects": cold,
        "mm-review, warm": warm,
        "mm-review, after a commit to 5 files": patched,
        "ripgrep for the names (no calls, no paths)": peers.ripgrep(),
        "coccinelle on ripgrep's files (no paths)": peers.coccinelle(),
        "ast-grep on ripgrep's files (no paths)": (structural := peers.ast_grep()),
        "semgrep on ripgrep's files (no paths)": peers.semgrep(),
    }
    with capsys.disabled():
        most = f"at most {cold.memory * PROCESSES} MiB in {PROCESSES} processes"
        _print(rows, f"{len(sites)} call sites, {with_path} with a path; {most}")
    if structural is not None:
        theirs = [json.loads(line) for line in structural.output.splitlines()]
        places = sorted((hit["file"], hit["range"]["start"]["line"] + 1) for hit in theirs)
        assert places == sorted((site["path"], site["line"]) for site in sites)
