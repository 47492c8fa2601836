"""An archive's mails read once into a ledger of series, kept on disk.

Reading stops and goes on anywhere; a later run reads only what is new. Grouping is done anew
from the light records whenever mails came in, so that the order of arrival cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from reviewer.series.digest import Digest, iter_digests
from reviewer.series.listing import LedgerFilter, SeriesEntry, make_entry
from reviewer.series.rawmessage import RawMessage
from reviewer.series.reroll import Group, group_mails
from reviewer.series.store import LedgerStore

_TAIL = 1 << 16  # bytes that must not have changed before what was appended
_BATCH = 500  # messages kept at once; an interrupt loses at most these

Progress = Callable[[int, str], None]
ReadArchive = Callable[[Container[str]], Iterable[RawMessage]]


@dataclass(frozen=True, slots=True)
class UpdateCount:
    """What one run brought: messages read, new mails, copies, unreadable ones, and those gone."""

    read: int = 0
    new: int = 0
    copies: int = 0
    unreadable: int = 0
    gone: int = 0


class _Known:
    """The places already read, asked by the archive's reader; each one asked for was met."""

    def __init__(self, store: LedgerStore, run: int) -> None:
        self._store, self._run = store, run

    def __contains__(self, origin: object) -> bool:
        return isinstance(origin, str) and self._store.meet(origin, self._run)


class Ledger:
    """The ledger of one archive, over a store."""

    def __init__(self, store: LedgerStore) -> None:
        self.store = store

    def expect_growth(self, file: Path) -> None:
        """Forget what was read of a file that did more than grow since."""
        status = file.stat()
        known = self.store.find_state("file").split()
        if known:
            size, changed, tail = int(known[0]), int(known[1]), known[2]
            same = (status.st_size, status.st_mtime_ns) == (size, changed)
            grown = status.st_size > size and _hash_tail(file, size) == tail
            if not (same or grown):
                self.store.forget_mails()
        tail = _hash_tail(file, status.st_size)
        self.store.keep_state("file", f"{status.st_size} {status.st_mtime_ns} {tail}")

    def update(
        self, read: ReadArchive, *, keep_raw: bool = False, progress: Progress | None = None
    ) -> UpdateCount:
        """Read what is new in the archive and forget what is gone from it.

        What was read is kept every few hundred messages, so that an interrupted run goes on
        where it stopped.
        """
        count = UpdateCount()
        while True:
            run = int(self.store.find_state("run") or "0") + 1
            self.store.keep_state("run", str(run))
            count = self._add_all(read(_Known(self.store, run)), run, keep_raw, progress, count)
            gone = self._drop_unmet(run)
            count = replace(count, gone=count.gone + gone)
            if not gone:
                return count

    def _drop_unmet(self, run: int) -> int:
        self.store.begin()
        gone = self.store.drop_unmet(run)
        if gone:
            self.store.keep_state("grouped", "")
        self.store.commit()
        return gone

    def _add_all(
        self,
        messages: Iterable[RawMessage],
        run: int,
        keep_raw: bool,
        progress: Progress | None,
        count: UpdateCount,
    ) -> UpdateCount:
        counts = [count.read, count.new, count.copies, count.unreadable]
        self.store.begin()
        try:
            for digest in iter_digests(messages, keep_raw=keep_raw):
                counts[0] += 1
                counts[self._add(digest, run)] += 1
                if counts[0] % _BATCH == 0:
                    self.store.commit()
                    if progress is not None:
                        progress(counts[0], digest.origin)
                    self.store.begin()
        finally:
            if counts[0] > count.read:
                self.store.keep_state("grouped", "")
            self.store.commit()
        return UpdateCount(counts[0], counts[1], counts[2], counts[3], count.gone)

    def _add(self, digest: Digest, run: int) -> int:
        """Keep one message; return 1 for a new mail, 2 for a copy, 3 for an unreadable one."""
        self.store.mark_seen(digest.origin, run, digest.key, digest.error)
        if digest.error:
            return 3
        return 1 if self.store.add_mail(digest) else 2

    def group(self) -> None:
        """Group what was read, unless nothing came in since it last was."""
        if self.store.find_state("grouped"):
            return
        self.store.begin()
        self.store.clear_series()
        for records in self.store.iter_partitions():
            by_key = {record.key: record for record in records}
            groups = group_mails(records)
            msgids = {group.head: by_key[group.head].msgid or group.head for group in groups}
            for group in groups:
                self.store.add_series(group, make_entry(group, by_key, msgids))
        self.store.keep_state("grouped", "yes")
        self.store.commit()

    def iter_groups(
        self, wanted: LedgerFilter | None = None
    ) -> Iterator[tuple[Group, SeriesEntry]]:
        """Yield the series the filter lets through, oldest first."""
        self.group()
        wanted = wanted or LedgerFilter()
        for group, entry in self.store.iter_series():
            if not wanted.accepts(entry):
                continue
            keys = [key for _, key in (*group.slots, *group.borrowed)]
            if not wanted.uses or self.store.uses_word(keys, wanted.uses):
                yield group, entry


def _hash_tail(file: Path, size: int) -> str:
    """Hash the last bytes of the first ``size`` of a file."""
    with file.open("rb") as stream:
        stream.seek(max(size - _TAIL, 0))
        return sha256(stream.read(min(size, _TAIL))).hexdigest()
