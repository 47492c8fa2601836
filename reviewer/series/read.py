"""One series out of any archive, or the ledger of all: the package's front door."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from reviewer.model.errors import BadInputError
from reviewer.model.facts import Skipped
from reviewer.model.series import PatchSeries
from reviewer.series.archive import iter_raw
from reviewer.series.assemble import assemble_series
from reviewer.series.damage import find_damage
from reviewer.series.folders import is_maildir
from reviewer.series.ledger import Ledger, Progress
from reviewer.series.listing import LedgerFilter, SeriesEntry, make_entry
from reviewer.series.publicinbox import find_epochs
from reviewer.series.rawmessage import RawMessage
from reviewer.series.record import MailRecord
from reviewer.series.reroll import Group, group_alone
from reviewer.series.select import find_by_msgid, parse_msgid, select_series
from reviewer.series.store import LedgerStore, closing_store

OnSkipped = Callable[[Skipped], None]


class _AllBut:
    """Every place but some: makes the archive's reader read those alone."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = frozenset(wanted)

    def __contains__(self, origin: object) -> bool:
        return origin not in self._wanted


def read_series(
    path: Path | BinaryIO,
    *,
    input_format: str = "auto",
    series: str = "",
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    skipped: OnSkipped | None = None,
) -> PatchSeries:
    """Read one series in one revision from an archive of any kind.

    Args:
        path: the archive, or a stream of it (standard input).
        input_format: what it is; "auto" looks.
        series: the Message-ID of one of its mails, or a part of its title that no other work
            has; then, and without it, the newest revision is meant.
        cache_dir: where the archive's ledger is kept, so that a later run reads only what is new.
        progress: called every few hundred messages with their number and the place.
        skipped: called for each message of the archive that could not be read.

    Raises:
        BadInputError: there is no patch, the choice is none or not clear, or a mail of the
            series is cut off.
    """
    ledger = open_ledger(path, input_format=input_format, cache_dir=cache_dir)
    with closing_store(ledger.store):
        keep = not ledger.store.lasting
        ledger.update(_reader(path, input_format), keep_raw=keep, progress=progress)
        errors = _tell_errors(ledger, skipped)
        group, entry = _choose(ledger, series, _name(path), errors)
        if errors and group.missing:
            origin, reason = errors[-1]
            raise BadInputError(
                f"{origin}: {reason}, and {entry.title!r} lacks patches; take the archive again"
            )
        return _assemble(ledger, group, entry, path, input_format)


def iter_ledger(
    path: Path | BinaryIO,
    *,
    wanted: LedgerFilter | None = None,
    input_format: str = "auto",
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    skipped: OnSkipped | None = None,
) -> Iterator[SeriesEntry]:
    """Yield the series of an archive that the filter lets through, oldest first.

    ``skipped`` is called for each message that could not be read.

    Raises:
        BadInputError: the archive cannot be read.
    """
    ledger = open_ledger(path, input_format=input_format, cache_dir=cache_dir)
    with closing_store(ledger.store):
        ledger.update(_reader(path, input_format), progress=progress)
        _tell_errors(ledger, skipped)
        for _, entry in ledger.iter_groups(wanted):
            yield entry


def open_ledger(
    path: Path | BinaryIO, *, input_format: str = "auto", cache_dir: Path | None = None
) -> Ledger:
    """Open the ledger of an archive, kept under ``cache_dir``; without it, for this run only."""
    if cache_dir is None or not isinstance(path, Path) or not _grows_only(path):
        return Ledger(LedgerStore(None))
    named = f"{input_format} {path.resolve()}".encode("utf-8", "surrogateescape")
    name = hashlib.sha256(named).hexdigest()
    ledger = Ledger(LedgerStore(cache_dir / "ledger" / f"{name[:24]}.sqlite"))
    if path.is_file():
        ledger.expect_growth(path)
    return ledger


