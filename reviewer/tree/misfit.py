"""Says why a patch does not apply: the first hunk that fails, and where it would fit. No git."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from reviewer.model.source import SourceTree
from reviewer.tree.command import printable

_FAILED = re.compile(r"patch failed: (.*):(\d+)$", re.MULTILINE)
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
# A diff may be made to make us slow: lines that stand everywhere place nothing.
_COMMON = 50
_CANDIDATES = 20
_REBASE = "name the commit it was made on with --base, or ask for a rebase"


@dataclass(frozen=True, slots=True)
class Fit:
    """Where the lines of a hunk fit best: at which line, and how many of them agree there.

    ``differs`` is the first line that does not agree, 0 where all do. A line may lie before
    the start of the file or after its end.
    """

    line: int
    agree: int
    differs: int


def explain_misfit(before: SourceTree, diff: bytes, complaint: str) -> str:
    """Return one clause on why ``git apply`` refused the diff, and what to do.

    ``complaint`` is what it wrote to stderr; ``before`` the tree it was to be applied to.
    """
    failed = _FAILED.search(complaint)
    if failed is None:
        return _explain_refusal(complaint)
    path, line = failed[1], int(failed[2])
    place = f"{printable(path)}, hunk at line {line}"
    wanted = find_preimage(diff, path, line)
    if not wanted or not before.exists(path):
        return f"{place}; {_REBASE}"
    lines = before.read(path).split(b"\n")
    fit = find_fit(lines, wanted, line)
    if fit is None or fit.agree * 2 < len(wanted):
        return f"{place}: nothing like its {len(wanted)} lines is in the file; {_REBASE}"
    return f"{place}: {_describe(fit, len(wanted), line)}; {_REBASE}"


def _describe(fit: Fit, wanted: int, line: int) -> str:
    at, differs = max(fit.line, 1), max(fit.differs, 1)
    moved = at - line
    lines = f"{abs(moved)} line{'s' if abs(moved) > 1 else ''}"
    way = f"{lines} further {'down' if moved > 0 else 'up'}" if moved else "right there"
    if fit.agree == wanted:
        return f"would apply {way}, at line {at}"
    agree = f"{fit.agree} of {wanted} lines agree, line {differs} does not"
    return f"the nearest match is {way}, at line {at} ({agree})"


def _explain_refusal(complaint: str) -> str:
    """Put git's own words for a diff that never came to its hunks into one clause."""
    texts = [line.removeprefix("error: ").strip() for line in complaint.splitlines()]
    text = next((t for t in texts if t and not t.startswith("warning:")), "git refuses it")
    text = printable(text.removeprefix("fatal: "))
    if "invalid path" in text or "beyond a symbolic link" in text:
        return f"{text}: it names a path outside the tree; do not trust this patch"
    if "does not exist in index" in text:
        path = text.removesuffix(": does not exist in index")
        return f"there is no file {path} in the tree; {_REBASE}"
    if "already exists in index" in text:
        path = text.removesuffix(": already exists in index")
        return f"the file {path} that it adds is in the tree; {_REBASE}"
    if "corrupt" in text or "without header" in text or "No valid patches" in text:
        return f"its diff is damaged ({text}); fetch the mail again"
    return f"{text}; {_REBASE}"


def find_preimage(diff: bytes, path: str, line: int) -> list[bytes]:
    """Return the lines the hunk at ``line`` of ``path`` wants to find; empty if there is none."""
    name = path.encode("utf-8", "surrogateescape")
    lines = diff.split(b"\n")
    inside = False
    for number, text in enumerate(lines):
        if text.startswith(b"--- ") and lines[number + 1 : number + 2]:
            if lines[number + 1].startswith(b"+++ "):
                inside = _names(text, name)
        elif inside and (match := _HUNK.match(text)) and int(match[1]) == line:
            return _read_preimage(lines[number + 1 :], int(match[2] or 1))
    return []


def _names(header: bytes, name: bytes) -> bool:
    written = header[4:].split(b"\t")[0].rstrip(b"\r").strip(b'"')
    return written.partition(b"/")[2] == name


def _read_preimage(lines: list[bytes], count: int) -> list[bytes]:
    wanted: list[bytes] = []
    for text in lines:
        if len(wanted) == count:
            break
        if text[:1] in (b" ", b"-"):
            wanted.append(text[1:])
        elif not text:  # some mailers strip the blank of an empty context line
            wanted.append(b"")
    return wanted


def find_fit(lines: list[bytes], wanted: list[bytes], line: int) -> Fit | None:
    """Return where most of ``wanted`` stands in ``lines``, the nearest to ``line`` of the best.

    Lines are compared as they are. Places are proposed by lines that are not common in the
    file. None where no line of ``wanted`` agrees at any of them.
    """
    at: dict[bytes, list[int]] = {}
    for number, text in enumerate(lines, 1):
        at.setdefault(text, []).append(number)
    votes = Counter({line: 0})
    for offset, text in enumerate(wanted):
        places = at.get(text, [])
        if len(places) <= _COMMON:
            votes.update(number - offset for number in places)
    ranked = sorted(votes, key=lambda start: (-votes[start], abs(start - line)))
    fits = [_compare(lines, wanted, start) for start in (*ranked[:_CANDIDATES], line)]
    best = max(fits, key=lambda fit: (fit.agree, -abs(fit.line - line)))
    return best if best.agree else None


def _compare(lines: list[bytes], wanted: list[bytes], start: int) -> Fit:
    here = [
        lines[n - 1] if 0 < n <= len(lines) else None for n in range(start, start + len(wanted))
    ]
    agrees = [text == found for text, found in zip(wanted, here, strict=True)]
    differs = 0 if all(agrees) else start + agrees.index(False)
    return Fit(start, sum(agrees), differs)
