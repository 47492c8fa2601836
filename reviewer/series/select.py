"""Which series of an archive is meant, by Message-ID, by a part of its title, or by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from reviewer.model.errors import BadInputError
from reviewer.series.listing import SeriesEntry
from reviewer.series.reroll import Group

Row = tuple[Group, SeriesEntry]
Rows = Callable[[], Iterator[Row]]  # read anew each time: a ledger of years is not held in memory

_LISTED = 8  # as many as fit a line a person still reads
_URL = re.compile(r"https?://\S+?/([^/\s]+@[^/\s]+?)(?:/\S*)?$")


def select_series(rows: Rows, wanted: str, archive: str) -> Row:
    """Return the one series meant; ``archive`` is its name for the messages.

    Raises:
        BadInputError: there is no patch, or not exactly one work fits.
    """
    if next(rows(), None) is None:
        raise BadInputError(
            f"{archive} holds no patch: no mail in it has a diff or a [PATCH n/m]; "
            "give the mailbox of the thread"
        )
    if wanted:
        msgid = parse_msgid(wanted)
        found = find_by_msgid(rows, msgid) if msgid else None
        row = found if found is not None else _by_title(rows, wanted, archive)
    else:
        row = _only_work(rows, archive)
    if not row[1].patches:
        raise BadInputError(
            f"{archive} holds no patch of {row[1].title!r}, only its cover letter; "
            "take the whole thread from the list's archive"
        )
    return row


def parse_msgid(wanted: str) -> str:
    """Read a Message-ID, bare, in angle brackets or in a lore URL; empty if it is none."""
    url = _URL.match(wanted)
    msgid = (url[1] if url else wanted).strip("<> ")
    is_id = ("@" in msgid and " " not in msgid) or msgid.startswith("unsent-")
    return msgid if is_id else ""


def find_by_msgid(rows: Rows, msgid: str) -> Row | None:
    """Find the series one of whose covers or patches has the Message-ID."""
    for group, entry in rows():
        if any(msgid in {key, key.rpartition(" ")[0]} for _, key in group.slots):
            return group, entry
    return None


def _by_title(rows: Rows, wanted: str, archive: str) -> Row:
    part = " ".join(wanted.casefold().split())
    works = _name_works(rows, lambda entry: part == entry.title.casefold())
    works = works or _name_works(rows, lambda entry: part in entry.title.casefold())
    if not works:
        raise BadInputError(
            f"{archive} holds no series with Message-ID or title {wanted!r}; "
            "list what it holds with: mm-review series"
        )
    if len(works) > 1:
        raise BadInputError(
            f"{archive} holds {len(works)} series with {wanted!r} in their title: "
            f"{_list_works(works)}; give more of the title, or a Message-ID"
        )
    return _newest(rows, *works)


def _only_work(rows: Rows, archive: str) -> Row:
    """Return the newest revision of the only work; patches others answered it with aside."""
    works = _name_works(rows, lambda entry: True)
    roots = _name_works(rows, lambda entry: not entry.in_reply_to)
    if len(works) > 1 and len(roots) != 1:
        raise BadInputError(
            f"{archive} holds {len(works)} series: {_list_works(works)}; "
            "choose one with --series MSGID or --series 'part of its title'"
        )
    return _newest(rows, *(works if len(works) == 1 else roots))


def _newest(rows: Rows, work: str) -> Row:
    members = [row for row in rows() if row[1].work == work]
    return next((row for row in members if not row[1].superseded_by), members[-1])


def _name_works(rows: Rows, wanted: Callable[[SeriesEntry], bool]) -> dict[str, str]:
    """Return the works of the wanted series, each with how to name its last revision."""
    return {
        entry.work: f"{entry.title!r} ({entry.label}, <{entry.msgid}>)"
        for _, entry in rows()
        if wanted(entry)
    }


def _list_works(works: dict[str, str]) -> str:
    more = len(works) - _LISTED
    return ", ".join(list(works.values())[:_LISTED]) + (f" and {more} more" if more > 0 else "")
