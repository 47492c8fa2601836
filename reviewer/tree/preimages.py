"""Reads from a series' diffs which blobs it was made on: their ``index`` lines. No git."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reviewer.series.hunks import parse_diff

_SECTION = re.compile(rb"^diff --git ", re.MULTILINE)
_INDEX = re.compile(rb"^index ([0-9a-f]{7,64})\.\.([0-9a-f]{7,64})", re.MULTILINE)
_BODY = re.compile(rb"^(?:@@ |GIT binary patch)", re.MULTILINE)


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


def _iter_sections(diff: bytes) -> Iterable[tuple[str, str, str]]:
    """Yield (old path, new path, old blob or "") for each file of a git diff."""
    starts = [match.start() for match in _SECTION.finditer(diff)]
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=True):
        section = diff[start:end]
        body = _BODY.search(section)
        index = _INDEX.search(section, 0, body.start() if body else len(section))
        files = parse_diff(section).files
        if len(files) != 1:
            continue
        blob = index[1].decode() if index and index[1].strip(b"0") else ""
        yield files[0].old_path, files[0].new_path, blob
