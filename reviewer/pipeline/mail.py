"""Answers about mail alone: the ledger of an archive, and what is wrong with a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from reviewer.model.codec import to_json
from reviewer.model.errors import BadInputError
from reviewer.model.facts import Skipped
from reviewer.pipeline.options import Progress
from reviewer.report.draftlint import Level, LintLine
from reviewer.report.draftlint import lint_file as lint_bytes
from reviewer.report.printable import printable
from reviewer.series.listing import TABLE_HEAD, LedgerFilter, SeriesEntry, make_row
from reviewer.series.read import iter_ledger
from reviewer.tree.repo import default_cache_dir

__all__ = ["LedgerFilter", "has_errors", "lint_file", "parse_since", "render_ledger"]


def parse_since(text: str) -> int:
    """Return the first second of a day written YYYY-MM-DD, in UTC; 0 for an empty text.

    Raises:
        BadInputError: it is no such date.
    """
    if not text:
        return 0
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise BadInputError(f"--since {text}: write the day as YYYY-MM-DD") from error


def render_ledger(
    source: Path | BinaryIO,
    wanted: LedgerFilter,
    output_format: str,
    input_format: str,
    cache_dir: Path | None,
    progress: Progress,
    skipped: Callable[[Skipped], None],
) -> Iterator[str]:
    """Yield the lines of the ledger: JSON objects as they are found, a table when all are.

    ``skipped`` is told of each message that could not be read.

    Raises:
        BadInputError: the archive cannot be read.
    """
    entries = iter_ledger(
        source,
        wanted=wanted,
        input_format=input_format,
        cache_dir=cache_dir or default_cache_dir(),
        progress=lambda done, _place: progress("messages", done, 0),
        skipped=skipped,
    )
    if output_format == "jsonl":
        for entry in entries:
            yield to_json(entry, indent=0).decode()
        return
    yield from _table(list(entries))


def _table(entries: Sequence[SeriesEntry]) -> Iterator[str]:
    rows = [TABLE_HEAD, *(tuple(printable(cell) for cell in make_row(e)) for e in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TABLE_HEAD))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip() + "\n"


def lint_file(path: Path) -> tuple[LintLine, ...]:
    """Return what a list would object to in a mail, or in each mail of an mbox.

    Raises:
        BadInputError: the file cannot be read.
    """
    try:
        return tuple(lint_bytes(path.read_bytes()))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}; name a mail") from error


def has_errors(lines: Sequence[LintLine]) -> bool:
    """Say whether one of the objections is an error."""
    return any(line.level is Level.ERROR for line in lines)
