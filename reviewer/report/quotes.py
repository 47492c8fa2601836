"""Which lines of a patch mail an answer stands under: its hunk, cut to what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from reviewer.model.finding import Finding, Origin
from reviewer.model.series import Patch

MOST_LINES = 8  # of a change that is quoted whole; of a longer one:
BEFORE, AFTER = 3, 1
LONGEST_LINE = 990  # RFC 5322 2.1.1, less the quote mark

_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$")


@dataclass(frozen=True, slots=True)
class Hunk:
    """A hunk as it stands in the mail. ``at`` is the index of its header among the body's lines.

    ``lines`` are without the header; ``numbers`` the line of each in the file after the
    patch (0 for a removed line).
    """

    path: str
    file_line: str  # the ``+++`` line as it stands there
    at: int
    header: str
    section: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """Lines to quote, exactly as in the mail; ``at`` orders the quotes of one mail.

    ``indices`` are the quoted lines of the hunk (its header stands before them), ``best`` is
    the one meant.
    """

    at: int
    path: str
    hunk: Hunk
    indices: tuple[int, ...]
    best: int

    @property
    def lines(self) -> tuple[str, ...]:
        """The hunk's header and the lines quoted of it."""
        return (self.hunk.header, *(self.hunk.lines[i] for i in self.indices))


def iter_hunks(body: str) -> Iterator[Hunk]:
    """Yield the hunks of a unified diff that stands anywhere in the text."""
    lines = body.split("\n")
    path, file_line, index = "", "", 0
    while index < len(lines):
        line = lines[index].rstrip("\r")
        if line.startswith("+++ "):
            name = line[4:].split("\t")[0]
            path, file_line = name.removeprefix("b/"), line
        match = _HUNK.match(line)
        if match is None:
            index += 1
            continue
        hunk = _read_hunk(lines, index, (path, file_line), match)
        yield hunk
        index += 1 + len(hunk.lines)


def _read_hunk(lines: list[str], at: int, file: tuple[str, str], match: re.Match[str]) -> Hunk:
    old = int(match[1]) if match[1] is not None else 1
    new = int(match[3]) if match[3] is not None else 1
    number = int(match[2])
    taken: list[str] = []
    numbers: list[int] = []
    for raw in lines[at + 1 :]:
        if old <= 0 and new <= 0 and not raw.startswith("\\"):
            break
        line = raw.rstrip("\r")
        mark = line[:1] or " "
        if mark not in " +-\\":
            break
        taken.append(line)
        numbers.append(number if mark in " +" else 0)
        old -= mark in " -"
        new -= mark in " +"
        number += mark in " +"
    return Hunk(*file, at, match[0], match[4].strip(), tuple(taken), tuple(numbers))


def find_quote(patch: Patch, finding: Finding, *, text: str | None = None) -> Quote | None:
    """Return what to quote of the patch's mail above an answer about the finding.

    The changed line meant is the one that adds the call of the path, the assertion, or the
    primary place; lacking all, the first changed line of a file of the path. None: the mail
    shows no hunk in a readable way (an attachment). ``text`` is looked at in place of the
    mail's body.
    """
    best: tuple[int, Hunk, int] | None = None
    hunks = tuple(iter_hunks(patch.mail.body if text is None else text))
    if not hunks:
        hunks = tuple(iter_hunks(patch.diff.decode("utf-8", "replace")))
    for hunk in hunks:
        for index, line in enumerate(hunk.lines):
            if line[:1] not in ("+", "-"):
                continue
            score = _score(finding, hunk, index)
            if best is None or score > best[0]:
                best = (score, hunk, index)
    if best is None:
        return None
    _, hunk, index = best
    first, end = _around(hunk, index)
    opening = _find_opening(hunk, index, finding.primary.function)
    chosen = (*(i for i in opening if i < first), *range(first, end))
    kept = tuple(i for i in chosen if len(hunk.lines[i].encode("utf-8", "replace")) <= LONGEST_LINE)
    return Quote(hunk.at, hunk.path, hunk, kept, index)


def _score(finding: Finding, hunk: Hunk, index: int) -> int:
    """How much the line is what the finding is about; 0 is a line elsewhere."""
    line, number = hunk.lines[index][1:], hunk.numbers[index]
    added = hunk.lines[index].startswith("+")
    steps = finding.call_path
    paths = {step.path for step in steps} | {finding.primary.path}
    score = 1 if hunk.path in paths else 0
    score += 1 if hunk.path == finding.primary.path else 0
    if not added:
        return score
    for step, callee in pairwise(steps):
        if step.path == hunk.path and _has_word(line, callee.function):
            score += 8 if _speaks_of(hunk, index, step.function) else 4
    if number == finding.primary.line and hunk.path == finding.primary.path:
        score += 5
    for evidence in finding.evidence:
        if hunk.path == evidence.path and _same(line, evidence.text):
            score += 12 if finding.origin is Origin.EXPOSED else 6
    if any(_has_word(line, step.function) for step in steps):
        score += 1
    return score


def _around(hunk: Hunk, index: int) -> tuple[int, int]:
    """Return the bounds of the changed lines around ``index``, with a line of context."""
    first = end = index
    while first > 0 and hunk.lines[first - 1][:1] in ("+", "-", "\\"):
        first -= 1
    while end + 1 < len(hunk.lines) and hunk.lines[end + 1][:1] in ("+", "-", "\\"):
        end += 1
    first, end = max(first - 1, 0), min(end + 2, len(hunk.lines))
    first += first < index and not hunk.lines[first].strip()
    end -= end > index + 1 and not hunk.lines[end - 1].strip()
    if end - first > MOST_LINES:
        first, end = max(first, index - BEFORE), min(end, index + AFTER + 1)
    return first, end


def _find_opening(hunk: Hunk, index: int, function: str) -> tuple[int, ...]:
    """Return the line above that begins the definition of a function the patch adds."""
    if not function or _has_word(hunk.section, function):
        return ()
    for above in range(index, -1, -1):
        text = hunk.lines[above][1:]
        if re.match(r"\w", text) and re.search(rf"(?<!\w){re.escape(function)}\(", text):
            return (above,)
    return ()


def _speaks_of(hunk: Hunk, index: int, function: str) -> bool:
    """Say whether the hunk names the function at or above the line."""
    above = (hunk.section, *hunk.lines[: index + 1])
    return any(_has_word(line, function) for line in above)


def _has_word(line: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line) is not None


def _same(line: str, text: str) -> bool:
    return bool(text.strip()) and " ".join(text.split()) in " ".join(line.split())
