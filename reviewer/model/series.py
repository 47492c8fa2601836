"""A patch series as it was mailed. Terms are git's and b4's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trailer:
    """``Key: value`` at the end of a commit message or in a reply; ``msgid`` where it came from."""

    key: str
    value: str
    msgid: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    r"""One message, decoded. Header values are unfolded and RFC 2047-decoded.

    ``date`` is seconds since the epoch (0 if unreadable). ``to`` and ``cc`` are addresses as
    written ("Name <a@b>"). ``body`` is the decoded text with ``\n`` line ends. msgids are
    without angle brackets. ``references`` is oldest first. ``problems`` says what in the message
    was wrong and how it was read all the same.
    """

    msgid: str
    subject: str
    author: str
    date: int
    to: tuple[str, ...]
    cc: tuple[str, ...]
    in_reply_to: str
    references: tuple[str, ...]
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch of a series: the mail it came in, and what ``git mailinfo`` would make of it.

    ``counter``/``expected`` are the n and m of ``[PATCH n/m]``; ``message`` is the commit
    message without subject, ``diff`` the text that applies (bytes: a diff has no charset).
    """

    mail: Mail
    counter: int
    expected: int
    subject: str  # the commit's first line, without the [PATCH ...] prefix
    author: str
    message: str
    diff: bytes
    trailers: tuple[Trailer, ...] = ()


@dataclass(frozen=True, slots=True)
class UntrustedTrailer:
    """A trailer in a reply that names someone other than the one who sent it.

    ``counter`` is the patch answered, 0 the cover; ``author`` is the reply's From.
    """

    trailer: Trailer
    author: str
    counter: int


@dataclass(frozen=True, slots=True)
class Fixup:
    """A mail that changes patch ``counter`` (0: the cover's whole series) and is not part of it.

    ``why`` says what it was taken for: a ``-fix`` in reply, a diff in a reply, a patch sent
    again under the same revision. ``diff`` is what it would apply.
    """

    mail: Mail
    counter: int
    diff: bytes
    why: str


@dataclass(frozen=True, slots=True)
class CrashReply:
    """A reply that holds a crash: its msgid, the patch it answers, the crash's first line."""

    msgid: str
    counter: int
    headline: str


@dataclass(frozen=True, slots=True)
class PatchSeries:
    """A series in one revision: its cover letter, patches in order, and what answered them.

    ``missing`` are the counters that no mail holds. ``grouped_because`` says why these mails
    are one series. ``followups`` are replies that hold no patch of the series, oldest first.
    ``point`` is the 1 of v5.1. ``completed_from`` is the msgid of the older revision that the
    patches not sent again were taken from, in a partial reroll. ``supersedes`` and
    ``superseded_by`` are the msgids of the revisions before and after, where known.
    """

    msgid: str  # of the cover letter, else of the first patch
    title: str
    revision: int
    expected: int
    cover: Mail | None
    patches: tuple[Patch, ...]
    missing: tuple[int, ...]
    followups: tuple[Mail, ...] = ()
    base_commit: str = ""
    change_id: str = ""
    prerequisites: tuple[str, ...] = ()
    grouped_because: str = ""
    point: int = 0
    rfc: bool = False
    resend: bool = False
    prefixes: tuple[str, ...] = ()
    in_reply_to: str = ""
    completed_from: str = ""
    supersedes: str = ""
    superseded_by: str = ""
    fixups: tuple[Fixup, ...] = ()
    crashes: tuple[CrashReply, ...] = ()
    untrusted: tuple[UntrustedTrailer, ...] = ()
