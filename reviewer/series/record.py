"""The light form of a mail: all that threading and grouping ask, without its body.

An archive of years does not fit in memory, its records (about a kilobyte each) are read a
partition at a time. No other mail is known here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum

from reviewer.model.series import Mail
from reviewer.series.subject import Subject, parse_subject
from reviewer.series.trailers import BaseInfo, parse_base, split_address

_MAX_PARENTS = 64  # a References of a thousand ids is noise; the newest are what threads
_MAX_DATE = 2**62
_MADE_ID = "@no-message-id"  # what parse_mail gives a mail without Message-ID
_NOTICE = re.compile(
    r"\+ \S+\.patch added to|- \S+\.patch removed from|\[(?:merged|folded|to-be|withdrawn|nacked"
    r"|obsolete|tip|patchwork-bot)\b|(?:failed: )?patch \"|failed: patch|stable request",
    re.IGNORECASE,
)
_MARKS = (
    "BUG",
    "fault",
    "Oops",
    "Unable to handle",
    "panic",
    "error: ",
    "WARNING: ",
    "INFO: ",
    "dumped",
)
_SIGNED = re.compile(r"^Signed-off-by: ", re.MULTILINE)
_HEADLINE = re.compile(
    r"(?:kernel BUG at \S+|BUG: \S.{3,}|(?:general protection fault|Oops: |Unable to handle kernel"
    r"|Kernel panic - not syncing|Internal error: |watchdog: BUG|UBSAN: ).*"
    r"|WARNING: (?:CPU: \d+ PID|\S+:\d+ at|possible |suspicious |bad ).*"
    r"|INFO: (?:task|rcu|possible).*|page dumped because: .*)"
)
_TRACES = (
    "Call Trace:",
    "Call trace:",
    "RIP: ",
    "RIP  [",
    "EIP: ",
    "\npc : ",
    " pc : ",
    "page dumped because",
    "Modules linked in:",
    "stack backtrace:",
)
_PATH = re.compile(
    rb"^(?:diff --git a/(\S+) b/(\S+)|(?:\+\+\+|---) (?:[^\s/]+/)?(\S+))", re.MULTILINE
)
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{2,}")
_ID_NUMBER = re.compile(r"(?<![0-9a-z])\d{1,4}(?![0-9a-z])", re.IGNORECASE)
_ID_UNIQUE = re.compile(r"\d{6}|[0-9a-f]{10}", re.IGNORECASE)
_ID_HEAD = re.compile(r"^(?:cover|[0-9a-f]{40})(?=\.)", re.IGNORECASE)


class Role(StrEnum):
    """What a mail looks like by itself; the thread decides what it is."""

    COVER = "cover"
    PATCH = "patch"
    REPLY = "reply"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class MailRecord:
    """One mail, light. ``key`` is unique in a ledger; ``msgid`` is empty for an unsent patch.

    ``parents`` are the ids it answers, nearest first. ``sender`` is the lower-case address of
    the real author of the mail (behind "via B4 Relay"), ``name`` the name. ``stem`` is the
    msgid with its counter blanked: equal for mails made by one run of format-patch, send-email
    or b4. ``crash`` is the first line of a crash in a reply's own text.
    """

    key: str
    msgid: str
    parents: tuple[str, ...]
    subject: Subject
    role: Role
    name: str
    sender: str
    date: int
    has_diff: bool
    stem: str
    origin: str
    base: BaseInfo = field(default_factory=BaseInfo)
    paths: tuple[str, ...] = ()
    crash: str = ""

    @property
    def order(self) -> tuple[int, int, str]:
        """Sort key: by date, within a second by counter; the key makes it total."""
        return (self.date, self.subject.counter, self.key)

    @property
    def may_be_guessed(self) -> bool:
        """Say whether, with no parent here, subject and time may say what the mail answers."""
        return self.role is Role.REPLY and (not self.parents or self.subject.tagged)

    @property
    def author(self) -> str:
        """``Name <address>``, as a header has it."""
        return f"{self.name} <{self.sender}>" if self.name else self.sender


def make_record(mail: Mail, diff: bytes | None, origin: str) -> MailRecord:
    """Make the record of a mail; ``diff`` is what ``git apply`` would get, None without one."""
    subject = parse_subject(mail.subject)
    msgid = "" if mail.msgid.endswith(_MADE_ID) else mail.msgid
    parents = _parents(mail, msgid)
    name, sender = split_address(real_author(mail))
    role = _role(subject, mail, bool(diff), sent=bool(msgid))
    reply = role is not Role.PATCH and role is not Role.COVER
    return MailRecord(
        key=make_key(mail, msgid, subject, diff),
        msgid=msgid,
        parents=parents,
        subject=subject,
        role=role,
        name=name,
        sender=sender,
        date=min(max(mail.date, 0), _MAX_DATE),
        has_diff=bool(diff),
        stem=_stem(msgid),
        origin=origin,
        base=BaseInfo() if reply else parse_base(mail.body),
        paths=find_paths(diff) if diff else (),
        crash=find_crash(mail.body) if reply else "",
    )


def make_key(mail: Mail, msgid: str, subject: Subject, diff: bytes | None) -> str:
    """Name a mail so that copies from several lists are one and a forged id stays another.

    Lists change From, footers and tags; they keep the Message-ID and the title. A mail without
    an id is named by what it says.
    """
    if msgid:
        title = f"{subject.reply}\0{subject.counter}\0{subject.key}"
        return f"{msgid} {_digest(title)[:12]}"
    text = "\0".join((mail.author, mail.subject, str(mail.date), mail.body))
    return f"unsent-{_digest(text)[:16]}-{hashlib.sha256(diff or b'').hexdigest()[:16]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def real_author(mail: Mail) -> str:
    """Return who wrote the mail: From, or what a relay (``via B4 Relay``) put aside."""
    headers = {name.lower(): value for name, value in reversed(mail.headers)}
    original = headers.get("x-original-from", "")
    if "@" in original and " via " in mail.author:
        return original
    if " via " in mail.author and mail.author.rstrip(">").endswith("@kernel.org"):
        reply_to = headers.get("reply-to", "")
        return reply_to if "@" in reply_to else mail.author
    return mail.author


def _parents(mail: Mail, msgid: str) -> tuple[str, ...]:
    ids = (mail.in_reply_to, *reversed(mail.references))
    kept = [found for found in dict.fromkeys(ids) if found and found != msgid]
    return tuple(kept[:_MAX_PARENTS])


def _role(subject: Subject, mail: Mail, has_diff: bool, *, sent: bool) -> Role:
    if subject.reply or subject.forward:
        return Role.REPLY
    if _NOTICE.match(mail.subject.strip()):
        return Role.OTHER
    marked = subject.tagged or subject.revision_given or subject.rfc
    if subject.numbered and subject.counter == 0 and (subject.tagged or marked):
        return Role.COVER
    if has_diff and (marked or subject.numbered or not sent):
        return Role.PATCH
    if subject.tagged and subject.numbered:
        return Role.PATCH
    if has_diff and not mail.in_reply_to and not mail.references and _SIGNED.search(mail.body):
        return Role.PATCH  # untagged, but signed: not a question that shows a diff
    return Role.OTHER


def _stem(msgid: str) -> str:
    """Blank what differs between the mails of one sending; empty where little is left."""
    stem = _ID_NUMBER.sub("#", _ID_HEAD.sub("*", msgid))
    counted = "#" in stem or stem.startswith("*.")
    return stem if counted and _ID_UNIQUE.search(stem) else ""


def find_crash(body: str) -> str:
    """Find a kernel crash in a mail's own lines: its first line, or an empty text.

    A headline alone is talk; a register dump or a call trace must be there too.
    """
    # plain searches first: a regular expression over years of mail takes minutes
    if not (any(mark in body for mark in _MARKS) and any(trace in body for trace in _TRACES)):
        return ""
    own = "\n".join(line for line in body.split("\n") if line[:1] not in {">", "+", "-"})
    found = _HEADLINE.search(own)
    if found is None or not any(trace in own for trace in _TRACES):
        return ""
    return " ".join(found.group().split())[:200]


def find_paths(diff: bytes) -> tuple[str, ...]:
    """Return the files a diff names, sorted, without the a/ and b/."""
    paths: set[str] = set()
    for found in _PATH.finditer(diff):
        for raw in found.groups():
            if raw and raw not in {b"dev/null", b"null"}:
                paths.add(raw.decode("utf-8", "replace"))
    return tuple(sorted(paths))


def find_words(diff: bytes) -> tuple[str, ...]:
    """Return the identifiers on the lines of the hunks, sorted: what ``--uses`` asks."""
    words: set[bytes] = set()
    for line in diff.split(b"\n"):
        if line[:1] in {b"+", b"-", b" "} and line[:4] not in {b"+++ ", b"--- "}:
            words.update(_WORD.findall(line))
    return tuple(sorted(word.decode("ascii") for word in words))
