"""One line of the ledger, and which lines a user wants to see.

The names of ``SeriesEntry`` are the names of the JSON that scripts rely on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from reviewer.series.record import MailRecord
from reviewer.series.reroll import Group


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """One revision of one series, as the ledger lists it.

    ``date`` is the head's, ISO 8601 in UTC (empty if unreadable). ``patches`` counts those held,
    borrowed ones of a partial reroll included; ``replies`` the mails that answer, ``reviewers``
    who sent them, the author aside. ``base_how`` is empty where only the tree can tell.
    ``in_reply_to``, ``completed_from``, ``supersedes`` and ``superseded_by`` are msgids of other
    series' heads. ``work`` is equal for the revisions of one work.
    """

    msgid: str
    title: str
    revision: int
    point: int
    expected: int
    missing: tuple[int, ...]
    base_commit: str
    base_how: str
    grouped_because: str
    author: str
    date: str
    patches: int
    replies: int
    reviewers: int
    fixups: int
    crashes: int
    rfc: bool
    resend: bool
    cover: bool
    prefixes: tuple[str, ...]
    change_id: str
    prerequisites: tuple[str, ...]
    in_reply_to: str
    completed_from: str
    supersedes: str
    superseded_by: str
    work: str
    paths: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Say whether no patch is missing."""
        return not self.missing and self.patches > 0

    @property
    def label(self) -> str:
        """Return what its subject's bracket said: ``RFC v3 20/20``."""
        point = f".{self.point}" if self.point else ""
        words = ["RFC"] * self.rfc + ["RESEND"] * self.resend + [f"v{self.revision}{point}"]
        return " ".join([*words, f"{self.patches}/{self.expected}"])


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which series to list; an empty member lets all through, several must all hold.

    ``since`` is the first second (epoch) of the head's date. ``author`` is a part of name or
    address, ``touching`` a file or a directory of the tree, ``uses`` an identifier on the
    hunks' lines; case counts in the latter two only. ``incomplete`` wants holes.
    """

    since: int = 0
    author: str = ""
    touching: str = ""
    uses: str = ""
    incomplete: bool = False

    def accepts(self, entry: SeriesEntry) -> bool:
        """Say whether the entry passes all but ``uses``, which the ledger itself asks."""
        if self.since and (not entry.date or entry.date < iso_date(self.since)):
            return False
        if self.author and self.author.casefold() not in entry.author.casefold():
            return False
        if self.incomplete and entry.complete:
            return False
        return not self.touching or any(self._touches(path) for path in entry.paths)

    def _touches(self, path: str) -> bool:
        wanted = self.touching.removeprefix("./").rstrip("/")
        return path == wanted or path.startswith(f"{wanted}/")


TABLE_HEAD = ("date", "series", "author", "title", "replies", "msgid")


def make_row(entry: SeriesEntry) -> tuple[str, ...]:
    """Return the entry as the cells of a table under ``TABLE_HEAD``; unescaped text of the mail."""
    replies = str(entry.replies)
    if entry.crashes:
        replies += (
            f" ({entry.crashes} crash)" if entry.crashes == 1 else f" ({entry.crashes} crashes)"
        )
    author = entry.author.split("<")[0].strip() or entry.author
    return (entry.date[:10], entry.label, author, entry.title, replies, entry.msgid)


def iso_date(seconds: int) -> str:
    """Return seconds since the epoch as ISO 8601 in UTC, empty for 0 or a year past 9999."""
    if not 0 < seconds < 253_402_300_800:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_entry(
    group: Group, records: Mapping[str, MailRecord], msgids: Mapping[str, str]
) -> SeriesEntry:
    """Make the entry of a group; ``msgids`` gives the msgid of any series' head by its key."""
    head = records[group.head]
    members = [records[key] for _, key in group.slots]
    borrowed = [records[key] for counter, key in group.borrowed if counter]
    patches = [record for record in members if record.key != _cover_key(group)] + borrowed
    replies = [records[attached.key] for attached in group.followups]
    base, how = find_base(group, members + [records[key] for _, key in group.borrowed])
    return SeriesEntry(
        msgid=msgids[group.head],
        title=group.title,
        revision=group.revision,
        point=group.point,
        expected=group.expected,
        missing=group.missing,
        base_commit=base,
        base_how=how,
        grouped_because=group.because,
        author=head.author,
        date=iso_date(head.date),
        patches=len(patches),
        replies=len(replies),
        reviewers=len({reply.sender for reply in replies} - {head.sender}),
        fixups=len(group.fixups),
        crashes=sum(bool(reply.crash) for reply in replies),
        rfc=group.rfc,
        resend=group.resend,
        cover=bool(_cover_key(group)),
        prefixes=head.subject.prefixes,
        change_id=_first(record.base.change_id for record in members),
        prerequisites=merge_prerequisites(members),
        in_reply_to=msgids.get(group.answers, ""),
        completed_from=msgids.get(group.completes, ""),
        supersedes=msgids.get(group.supersedes, ""),
        superseded_by=msgids.get(group.superseded_by, ""),
        work=msgids[group.lineage],
        paths=tuple(sorted({path for record in patches for path in record.paths})),
    )


def _cover_key(group: Group) -> str:
    return dict(group.slots).get(0, "")


def find_base(group: Group, members: Iterable[MailRecord]) -> tuple[str, str]:
    """Find the base-commit the mails of a group name, and say where it stands."""
    places = {key: counter for counter, key in (*group.borrowed, *group.slots)}
    for record in members:
        if record.base.base_commit:
            counter = places[record.key]
            where = f"patch {counter}" if counter else "the cover letter"
            return record.base.base_commit, f"base-commit in {where}"
    return "", ""


def merge_prerequisites(members: Iterable[MailRecord]) -> tuple[str, ...]:
    """Return the prerequisites of all mails of a series, in order, each once."""
    return tuple(dict.fromkeys(line for record in members for line in record.base.prerequisites))


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
