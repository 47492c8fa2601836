"""Runs git on a repository nobody vouches for: no hook, filter, pager, fetch or user setting.

series/ may not import tree/, where GitPython is; and for one blob a message, a
``cat-file --batch`` that stays open is what is fast.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from reviewer.model.errors import BadInputError

# Each of these would let the repository's own config start a program.
_SAFE_CONFIG = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "log.showSignature=false",
    "safe.directory=*",
)


def _git_environment(git_dir: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_DIR": str(git_dir.absolute()),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # a partial clone must not fetch, by whatever transport
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


class GitProcess:
    """A git that runs: its standard input and output, and what it complained of."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self._complaints = complaints
        self.stdin = process.stdin
        self.stdout = process.stdout

    def read_error(self) -> str:
        """Wait for git; its complaint in one line if it failed, else ""."""
        if self._process.wait() == 0:
            return ""
        self._complaints.seek(0)
        message = self._complaints.read(4096).decode("utf-8", "replace")
        return " ".join(message.split())[:300] or "git failed"


@contextmanager
def run_git(
    git_dir: Path, arguments: Sequence[str], stdin: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[GitProcess]:
    """Start ``git ARGUMENTS`` on a git directory; it is ended with the block.

    Raises ``BadInputError`` if there is no git.
    """
    git = shutil.which("git")
    if git is None:
        raise BadInputError(f"git is needed to read {git_dir} and was not found; install git")
    options = [part for setting in _SAFE_CONFIG for part in ("-c", setting)]
    # A file and not a pipe for what git complains of: nobody reads it before the end, and a
    # full pipe would stop git for ever.
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - a list of our own words, no shell
            [git, *options, *arguments],
            env=_git_environment(git_dir),
            cwd="/",
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        try:
            yield GitProcess(process, complaints)
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            if process.poll() is None:
                process.terminate()
            process.wait()
