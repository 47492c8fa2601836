"""A group and the bytes of its mails made into a PatchSeries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reviewer.model.errors import BadInputError
from reviewer.model.series import (
    CrashReply,
    Fixup,
    Mail,
    Patch,
    PatchSeries,
    Trailer,
    UntrustedTrailer,
)
from reviewer.series.damage import find_damage
from reviewer.series.listing import SeriesEntry, find_base, merge_prerequisites
from reviewer.series.mailinfo import PatchText, parse_patch
from reviewer.series.message import parse_mail
from reviewer.series.record import MailRecord, real_author
from reviewer.series.reroll import Group
from reviewer.series.trailers import parse_followup_trailers, parse_trailers, trailer_matches

FindRaw = Callable[[str], bytes]

_TAKE_AGAIN = "take the mail from the list's archive again"


@dataclass(frozen=True, slots=True)
class _Read:
    """One mail of the series, read in full."""

    mail: Mail
    patch: PatchText | None
    record: MailRecord
    raw: bytes


def assemble_series(
    group: Group,
    entry: SeriesEntry,
    records: dict[str, MailRecord],
    find_raw: FindRaw,
    older: tuple[Group, ...] = (),
) -> PatchSeries:
    """Read the mails of a group in full.

    ``older`` are the revisions a partial reroll takes patches from, newest first: what was
    said of those patches, or of all, still stands for them (and not for the ones sent again).

    Raises:
        BadInputError: a patch's mail is cut off, or holds no diff at all.
    """

    def read(key: str) -> _Read:
        raw = find_raw(key)
        mail = parse_mail(raw)
        return _Read(mail, parse_patch(mail, raw), records[key], raw)

    slots = dict(group.slots)
    cover_key = slots.pop(0, "")
    borrowed = dict(group.borrowed)
    borrowed_cover = borrowed.pop(0, "")
    slots = {**borrowed, **slots}
    followups = {attached.key: read(attached.key).mail for attached in group.followups}
    trusted, untrusted = _gather_trailers(group, followups)
    for before in older:
        said = {attached.key: read(attached.key).mail for attached in before.followups}
        _take_trailers(trusted, _gather_trailers(before, said)[0], before, borrowed)
    patches = tuple(
        _make_patch(read(key), counter, group.expected, trusted)
        for counter, key in sorted(slots.items())
    )
    cover = cover_key or borrowed_cover
    members = [records[key] for _, key in (*group.slots, *group.borrowed)]
    base, _ = find_base(group, members)
    return PatchSeries(
        msgid=read(group.head).mail.msgid,
        title=group.title,
        revision=group.revision,
        expected=group.expected,
        cover=read(cover).mail if cover else None,
        patches=patches,
        missing=group.missing,
        followups=tuple(followups.values()),
        base_commit=base,
        change_id=entry.change_id,
        prerequisites=merge_prerequisites(members),
        grouped_because=group.because,
        point=group.point,
        rfc=group.rfc,
        resend=group.resend,
        prefixes=records[group.head].subject.prefixes,
        in_reply_to=entry.in_reply_to,
        completed_from=entry.completed_from,
        supersedes=entry.supersedes,
        superseded_by=entry.superseded_by,
        fixups=tuple(
            _make_fixup(read(fixup.key), fixup.counter, fixup.why) for fixup in group.fixups
        ),
        crashes=_find_crashes(group, followups, records),
        untrusted=untrusted,
    )


def _take_trailers(
    trusted: dict[int, tuple[Trailer, ...]],
    given: dict[int, tuple[Trailer, ...]],
    before: Group,
    borrowed: dict[int, str],
) -> None:
    """Add what was said of an older revision to the patches that are borrowed from it."""
    for counter in sorted(n for n, key in before.slots if borrowed.get(n) == key):
        kept = (*given.get(counter, ()), *given.get(0, ()))
        trusted[counter] = (*kept, *trusted.get(counter, ()))


def _find_crashes(
    group: Group, followups: dict[str, Mail], records: dict[str, MailRecord]
) -> tuple[CrashReply, ...]:
    return tuple(
        CrashReply(followups[a.key].msgid, a.counter, records[a.key].crash)
        for a in group.followups
        if records[a.key].crash
    )


def _make_patch(
    read: _Read, counter: int, expected: int, trusted: dict[int, tuple[Trailer, ...]]
) -> Patch:
    where = f"{read.record.origin}: {read.mail.subject!r}"
    damage = find_damage(read.raw, read.patch.diff if read.patch else b"")
    if damage:
        raise BadInputError(f"{where} is cut off or broken: {damage}; {_TAKE_AGAIN}")
    if read.patch is None or not read.record.has_diff:
        raise BadInputError(f"{where} holds no patch, though it is numbered as one; {_TAKE_AGAIN}")
    own = parse_trailers(read.patch.message, read.mail.msgid)
    said = {(trailer.key.lower(), trailer.value) for trailer in own}
    given = (*trusted.get(counter, ()), *trusted.get(0, ()))
    added = tuple(t for t in dict.fromkeys(given) if (t.key.lower(), t.value) not in said)
    return Patch(
        mail=read.mail,
        counter=counter,
        expected=expected,
        subject=read.patch.subject,
        author=read.patch.author,
        message=read.patch.message,
        diff=read.patch.diff,
        trailers=own + added,
    )


def _make_fixup(read: _Read, counter: int, why: str) -> Fixup:
    return Fixup(read.mail, counter, read.patch.diff if read.patch else b"", why)


def _gather_trailers(
    group: Group, followups: dict[str, Mail]
) -> tuple[dict[int, tuple[Trailer, ...]], tuple[UntrustedTrailer, ...]]:
    """Gather what replies give, by the patch answered (0: all), and what they have no right to."""
    trusted: dict[int, tuple[Trailer, ...]] = {}
    untrusted: list[UntrustedTrailer] = []
    for attached in group.followups:
        mail = followups[attached.key]
        author = real_author(mail)
        for trailer in parse_followup_trailers(mail.body, mail.msgid):
            if trailer_matches(trailer, author):
                before = trusted.get(attached.counter, ())
                trusted[attached.counter] = (*before, trailer)
            else:
                untrusted.append(UntrustedTrailer(trailer, author, attached.counter))
    return trusted, tuple(untrusted)
