"""Imports an unpacked source tree into a repository in the cache, reading only what changed.

The bytes of the files are taken as they are: no .gitignore, no attributes, no filters, no line
end conversion. A symbolic link is stored as one and never followed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reviewer.model.errors import BadInputError
from reviewer.tree.command import Git, printable
from reviewer.tree.scratch import write_whole

Progress = Callable[[str], None]
# Measured on linux 6.1: level 1 halves the time of level 6 and costs a fifth more disk.
IMPORT_CONFIG = ("core.compression=1", "fastimport.unpackLimit=0", "core.bigFileThreshold=64m")
_REF = "refs/heads/import"
_AUTHOR = "mm-reviewer <mm-reviewer@localhost> 0 +0000"
_HEADER = b"mm-reviewer import 1"
_EXISTS = ("cat-file", "-e")
_CHUNK = 1 << 20
_MOST_PACKS = 50  # every changed tree adds one, and each slows the reading


@dataclass(frozen=True, slots=True)
class Imported:
    """Where an unpacked tree was imported to: the repository and its one commit."""

    repository: Path
    commit: str


def import_tree(
    root: Path, place: Path, open_repository: Callable[[Path], Git], progress: Progress
) -> Imported:
    """Bring the repository that stands for ``root`` up to date and return it.

    ``place`` is the directory such repositories are kept in. A manifest beside the repository
    says what of the files' stat data it holds; it is replaced as the last step, so that an
    interrupted import counts as not done.

    Raises:
        BadInputError: the tree cannot be read, changes while it is, or git fails.
    """
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
    home = place / key
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home / "lock", progress):
            return _update(root, home, open_repository, progress)
    except OSError as error:
        name = printable(str(error.filename or root))
        raise BadInputError(
            f"importing {printable(str(root))} failed at {name}: {error.strerror};"
            " free room or allow access there"
        ) from error


def _update(
    root: Path, home: Path, open_repository: Callable[[Path], Git], progress: Progress
) -> Imported:
    repository = home / "repo.git"
    manifest = home / "manifest"
    now = dict(scan(root))
    records = b"".join([now[path] + b" " + path + b"\0" for path in now])
    commit, written = _read_manifest(manifest)
    if commit and open_repository(repository).run(*_EXISTS, commit, accept=(0, 1, 128)).status:
        commit, written = "", b""
    if commit and written == records:
        return Imported(repository, commit)
    if _clean(repository):
        commit, written = "", b""
    known = _parse_records(written)
    git = open_repository(repository)
    changed = [path for path, signature in now.items() if known.get(path) != signature]
    gone = [path for path in known if path not in now]
    progress(f"importing {printable(str(root))}: {len(changed)} files")
    new = _fast_import(root, git, commit, gone, changed, now, progress)
    if dict(scan(root)) != now:
        raise BadInputError(
            f"{printable(str(root))} changed while it was imported: try again when it is at rest"
        )
    write_whole(manifest, _HEADER + b" " + new.encode() + b"\0" + records)
    progress(f"importing {printable(str(root))}: done")
    return Imported(repository, new)


def _clean(repository: Path) -> bool:
    """Remove what an interrupted import left, and, after many small ones, all: then True."""
    for pattern in ("objects/pack/tmp_*", "fast_import_crash_*"):
        for left_over in repository.glob(pattern):
            left_over.unlink()
    if sum(1 for _ in repository.glob("objects/pack/*.pack")) >= _MOST_PACKS:
        shutil.rmtree(repository)
        return True
    return False


def scan(root: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield (path, stat signature) of every file and symbolic link, in a fixed order.

    What is named ``.git`` is no source and is left out, and so are devices, pipes and sockets.
    """
    top = os.fsencode(root)
    pending = [b""]
    while pending:
        directory = pending.pop()
        with os.scandir(top + b"/" + directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            path = directory + b"/" + entry.name if directory else entry.name
            if entry.name.lower() == b".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
                continue
            status = entry.stat(follow_symlinks=False)
            kind = _git_mode(status.st_mode)
            if kind:
                times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
                yield path, f"{kind} {status.st_size} {times}".encode()


def _git_mode(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "120000"
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    return ""


def _read_manifest(manifest: Path) -> tuple[str, bytes]:
    """Return the commit the files were imported as and their records, as they are written."""
    try:
        head, records = manifest.read_bytes().split(b"\0", 1)
    except (FileNotFoundError, ValueError):
        return "", b""
    if not head.startswith(_HEADER + b" "):
        return "", b""
    return head[len(_HEADER) + 1 :].decode("ascii"), records


def _parse_records(written: bytes) -> dict[bytes, bytes]:
    """Return the stat signatures by path; a last record that was cut off is left out."""
    known: dict[bytes, bytes] = {}
    for record in written.split(b"\0")[:-1]:
        *signature, path = record.split(b" ", 4)
        known[path] = b" ".join(signature)
    return known


def _fast_import(
    root: Path,
    git: Git,
    commit: str,
    gone: list[bytes],
    changed: list[bytes],
    signatures: dict[bytes, bytes],
    progress: Progress,
) -> str:
    """Write one parentless commit of the tree: what ``commit`` holds, less, plus."""
    base = git.run("rev-parse", f"{commit}^{{tree}}").out.strip() if commit else b""
    process = git.start("fast-import", "--quiet", "--done", "--force", "--depth=0")
    try:
        to = process.stdin
        to.write(f"commit {_REF}\nmark :1\ncommitter {_AUTHOR}\ndata 8\nimported\n".encode())
        to.write(b"deleteall\n")
        if base:
            to.write(b"M 040000 " + base + b' ""\n')
        for path in gone:
            to.write(b"D " + _quoted(path) + b"\n")
        last = time.monotonic()
        for count, path in enumerate(changed):
            _write_file(to, root, path, signatures[path])
            if time.monotonic() - last > 1:
                last = time.monotonic()
                progress(f"importing {printable(str(root))}: {count} of {len(changed)} files")
        to.write(b"\nget-mark :1\ndone\n")
        to.flush()
    except BrokenPipeError:
        message = printable(process.close().complaint)
        raise BadInputError(
            f"importing {printable(str(root))} failed: git fast-import: {message}"
        ) from None
    except BaseException:
        process.kill()
        raise
    result = process.close()
    if result.status:
        message = printable(result.complaint)
        raise BadInputError(f"importing {printable(str(root))} failed: git fast-import: {message}")
    return result.out.strip().decode("ascii")


def _write_file(to: IO[bytes], root: Path, path: bytes, signature: bytes) -> None:
    mode = signature.split(b" ", 1)[0]
    full = root / os.fsdecode(path)
    to.write(b"M " + mode + b" inline " + _quoted(path) + b"\n")
    if mode == b"120000":
        target = os.fsencode(os.readlink(full))  # noqa: PTH115 (a Path would tidy the text)
        to.write(b"data %d\n%s\n" % (len(target), target))
        return
    # O_NONBLOCK: what was a file when scanned may be a pipe by now.
    descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadInputError(f"{printable(str(root))} changed while it was imported: try again")
        to.write(b"data %d\n" % status.st_size)
        left = status.st_size
        while left:
            data = stream.read(min(left, _CHUNK))
            if not data:
                raise BadInputError(
                    f"{printable(str(root))} changed while it was imported: try again"
                )
            to.write(data)
            left -= len(data)
        to.write(b"\n")


def _quoted(path: bytes) -> bytes:
    if not path.startswith(b'"') and b"\n" not in path:
        return path
    escaped = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


@contextmanager
def _locked(file: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock file; two runs on one tree import it once."""
    with file.open("wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another import of the same tree")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
