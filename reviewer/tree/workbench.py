"""Applies one diff to a tree in an index that holds only the files the diff names.

New objects go to a repository of our own that borrows nothing. Were the user's objects its
alternate, git would refresh their times whenever it is about to write one that is there.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.tree.command import Process, Result, printable
from reviewer.tree.objects import Entry, is_object_id
from reviewer.tree.preimages import extract_names, iter_blob_ids
from reviewer.tree.repo import KernelTree
from reviewer.tree.snapshot import DEEPEST, Snapshot

# No fuzz: git demands every context line; only its line numbers may be off.
_APPLY = ("apply", "--cached", "-p1", "--whitespace=nowarn")
_ABSENT = re.compile(r"^error: (.*): does not exist in index$", re.MULTILINE)
_ANY_STATUS = (0, 1, 128)
_KINDS = {0o040000: "tree", 0o160000: "commit"}


class Workbench:
    """Makes the tree that a diff makes of another. Use it as a context manager."""

    def __init__(self, tree: KernelTree) -> None:
        self._tree = tree
        self._directory = tempfile.TemporaryDirectory(dir=tree.scratch, prefix="index-")
        self._index = Path(self._directory.name) / "index"
        self._copied: set[str] = set()
        self._mktree: Process | None = None

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._mktree is not None:
            self._mktree.close()
        self._directory.cleanup()

    def apply(self, before: Snapshot, diff: bytes) -> tuple[Result, str]:
        """Apply the diff exactly; return git's answer and the new tree's id, "" if refused."""
        return self._attempt(before, diff, ())

    def merge(self, before: Snapshot, diff: bytes) -> tuple[Result, str]:
        """Apply the diff as a three-way merge, where the blobs it was made on exist."""
        self._copy(self._find_blobs(iter_blob_ids(diff)))
        return self._attempt(before, diff, ("--3way",))

    def is_applied(self, before: Snapshot, diff: bytes) -> bool:
        """Say whether the tree already holds all that the diff does."""
        return self._attempt(before, diff, ("--check", "-R"))[0].status == 0

    def _attempt(
        self, before: Snapshot, diff: bytes, options: tuple[str, ...]
    ) -> tuple[Result, str]:
        """Run git apply on the files of ``before`` that matter to the diff.

        Which these are is first read from the diff. Should git see another name in it, the
        file is added and the attempt made again, so that the small index decides nothing.
        """
        held: dict[str, Entry] = {}
        for name in extract_names(diff):
            held.update(before.find_entries(name))
        writer = self._tree.writer
        while True:
            self._fill_index(held)
            result = writer.run(
                *_APPLY, *options, stdin=diff, index=self._index, accept=_ANY_STATUS
            )
            named = _ABSENT.findall(result.err)
            after = {}
            if result.status == 0:
                after = self._read_index()
                named += [path for path in after if path not in held]
            more = {}
            for name in named:
                more.update(before.find_entries(name))
            if more.keys() <= held.keys():
                break
            held.update(more)
        if result.status or "--check" in options:
            return result, ""
        deep = next((path for path in after if path.count("/") > DEEPEST), "")
        if deep:
            return Result(1, b"", f"error: invalid path '{deep}', it is too deep"), ""
        changes = {path: after.get(path) for path in held.keys() | after.keys()}
        changes = {path: entry for path, entry in changes.items() if held.get(path) != entry}
        return result, self._write_tree(before.name, changes)

    def _fill_index(self, held: Mapping[str, Entry]) -> None:
        self._copy(entry.id for entry in held.values() if entry.mode != 0o160000)
        self._index.unlink(missing_ok=True)
        lines = [f"{entry.mode:o} {entry.id}\t{path}\0" for path, entry in held.items()]
        listing = "".join(lines).encode("utf-8", "surrogateescape")
        self._tree.writer.run(
            "update-index", "-z", "--index-info", stdin=listing, index=self._index
        )

    def _read_index(self) -> dict[str, Entry]:
        listing = self._tree.writer.run("ls-files", "-s", "-z", index=self._index).out
        entries: dict[str, Entry] = {}
        for record in listing.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            words, _, path = record.partition("\t")
            mode, object_id, _ = words.split(" ")
            entries[path] = Entry(int(mode, 8), object_id)
        return entries

    def _find_blobs(self, names: Iterable[str]) -> list[str]:
        """Return the full ids of those abbreviated ids that name one blob of the tree."""
        request = "".join(f"{name}\n" for name in names).encode("ascii")
        form = "--batch-check=%(objecttype) %(objectname)"
        answer = self._tree.git.run("cat-file", form, stdin=request).out.decode("utf-8", "replace")
        lines = (line.split(" ") for line in answer.splitlines())
        return [words[1] for words in lines if words[0] == "blob" and len(words) == 2]

    def _copy(self, blobs: Iterable[str]) -> None:
        """Bring blobs to where git apply can read them."""
        wanted = [blob for blob in dict.fromkeys(blobs) if blob not in self._copied]
        if not wanted:
            return
        request = "".join(f"{blob}\n" for blob in wanted).encode("ascii")
        pack = self._tree.git.run("pack-objects", "-q", "--stdout", stdin=request).out
        self._tree.writer.run("unpack-objects", "-q", stdin=pack)
        self._copied.update(wanted)

    def _write_tree(self, tree_id: str, changes: Mapping[str, Entry | None]) -> str:
        """Return the id of the tree with some entries replaced, added, or (None) taken out."""
        if not changes:
            return tree_id
        entries = dict(self._tree.objects.directory(tree_id)) if tree_id else {}
        below: dict[str, dict[str, Entry | None]] = {}
        for path, entry in changes.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            elif entry is None:
                entries.pop(name, None)
            else:
                entries[name] = entry
        for name, deeper in below.items():
            old = entries.get(name)
            inner = self._write_tree(old.id if old and old.is_directory else "", deeper)
            entries.pop(name, None)
            if inner:
                entries[name] = Entry(0o040000, inner)
        return self._make_directory(entries) if entries else ""

    def _make_directory(self, entries: Mapping[str, Entry]) -> str:
        if self._mktree is None:
            self._mktree = self._tree.writer.start("mktree", "-z", "--missing", "--batch")
        lines = [
            f"{entry.mode:06o} {_KINDS.get(entry.mode, 'blob')} {entry.id}\t{name}\0"
            for name, entry in entries.items()
        ]
        data = "".join([*lines, "\0"]).encode("utf-8", "surrogateescape")
        name = ""
        with contextlib.suppress(BrokenPipeError):
            self._mktree.stdin.write(data)
            self._mktree.stdin.flush()
            name = self._mktree.stdout.readline().decode("ascii").strip()
        if not is_object_id(name):
            complaint = printable(self._mktree.close().complaint)
            self._mktree = None
            raise BadInputError(f"git mktree failed: {complaint}; is there room in TMPDIR?")
        return name
