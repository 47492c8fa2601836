"""Sets aside the findings that a reviewed file dismisses; says what it no longer dismisses.

The file is that of the tree the series is applied to, not of the series' own result: a patch
cannot dismiss what it brings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from reviewer.dismissals import FILE_NAME, parse_dismissals
from reviewer.model.dismissal import Dismissal, Dismissals, Dismissed
from reviewer.model.errors import BadInputError
from reviewer.model.finding import Finding
from reviewer.model.source import SourceTree
from reviewer.pipeline.options import Options


def find_today() -> date:
    """Return the date, in UTC; SOURCE_DATE_EPOCH stands in for the clock where it is set.

    Raises:
        BadInputError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        now = datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadInputError(
            f"SOURCE_DATE_EPOCH={given}: no number of seconds since 1970; correct or unset it"
        ) from error
    return now.date()


@dataclass(frozen=True, slots=True)
class Dismisser:
    """The entries that hold for one review, and the day they are read."""

    source: str
    entries: tuple[Dismissal, ...]
    today: date

    def sort_out(
        self, findings: Iterable[Finding]
    ) -> tuple[tuple[Finding, ...], tuple[Dismissed, ...]]:
        """Return the findings that stand, and those dismissed."""
        stand: list[Finding] = []
        dismissed: list[Dismissed] = []
        for finding in findings:
            by = next((e for e in self._holding() if e.covers(finding)), None)
            if by is None:
                stand.append(finding)
            else:
                dismissed.append(Dismissed(finding, by))
        return tuple(stand), tuple(dismissed)

    def account(self, stand: Iterable[Finding], dismissed: tuple[Dismissed, ...]) -> Dismissals:
        """Say what the entries did."""
        findings = (*stand, *(one.finding for one in dismissed))
        return Dismissals(
            source=self.source if self.entries else "",
            dismissed=tuple(sorted(dismissed, key=lambda d: (d.finding.primary, d.by.subject))),
            expired=tuple(e for e in self.entries if e.expired(self.today)),
            unused=tuple(e for e in self._holding() if not any(map(e.covers, findings))),
        )

    def _holding(self) -> tuple[Dismissal, ...]:
        return tuple(e for e in self.entries if not e.expired(self.today))


def load_dismisser(options: Options, tree: SourceTree) -> Dismisser:
    """Read the file the options name, else the one at the top of the tree, if it has one.

    Raises:
        BadInputError: it cannot be read, or is not what it must be.
    """
    path = options.dismissals
    if path is not None:
        try:
            name, data = path.name, path.read_bytes()
        except OSError as error:
            raise BadInputError(f"--dismissals {path}: {error.strerror}; name a file") from error
    elif tree.exists(FILE_NAME):
        name, data = FILE_NAME, tree.read(FILE_NAME)
    else:
        name, data = "", b""
    entries = parse_dismissals(data, name)
    today = options.today
    if today is None and any(entry.expires for entry in entries):
        today = find_today()
    return Dismisser(name, entries, today or date.min)
