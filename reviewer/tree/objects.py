"""Reads blobs and trees by id through one long-lived ``git cat-file --batch``."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from stat import S_IFDIR, S_IFREG
from typing import IO

from reviewer.model.errors import BadInputError
from reviewer.tree.command import Git, Process, Result

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RAW_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a directory: git's mode and the id of what it names."""

    mode: int
    id: str

    @property
    def is_directory(self) -> bool:
        """Say whether it names a tree."""
        return self.mode == S_IFDIR

    @property
    def is_file(self) -> bool:
        """Say whether it is a regular file: no symbolic link, no submodule."""
        return self.mode & 0o170000 == S_IFREG


def is_object_id(text: str) -> bool:
    """Say whether the text is a full object id in git's spelling."""
    return _ID.fullmatch(text) is not None


class ObjectReader:
    """Objects of one repository by id. May be used from several threads.

    Directories are kept once read: two trees of a series share all that no patch touched.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._directories: dict[str, dict[str, Entry]] = {}

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Return the object's type ("blob", "tree", "commit", "tag") and its bytes.

        Raises:
            KeyError: the repository does not have the object.
            BadInputError: git cannot read it.
        """
        if not is_object_id(object_id):
            raise KeyError(object_id)
        with self._lock:
            try:
                return self._ask(object_id)
            except (OSError, EOFError) as error:
                result = self._stop()
                reason = result.complaint if result else str(error)
                message = f"git cannot read object {object_id}: {reason}; run git fsck in the tree"
                raise BadInputError(message) from error
            except KeyError:
                raise
            except BaseException:
                self._stop()  # an answer half read would be taken for the next one's
                raise

    def read_named(self, object_id: str) -> bytes:
        """Return the bytes of an object that a tree names, so that it should be there.

        Raises:
            BadInputError: it is not: the clone is partial, or damaged.
        """
        try:
            return self.read(object_id)[1]
        except KeyError:
            raise BadInputError(
                f"the repository lacks object {object_id} or it is damaged: run git fsck in it;"
                " if it is a partial clone, fetch the rest with git fetch --refetch --no-filter"
            ) from None

    def directory(self, tree_id: str) -> dict[str, Entry]:
        """Return what the tree object names, in git's order.

        Raises:
            BadInputError: the repository does not have the object, though a tree names it.
        """
        known = self._directories.get(tree_id)
        if known is None:
            data = self.read_named(tree_id)
            known = parse_directory(data, len(tree_id) // 2)
            self._directories[tree_id] = known
        return known

    def has_tree(self, tree_id: str) -> bool:
        """Say whether the repository has a tree of this id."""
        try:
            return tree_id in self._directories or self.read(tree_id)[0] == "tree"
        except KeyError:
            return False

    def tree_of(self, object_id: str) -> str:
        """Return the id of the tree of a commit (or tag of one), or of the tree itself.

        Raises:
            KeyError: there is no such object, or it has no tree.
        """
        for _ in range(16):  # a tag may point at a tag; a longer chain is not meant
            kind, data = self.read(object_id)
            if kind == "tree":
                return object_id
            first = data.split(b"\n", 1)[0].decode("ascii", "replace").split(" ")
            if kind not in ("commit", "tag") or len(first) != 2:
                break
            object_id = first[1]
        raise KeyError(object_id)

    def close(self) -> None:
        """End the process; a later read starts another."""
        with self._lock:
            self._stop()

    def _ask(self, object_id: str) -> tuple[str, bytes]:
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch")
        process = self._process
        process.stdin.write(object_id.encode() + b"\n")
        process.stdin.flush()
        header = process.stdout.readline().split()
        if len(header) == 2 and header[1] == b"missing":
            raise KeyError(object_id)
        if len(header) != 3:
            raise EOFError("git cat-file ended")
        data = _read_exactly(process.stdout, int(header[2]) + 1)
        return header[1].decode(), data[:-1]

    def _stop(self) -> Result | None:
        process, self._process = self._process, None
        return process.close() if process else None


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("git cat-file ended in the middle of an object")
    return data


def parse_directory(data: bytes, id_bytes: int) -> dict[str, Entry]:
    """Return the entries of a raw tree object; names that are not UTF-8 keep their bytes."""
    entries: dict[str, Entry] = {}
    at = 0
    while at < len(data):
        match = _RAW_ENTRY.match(data, at)
        if match is None:
            raise BadInputError("a tree object is damaged: run git fsck in the tree")
        at = match.end() + id_bytes
        name = match[2].decode("utf-8", "surrogateescape")
        entries[name] = Entry(int(match[1], 8), data[match.end() : at].hex())
    return entries
