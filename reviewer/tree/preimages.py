"""Reads from git diffs which files they name and which blobs they were made on. No git."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from reviewer.series.hunks import parse_diff

_SECTION = re.compile(rb"^diff --git ", re.MULTILINE)
_INDEX = re.compile(rb"^index ([0-9a-f]{7,64})\.\.([0-9a-f]{7,64})", re.MULTILINE)
_BODY = re.compile(rb"^(?:@@ |GIT binary patch)", re.MULTILINE)
_NAMED = re.compile(rb"^(?:---|\+\+\+|(?:rename|copy) (?:from|to)) ([^\t\r\n]+)", re.MULTILINE)
_SAME = re.compile(rb"^diff --git [^/\n]+/([^\n]{1,1000}) [^/\n]+/\1\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PreImage:
    """A file as a series found it: its path, and its blob id, mostly abbreviated."""

    path: str
    blob: str


def extract_preimages(diffs: Iterable[bytes]) -> tuple[PreImage, ...]:
    """Return the blobs that must exist before the first of the diffs, by path.

    What an earlier diff of the series made or changed is that series' own and is left out.
    """
    found: dict[str, str] = {}
    own: set[str] = set()
    for diff in diffs:
        for path, new_path, blob in _iter_sections(diff):
            if path and blob and path not in own:
                found.setdefault(path, blob)
            own.update((path, new_path))
    return tuple(PreImage(path, found[path]) for path in sorted(found))


def iter_blob_ids(diff: bytes) -> Iterator[str]:
    """Yield the (abbreviated) ids of the blobs the diff was made on."""
    for match in _INDEX.finditer(diff):
        if match[1].strip(b"0"):
            yield match[1].decode("ascii")


def extract_names(diff: bytes) -> tuple[str, ...]:
    """Return the paths the diff may name, as ``-p1`` sees them: too many rather than too few."""
    names: dict[bytes, None] = {}
    for match in _NAMED.finditer(diff):
        if match[0].startswith((b"---", b"+++")):
            names[match[1].strip(b'"').partition(b"/")[2]] = None
        else:
            names[match[1]] = None
    names.update((match[1], None) for match in _SAME.finditer(diff))
    return tuple(name.decode("utf-8", "surrogateescape") for name in names if name)


def _iter_sections(diff: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield (old path, new path, old blob or "") for each file of a git diff."""
    starts = [match.start() for match in _SECTION.finditer(diff)]
    for start, end in pairwise([*starts, len(diff)]):
        section = diff[start:end]
        body = _BODY.search(section)
        index = _INDEX.search(section, 0, body.start() if body else len(section))
        files = parse_diff(section).files
        if len(files) != 1:
            continue
        blob = index[1].decode() if index and index[1].strip(b"0") else ""
        yield files[0].old_path, files[0].new_path, blob
