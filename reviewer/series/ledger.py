"""An archive's mails read once into a ledger of series, kept on disk.

Reading stops and goes on anywhere; a later run reads only what is new. Grouping is done anew
from the light records whenever mails came in, so that the order of arrival cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from reviewer.model.series import Mail
from reviewer.series.attach import make_slug
from reviewer.series.hunks import is_patch
from reviewer.series.listing import LedgerFilter, SeriesEntry, make_entry
from reviewer.series.mailinfo import parse_patch
from reviewer.series.message import parse_mail
from reviewer.series.rawmessage import RawMessage
from reviewer.series.record import MailRecord, Role, find_words, make_record
from reviewer.series.reroll import Group, group_mails
from reviewer.series.store import LedgerStore
from reviewer.series.thread import DAY

_BATCH = 500  # messages kept at once; an interrupt loses at most these
_WIDEST = 10**12

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
            for message in messages:
                counts[0] += 1
                counts[self._add(message, run, keep_raw=keep_raw)] += 1
                if counts[0] % _BATCH == 0:
                    self.store.commit()
                    if progress is not None:
                        progress(counts[0], message.origin)
                    self.store.begin()
        finally:
            if counts[0] > count.read:
                self.store.keep_state("grouped", "")
            self.store.commit()
        return UpdateCount(counts[0], counts[1], counts[2], counts[3], count.gone)

    def _add(self, message: RawMessage, run: int, *, keep_raw: bool) -> int:
        """Keep one message; return 1 for a new mail, 2 for a copy, 3 for an unreadable one."""
        if message.error:
            self.store.mark_seen(message.origin, run, "", message.error)
            return 3
        mail = parse_mail(message.data)
        diff = find_diff(mail, message.data)
        record = make_record(mail, diff, message.origin)
        words = " ".join(find_words(diff)) if diff else ""
        raw = message.data if keep_raw else None
        self.store.mark_seen(message.origin, run, record.key)
        new = self.store.add_mail(
            record, _rank(mail, diff, message.data), words, find_tokens(record), raw
        )
        return 1 if new else 2

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


def find_diff(mail: Mail, raw: bytes) -> bytes | None:
    """Find the diff of a mail; the costly reading is left out where the text shows none."""
    shown = "@@ -" in mail.body or "diff --git " in mail.body
    if not shown and b"pplication/" not in raw:
        return None
    patch = parse_patch(mail, raw)
    return patch.diff if patch is not None and is_patch(patch.diff) else None


def _rank(mail: Mail, diff: bytes | None, raw: bytes) -> str:
    """Order the copies of one mail, the best highest: own From, whole diff, no list footer."""
    munged = " via " in mail.author
    size, body = len(diff or b""), _WIDEST - len(mail.body)
    return f"{not munged:d} {size:012d} {body:012d} {sha256(raw).hexdigest()}"


def find_tokens(record: MailRecord) -> Iterator[str]:
    """Yield what a mail shares with each mail it may have to be grouped with."""
    if record.msgid:
        yield f"m:{record.msgid}"
    for parent in record.parents:
        yield f"m:{parent}"
    if record.base.change_id:
        yield f"c:{record.base.change_id}"
    subject = record.subject
    member = record.role in {Role.COVER, Role.PATCH}
    if member or (record.role is Role.REPLY and record.parents == ()) or subject.tagged:
        yield f"t:{make_slug(subject.title)}"
    if not (member and subject.numbered):
        return
    if record.stem:
        yield f"r:{record.stem}"
    if not record.parents:
        numbers = f"{subject.revision}.{subject.point} {subject.expected} {subject.resend}"
        if not record.msgid:
            yield f"u:{numbers}"
            return
        day = record.date // DAY
        yield f"s:{record.sender} {numbers} {day}"
        yield f"s:{record.sender} {numbers} {day + 1}"