def _grows_only(path: Path) -> bool:
    """Say whether a message once read stays as it is, so that a ledger of it may be kept.

    Patches in a directory are edited in place; a stream and a range of commits are read once.
    """
    return path.is_file() or (path.is_dir() and (is_maildir(path) or bool(find_epochs(path))))


def _reader(
    path: Path | BinaryIO, input_format: str
) -> Callable[[Container[str]], Iterable[RawMessage]]:
    if isinstance(path, Path):
        return lambda known: iter_raw(path, input_format, known)
    once: list[BinaryIO] = [path]

    def read(known: Container[str]) -> Iterable[RawMessage]:
        return iter_raw(once.pop(), input_format, known) if once else ()

    return read


def _tell_errors(ledger: Ledger, skipped: OnSkipped | None) -> list[tuple[str, str]]:
    errors = list(ledger.store.iter_errors())
    if skipped is not None:
        for origin, reason in errors:
            skipped(Skipped("series", origin, "", reason))
    return errors


def _choose(
    ledger: Ledger, series: str, name: str, errors: list[tuple[str, str]]
) -> tuple[Group, SeriesEntry]:
    rows = ledger.iter_groups
    wanted = parse_msgid(series)
    nothing = next(rows(), None) is None
    if nothing or (wanted and find_by_msgid(rows, wanted) is None):
        loose = list(islice(_iter_loose(ledger, wanted), 2))
        if len(loose) == 1:
            group = group_alone(loose[0])
            return group, make_entry(group, {group.head: loose[0]}, {group.head: loose[0].msgid})
    if nothing:
        _explain_nothing(ledger, errors)
    return select_series(rows, series, name)


def _iter_loose(ledger: Ledger, msgid: str) -> Iterator[MailRecord]:
    """Yield the mails with a diff that are no patch of a series; with ``msgid``, that one."""
    for records in ledger.store.iter_partitions():
        for record in records:
            if record.has_diff and msgid in {"", record.msgid, record.key}:
                yield record


def _explain_nothing(ledger: Ledger, errors: list[tuple[str, str]]) -> None:
    """Name the mail that would have been a patch, were it whole or readable.

    Raises:
        BadInputError: there is one.
    """
    if errors:
        raise BadInputError(f"{errors[-1][0]}: {errors[-1][1]}; no other message holds a patch")
    for records in ledger.store.iter_partitions():
        for record in records:
            raw = ledger.store.find_raw(record.key) if record.subject.tagged else None
            damage = find_damage(raw, b"") if raw and not record.subject.reply else ""
            if damage:
                raise BadInputError(
                    f"{record.origin}: {record.subject.title!r} is cut off or broken: {damage}; "
                    "take the mail from the list's archive again"
                )


def _name(path: Path | BinaryIO) -> str:
    return str(path) if isinstance(path, Path) else "standard input"


def _assemble(
    ledger: Ledger, group: Group, entry: SeriesEntry, path: Path | BinaryIO, input_format: str
) -> PatchSeries:
    older: list[Group] = []
    completes = group.completes
    while completes and (before := ledger.store.find_group(completes)) is not None:
        older.append(before)
        completes = before.completes
    attached = [*group.fixups, *group.followups]
    attached += [reply for before in older for reply in before.followups]
    keys = {key for _, key in (*group.slots, *group.borrowed)} | {a.key for a in attached}
    records = ledger.store.find_records(sorted(keys))
    kept = {key: raw for key in records if (raw := ledger.store.find_raw(key)) is not None}
    lost = {record.origin: key for key, record in records.items() if key not in kept}
    if lost and isinstance(path, Path):
        for message in iter_raw(path, input_format, _AllBut(lost)):
            if message.origin in lost and not message.error:
                kept[lost[message.origin]] = message.data
    for key, record in records.items():
        if key not in kept:
            raise BadInputError(f"{record.origin}: the message is gone; run again to read it anew")
    return assemble_series(group, entry, records, kept.__getitem__, tuple(older))
