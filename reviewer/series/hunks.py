"""Which files and lines a diff touches. The only importer of unidiff; applies nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchedFile, PatchSet

_IS_PATCH = re.compile(
    rb"^(?:diff --git [^\n]+\n(?:index |old mode |new file |deleted file |similarity "
    rb"|dissimilarity |rename |copy |--- )"
    rb"|--- [^\n]+\n\+\+\+ [^\n]+\n@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@)",
    re.MULTILINE,
)
_SIGNATURE = re.compile(rb"^-- ?\r?\n(?!\+\+\+ |@@ )", re.MULTILINE)
_ESCAPE = re.compile(r'\\([0-7]{3}|[abfnrtv"\\])')
_ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_NO_FILE = "/dev/null"


@dataclass(frozen=True, slots=True)
class LineRange:
    """Lines ``first`` to ``last``, both included, counted from 1."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class HunkLines:
    """One ``@@`` hunk: where it stands in both files, and which lines it takes and gives."""

    old_start: int
    old_length: int
    new_start: int
    new_length: int
    removed: tuple[LineRange, ...]  # in the old file
    added: tuple[LineRange, ...]  # in the new file
    section: str = ""  # the text behind the second @@: usually the function


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What a diff does to one file. ``old_path`` is "" for a new file, ``new_path`` for a removed.

    Paths are relative to the tree, without the ``a/`` and ``b/`` of the diff.
    """

    old_path: str
    new_path: str
    hunks: tuple[HunkLines, ...]
    binary: bool = False

    @property
    def path(self) -> str:
        """The path after the patch, or before it if the file is removed."""
        return self.new_path or self.old_path


@dataclass(frozen=True, slots=True)
class DiffFiles:
    """All files of a diff; ``problem`` says why some or all are missing, "" if none is."""

    files: tuple[FileDiff, ...]
    problem: str = ""


def is_patch(text: bytes) -> bool:
    """Whether ``text`` holds a diff that could apply, and not only a ``---`` line."""
    return _IS_PATCH.search(text) is not None


def parse_diff(diff: bytes) -> DiffFiles:
    """Read the files and hunks of a diff; text before, between and after them is skipped.

    Never raises: a diff that is cut off or damaged comes back with a problem.
    """
    whole = _parse(diff)
    first, *behind = _SIGNATURE.split(diff, maxsplit=1)
    if not whole.problem or not behind:
        return whole
    # What stands behind the signature may be prose that only looks like a diff. Were the "-- " a
    # removed line "- ", cutting there makes its hunk too short, and then nothing is won.
    part = _parse(first)
    if part.problem:
        return whole
    return DiffFiles(part.files, f"behind the signature: {whole.problem}")


def _parse(diff: bytes) -> DiffFiles:
    # Latin-1 keeps every byte, and split() keeps form feeds and lone CRs inside their lines.
    # No empty line at the end: it would pass for the last context line of a diff cut short.
    # Nor "\ No newline at end of file": it moves no line, and unidiff knows it in English and
    # right behind a hunk only.
    text = diff.decode("latin-1").removesuffix("\n")
    lines = [line + "\n" for line in text.split("\n") if not line.startswith("\\ ")]
    try:
        patched = PatchSet(lines)
    except (UnidiffParseError, ValueError) as error:
        return DiffFiles((), f"diff cannot be read: {str(error).strip()[:200]}")
    files: list[FileDiff] = []
    problem = ""
    for item in patched:
        old, new = _strip_prefix(item.source_file), _strip_prefix(item.target_file)
        if not (_is_inside(old) and _is_inside(new) and (old or new)):
            problem = f"diff names a path outside the tree: {(new or old)[:200]!r}"
            continue
        hunks = tuple(_extract_lines(hunk) for hunk in item)
        if not hunks and not item.patch_info and not item.is_binary_file:
            problem = f"no hunk that can be read for {(new or old)[:200]!r}"
        files.append(FileDiff(old, new, hunks, _is_binary(item)))
    return DiffFiles(tuple(files), problem)


def _is_binary(item: PatchedFile) -> bool:
    info = item.patch_info or ()
    return bool(item.is_binary_file) or any(line == "GIT binary patch\n" for line in info)


def _strip_prefix(name: str) -> str:
    """Undo git's quoting, then drop the first component, as ``patch -p1``; "" for /dev/null."""
    name = name.rstrip("\r\n")
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = _ESCAPE.sub(_unescape, name[1:-1])
    if name == _NO_FILE:
        return ""
    _, slash, rest = name.partition("/")
    path = rest if slash and not name.startswith("/") else name
    return path.encode("latin-1").decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 8) & 0xFF) if code.isdigit() else _ESCAPED.get(code, code)


def _is_inside(path: str) -> bool:
    return not path.startswith("/") and "\0" not in path and ".." not in path.split("/")


def _extract_lines(hunk: Hunk) -> HunkLines:
    return HunkLines(
        hunk.source_start,
        hunk.source_length,
        hunk.target_start,
        hunk.target_length,
        _join([line.source_line_no for line in hunk if line.is_removed]),
        _join([line.target_line_no for line in hunk if line.is_added]),
        hunk.section_header.rstrip("\r\n"),
    )


def _join(numbers: list[int | None]) -> tuple[LineRange, ...]:
    ranges: list[LineRange] = []
    for number in numbers:
        if number is None:
            continue  # unidiff numbers every added and removed line; its types do not say so
        if ranges and ranges[-1].last == number - 1:
            ranges[-1] = LineRange(ranges[-1].first, number)
        else:
            ranges.append(LineRange(number, number))
    return tuple(ranges)
