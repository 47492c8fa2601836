"""The real git, asked about one mail or one mailbox, with nobody's settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

GIT_ENV = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.devnull,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CEILING_DIRECTORIES": "/",
    "GIT_AUTHOR_NAME": "A Tester",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A Tester",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_COMMITTER_DATE": "1000000000 +0000",
}


@dataclass(frozen=True)
class GitMailinfo:
    """What ``git mailinfo`` printed and wrote; ``failed`` if it gave the mail up."""

    failed: bool
    author: bytes
    email: bytes
    subject: bytes
    date: bytes
    message: bytes
    patch: bytes


def _field(output: bytes, name: bytes) -> bytes:
    prefix = name + b": "
    found = [line[len(prefix) :] for line in output.split(b"\n") if line.startswith(prefix)]
    return b"\n".join(found)


@pytest.fixture(scope="session")
def git_mailinfo(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., GitMailinfo]:
    folder = tmp_path_factory.mktemp("mailinfo")

    def ask(raw: bytes, *options: str) -> GitMailinfo:
        for name in ("message", "patch"):
            (folder / name).write_bytes(b"")
        done = subprocess.run(
            ["git", "mailinfo", *options, "message", "patch"],
            input=raw,
            capture_output=True,
            cwd=folder,
            env=GIT_ENV,
        )
        return GitMailinfo(
            done.returncode != 0,
            _field(done.stdout, b"Author"),
            _field(done.stdout, b"Email"),
            _field(done.stdout, b"Subject"),
            _field(done.stdout, b"Date"),
            (folder / "message").read_bytes(),
            (folder / "patch").read_bytes(),
        )

    return ask


@pytest.fixture(scope="session")
def git_mailsplit(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[bytes]]:
    def ask(data: bytes, options: Sequence[str] = ()) -> list[bytes]:
        """The messages git finds, without their envelope lines."""
        folder = tmp_path_factory.mktemp("mailsplit")
        (folder / "out").mkdir()
        (folder / "box").write_bytes(data)
        done = subprocess.run(
            ["git", "mailsplit", "-d8", "-b", *options, "-oout", "box"],
            capture_output=True,
            cwd=folder,
            env=GIT_ENV,
        )
        assert done.returncode == 0, done.stderr
        found = [path.read_bytes() for path in sorted((folder / "out").iterdir())]
        return [m[m.index(b"\n") + 1 :] if m.startswith(b"From ") else m for m in found]

    return ask


def _repository(repo: Path) -> Callable[..., bytes]:
    repo.mkdir()

    def run(*arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *arguments], input=stdin, capture_output=True, cwd=repo, env=GIT_ENV
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "-q", "-b", "master")
    return run


@pytest.fixture
def run_git(tmp_path: Path) -> Callable[..., bytes]:
    """Run git in ``tmp_path / "repo"``, which is made a repository first."""
    return _repository(tmp_path / "repo")


@pytest.fixture(scope="session")
def run_git_here(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Run git in a repository that all tests share: only for what leaves no trace."""
    return _repository(tmp_path_factory.mktemp("shared") / "repo")


@pytest.fixture(scope="session")
def peer() -> Callable[[str], Path]:
    """The unpacked source of a peer, fetched by tests/peers/fetch_peers.py."""

    def find(name: str) -> Path:
        given = os.environ.get("MM_REVIEWER_PEERS")
        if not given:
            pytest.skip("MM_REVIEWER_PEERS names no directory: run make test-kernel")
        missing = Path(given, f"{name}.missing")
        if missing.is_file():
            pytest.skip(f"{name} could not be fetched: {missing.read_text().strip()}")
        path = Path(given, name)
        assert path.is_dir(), f"MM_REVIEWER_PEERS={given} holds no {name}: run fetch_peers.py"
        return path

    return find
