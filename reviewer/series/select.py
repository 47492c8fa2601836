"""Which series of an archive is meant, by Message-ID, by a part of its title, or by itself."""

from __future__ import annotations

import re

from reviewer.model.errors import BadInputError
from reviewer.series.listing import SeriesEntry
from reviewer.series.reroll import Group

Row = tuple[Group, SeriesEntry]

_LISTED = 8  # as many as fit a line a person still reads
_URL = re.compile(r"https?://\S+?/([^/\s]+@[^/\s]+?)(?:/\S*)?$")


def select_series(rows: list[Row], wanted: str, archive: str) -> Row:
    """Return the one series meant; ``archive`` is its name for the messages.

    Raises:
        BadInputError: there is no patch, or not exactly one work fits.
    """
    if not rows:
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


def find_by_msgid(rows: list[Row], msgid: str) -> Row | None:
    """Find the series one of whose covers or patches has the Message-ID."""
    for group, entry in rows:
        if any(msgid in {key, key.rpartition(" ")[0]} for _, key in group.slots):
            return group, entry
    return None


def _by_title(rows: list[Row], wanted: str, archive: str) -> Row:
    part = " ".join(wanted.casefold().split())
    fitting = [row for row in rows if part in row[1].title.casefold()]
    exact = [row for row in fitting if part == row[1].title.casefold()]
    fitting = exact or fitting
    if not fitting:
        raise BadInputError(
            f"{archive} holds no series with Message-ID or title {wanted!r}; "
            "list what it holds with: mm-review series"
        )
    works = {entry.work for _, entry in fitting}
    if len(works) > 1:
        raise BadInputError(
            f"{archive} holds {len(works)} series with {wanted!r} in their title: "
            f"{_list_works(fitting)}; give more of the title, or a Message-ID"
        )
    return _newest(rows, works.pop())


def _only_work(rows: list[Row], archive: str) -> Row:
    """Return the newest revision of the only work; patches others answered it with aside."""
    works = {entry.work for _, entry in rows}
    if len(works) > 1:
        works = {entry.work for _, entry in rows if not entry.in_reply_to} or works
    if len(works) > 1:
        raise BadInputError(
            f"{archive} holds {len(works)} series: {_list_works(rows)}; "
            "choose one with --series MSGID or --series 'part of its title'"
        )
    return _newest(rows, works.pop())


def _newest(rows: list[Row], work: str) -> Row:
    members = [row for row in rows if row[1].work == work]
    return next((row for row in members if not row[1].superseded_by), members[-1])


def _list_works(rows: list[Row]) -> str:
    newest: dict[str, SeriesEntry] = {entry.work: entry for _, entry in rows}
    said = [f"{e.title!r} ({e.label}, <{e.msgid}>)" for e in list(newest.values())[:_LISTED]]
    more = len(newest) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")
