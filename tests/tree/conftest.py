"""Real git repositories with a tiny kernel in them, and series made from diffs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reviewer.model.series import Mail, Patch, PatchSeries
from reviewer.tree.repo import KernelTree, open_tree

RMAP = "".join(f"int line_{number}(void);\n" for number in range(1, 41))
FILES = {
    "Makefile": "VERSION = 6\n",
    "mm/rmap.c": RMAP,
    "mm/util.c": "int page_mapcount(struct page *page)\n{\n\treturn 0;\n}\n",
    "mm/damon/core.c": "int x_page_mapcount(void);\n",
    "include/linux/mm.h": "int page_mapcount(struct page *page);\n",
    "fs/proc/page.c": "int stable_page_flags(void *page)\n{\n\treturn page_mapped(page);\n}\n",
    "Documentation/mm.txt": "page_mapcount is a word here too\n",
    ".gitattributes": "*.c text eol=crlf filter=evil\n*.h text eol=crlf diff=evil\n",
    ".gitignore": "*\n",
}


class Lab:
    """A checkout with one commit of a tiny kernel, and what a test does to it."""

    def __init__(self, root: Path, template: Path | None = None) -> None:
        self.root = root
        self.clock = 1_700_000_000  # of the next commit
        if template is not None:
            shutil.copytree(template, root)
            return
        root.mkdir()
        self.git("init", "-q", "--template=", "-b", "master")
        # The attributes of the tree are there to be ignored by us; git itself would obey.
        (root / ".git/info").mkdir(exist_ok=True)
        (root / ".git/info/attributes").write_text("* !text !eol !filter !diff\n")
        self.write(FILES)
        self.commit("Linux 6.0")

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """Return what git says as text, without its last line end."""
        return self.run(*args, stdin=stdin).decode("utf-8", "surrogateescape").strip("\n")

    def run(self, *args: str, stdin: bytes = b"") -> bytes:
        """Run git for the test itself, away from the developer's own configuration."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "C",
            "GIT_COMMITTER_EMAIL": "c@example.org",
            "GIT_AUTHOR_DATE": f"{self.clock} +0000",
            "GIT_COMMITTER_DATE": f"{self.clock} +0000",
        }
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env=environment,
            input=stdin,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the checkout."""
        for name, text in files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace text in one file."""
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_bytes(text.replace(old, new, 1).encode())

    def commit(self, subject: str = "a commit") -> str:
        """Commit everything and return the commit."""
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def diff(self, *edits: Callable[[], object]) -> tuple[bytes, ...]:
        """Return the diffs that edits of the checkout make one after the other; undo all."""
        start = self.git("rev-parse", "HEAD")
        diffs = []
        for edit in edits:
            edit()
            self.git("add", "-A", "-f")
            diffs.append(self.run("diff", "--cached", "--binary", "-M", "HEAD"))
            self.commit("for the diff")
        self.git("reset", "-q", "--hard", start)
        return tuple(diffs)

    def series(
        self,
        *diffs: bytes,
        base_commit: str = "",
        date: int = 0,
        missing: tuple[int, ...] = (),
        prerequisites: tuple[str, ...] = (),
        subject: str = "",
    ) -> PatchSeries:
        """Return a series with one patch for each diff."""
        patches = []
        for counter, diff in enumerate(diffs, 1):
            name = subject or f"mm: step {counter}"
            title = f"[PATCH {counter}/{len(diffs)}] {name}"
            mail = Mail(f"p{counter}@example.org", title, "A", date, (), (), "", (), "")
            patches.append(Patch(mail, counter, len(diffs), name, "A", "", diff))
        return PatchSeries(
            msgid="cover@example.org",
            title="mm: steps",
            revision=1,
            expected=len(diffs),
            cover=None,
            patches=tuple(patches),
            missing=missing,
            base_commit=base_commit,
            prerequisites=prerequisites,
        )


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout every test starts from a copy of."""
    return Lab(tmp_path_factory.mktemp("template") / "linux").root


@pytest.fixture
def lab(tmp_path: Path, template: Path) -> Lab:
    """A checkout with one commit of a tiny kernel."""
    return Lab(tmp_path / "linux", template)


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    """A cache of the test's own."""
    return tmp_path / "cache"


@pytest.fixture
def tree(lab: Lab, cache_dir: Path) -> Iterator[KernelTree]:
    """The checkout, opened."""
    with open_tree(lab.root, cache_dir=cache_dir) as opened:
        yield opened
