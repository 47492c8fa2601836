"""Messages of a public-inbox archive, v1 or v2, read from its git repositories.

v2 is one repository an epoch; each commit holds one message as file ``m``, or as file ``d`` the
message it deletes. v1 is one repository with a file a message. Both are described in
public-inbox-v2-format(5) and public-inbox-v1-format(5).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Container, Iterator
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.series.gitprocess import GitProcess, run_git
from reviewer.series.rawmessage import LARGEST_MESSAGE, RawMessage, normalize_newlines

_V1_PATH = re.compile(rb"[0-9a-f]{2}/[0-9a-f]{38}")
# As many requests as surely fit into a pipe while nobody reads its other end.
_BATCH = 64


def find_epochs(path: Path) -> tuple[Path, ...]:
    """Find the git directories of a public-inbox, oldest epoch first; empty if it is none.

    ``path`` may be the inbox, its ``git`` directory, one epoch, or a v1 repository.
    """
    for folder in (path / "git", path):
        numbered = [p for p in folder.glob("*.git") if p.stem.isdigit() and _is_git_dir(p)]
        if numbered:
            return tuple(sorted(numbered, key=lambda p: int(p.stem)))
    for candidate in (path, path / ".git"):
        if _is_git_dir(candidate) and _holds_mail(candidate):
            return (candidate,)
    return ()


def _is_git_dir(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def _holds_mail(git_dir: Path) -> bool:
    """Whether the newest commit looks like one of public-inbox."""
    with run_git(git_dir, ["ls-tree", "-r", "--name-only", "HEAD"]) as process:
        names = [process.stdout.readline().rstrip(b"\n") for _ in range(3)]
    found = [name for name in names if name]
    return bool(found) and all(n in (b"m", b"d") or _V1_PATH.fullmatch(n) for n in found)


def iter_publicinbox(epochs: tuple[Path, ...], known: Container[str] = ()) -> Iterator[RawMessage]:
    """Yield each message that was not deleted, newest epoch first, in each the oldest first.

    A deletion may stand in a later epoch than its message, so going back in time needs no
    second pass and no memory of all messages. Origins in ``known`` are not read again.
    """
    deleted: set[bytes] = set()
    for git_dir in reversed(epochs):
        live = _list_messages(git_dir, deleted)
        name = git_dir.name if git_dir.name != ".git" else git_dir.parent.name
        wanted = [oid for oid in live if f"{name}:{oid.hex()}" not in known]
        yield from _read_blobs(git_dir, name, wanted)


def _list_messages(git_dir: Path, deleted: set[bytes]) -> list[bytes]:
    """Blob ids of the messages of one repository; its deletions are added to ``deleted``."""
    live: dict[bytes, None] = {}
    before = frozenset(deleted)
    with run_git(git_dir, ["rev-list", "--reverse", "HEAD"]) as commits:
        arguments = ["diff-tree", "--stdin", "--root", "-r", "--no-commit-id", "--no-renames"]
        with run_git(git_dir, arguments, commits.stdout) as changes:
            for line in changes.stdout:
                state, _, path = line.rstrip(b"\n").partition(b"\t")
                _, _, old, new, status = state.split(b" ")
                oid = bytes.fromhex((old if status == b"D" else new).decode("ascii"))
                if path == b"d" and status != b"D":
                    live.pop(oid, None)
                    deleted.add(oid)
                elif path == b"m" and status != b"D":
                    live[oid] = None
                elif _V1_PATH.fullmatch(path):
                    if status == b"D":
                        live.pop(oid, None)
                    else:
                        live[oid] = None
            error = changes.read_error() or commits.read_error()
    if error:
        raise BadInputError(f"cannot list the messages of {git_dir}: {error}")
    return [oid for oid in live if oid not in before]


def _read_blobs(git_dir: Path, name: str, oids: list[bytes]) -> Iterator[RawMessage]:
    if not oids:
        return
    arguments = ["cat-file", "--batch"]
    with run_git(git_dir, arguments, subprocess.PIPE) as process:
        assert process.stdin is not None
        for start in range(0, len(oids), _BATCH):
            batch = [oid.hex() for oid in oids[start : start + _BATCH]]
            try:
                process.stdin.write("".join(f"{oid}\n" for oid in batch).encode("ascii"))
                process.stdin.flush()
            except BrokenPipeError:
                pass  # what it still answers is read; the rest is said to be missing
            for oid in batch:
                yield _read_blob(process, f"{name}:{oid}")


def _read_blob(process: GitProcess, origin: str) -> RawMessage:
    """Read the answer to one request of ``cat-file --batch``."""
    words = process.stdout.readline().split()
    if len(words) != 3 or words[1] != b"blob":
        return RawMessage(origin, b"", "the repository lacks this message")
    size = int(words[2])
    if size > LARGEST_MESSAGE:
        left = size
        while left > 0 and (piece := process.stdout.read(min(left, 1 << 20))):
            left -= len(piece)
        data, error = b"", f"longer than {LARGEST_MESSAGE >> 20} MiB; not read"
    else:
        data = process.stdout.read(size)
        error = "" if len(data) == size else "git broke off in this message"
    process.stdout.read(1)
    return RawMessage(origin, normalize_newlines(data), error)
