"""Runs git in one directory, without the user's configuration. The only door to GitPython."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from subprocess import PIPE
from typing import IO

from reviewer.model.errors import BadInputError
from reviewer.tree.command import Result, printable
from reviewer.tree.environment import CONFIG, ENVIRONMENT, without_variables

# Without this, importing GitPython on a machine without git is an ImportError.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
from git import Git as GitCommand
from git.exc import GitCommandNotFound


class _Running:
    """A started git command."""

    def __init__(self, process: GitCommand.AutoInterrupt) -> None:
        self._process = process

    @property
    def stdin(self) -> IO[bytes]:
        stream: IO[bytes] = self._process.stdin
        return stream

    @property
    def stdout(self) -> IO[bytes]:
        stream: IO[bytes] = self._process.stdout
        return stream

    def close(self) -> Result:
        return self.finish(b"")

    def finish(self, data: bytes) -> Result:
        out, err = self._process.communicate(data)
        status: int = self._process.returncode
        return Result(status, out, err.decode("utf-8", "replace"))

    def kill(self) -> None:
        self._process.kill()
        self.close()


class GitDirectory:
    """Runs git with ``GIT_DIR`` set to one directory. Implements ``command.Git``."""

    def __init__(self, directory: Path, *, config: tuple[str, ...] = ()) -> None:
        self.directory = directory
        # Not the user's directory: no command may find anything by where it stands.
        self._command = GitCommand(str(directory if directory.is_dir() else directory.parent))
        self._options = [word for setting in (*CONFIG, *config) for word in ("-c", setting)]

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        index: Path | None = None,
        accept: Iterable[int] = (0,),
    ) -> Result:
        """Run ``git args`` to its end.

        Raises:
            BadInputError: the exit status is not in ``accept``.
        """
        result = self._start(args, index).finish(stdin)
        if result.status not in accept:
            reason = printable(result.complaint)
            message = f"git {args[0]} failed: {reason}; if the tree is damaged, run git fsck in it"
            raise BadInputError(message)
        return result

    def start(self, *args: str) -> _Running:
        """Start ``git args`` with pipes on both sides."""
        return self._start(args, None)

    def _start(self, args: tuple[str, ...], index: Path | None) -> _Running:
        environment = {**ENVIRONMENT, "GIT_DIR": str(self.directory)}
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        command = [*without_variables(environment), "git", "--no-pager", *self._options, *args]
        try:
            process = self._command.execute(
                command, istream=PIPE, as_process=True, env=environment, shell=False
            )
        except GitCommandNotFound as error:
            raise BadInputError("git cannot be run: install git 2.34 or newer") from error
        return _Running(process)
