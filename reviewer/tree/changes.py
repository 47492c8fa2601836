"""Says what differs between two trees: which files, and which lines of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reviewer.model.errors import BadInputError
from reviewer.series.hunks import LineRange
from reviewer.tree.command import Git

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_DIFF = ("diff-tree", "-r", "-M", "-z", "--raw", "-p", "-U0", "--no-abbrev", "--full-index")
_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all", "-O/dev/null")


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file that differs.

    ``status`` is git's: A added, M modified, D deleted, R renamed, T another kind of entry (a
    file became a symbolic link). ``added`` are lines of the new file, ``removed`` of the old
    one. A deletion leaves no line: ``touched`` has, for each hunk, the lines of the new file
    that stand in its place, or the line before the gap.
    """

    old_path: str
    new_path: str
    status: str
    added: tuple[LineRange, ...]
    removed: tuple[LineRange, ...]
    touched: tuple[LineRange, ...]

    @property
    def path(self) -> str:
        """Where the file is after the patch; where it was, if it is gone."""
        return self.new_path or self.old_path


def find_changes(git: Git, before: str, after: str) -> tuple[ChangedFile, ...]:
    """Return the files that differ between two trees, by path in the order of git.

    Raises:
        BadInputError: git cannot compare them.
    """
    if before == after:
        return ()
    out = git.run(*_DIFF, *_PLAIN, before, after).out
    raw, _, text = out.partition(b"\0\0")
    fields = raw.removesuffix(b"\0").split(b"\0")
    sections = _split_sections(text)
    changes: list[ChangedFile] = []
    at = section = 0
    while at < len(fields):
        status = fields[at].rsplit(b" ", 1)[-1][:1].decode()
        two_names = status in "RC"
        old = fields[at + 1].decode("utf-8", "surrogateescape")
        new = fields[at + 2].decode("utf-8", "surrogateescape") if two_names else old
        at += 3 if two_names else 2
        taken = 2 if status == "T" else 1  # shown as a deletion and an addition
        hunks = [hunk for part in sections[section : section + taken] for hunk in part]
        section += taken
        changes.append(_changed_file(status, old, new, hunks))
    if section != len(sections):
        raise BadInputError(f"git shows {len(sections)} differences where it lists {section}")
    return tuple(changes)


def _split_sections(text: bytes) -> list[list[tuple[int, int, int, int]]]:
    r"""Return per file the hunks as (old start, old count, new start, new count).

    Without context every line of a hunk starts with ``+``, ``-`` or ``\``, so that a header
    cannot be feigned by what a file holds.
    """
    sections: list[list[tuple[int, int, int, int]]] = []
    for line in text.split(b"\n"):
        if line.startswith(b"diff --git "):
            sections.append([])
        elif line.startswith(b"@@ "):
            match = _HUNK.match(line)
            if match is None:
                raise BadInputError("git shows a difference that cannot be read")
            start, count, new_start, new_count = match.groups()
            numbers = (int(start), int(count or 1), int(new_start), int(new_count or 1))
            sections[-1].append(numbers)
    return sections


def _changed_file(
    status: str, old: str, new: str, hunks: list[tuple[int, int, int, int]]
) -> ChangedFile:
    added = tuple(LineRange(at, at + n - 1) for _, _, at, n in hunks if n)
    removed = tuple(LineRange(at, at + n - 1) for at, n, _, _ in hunks if n)
    touched = tuple(
        LineRange(at, at + n - 1) if n else LineRange(max(at, 1), max(at, 1))
        for _, _, at, n in hunks
    )
    return ChangedFile(
        old_path="" if status == "A" else old,
        new_path="" if status == "D" else new,
        status=status,
        added=added,
        removed=removed,
        touched=() if status == "D" else touched,
    )
