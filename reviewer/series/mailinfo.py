"""A mail as author, subject, message and patch, as ``git mailinfo`` makes them.

Written after the behaviour of git's mailinfo.c. Where git gives up (a charset that does not fit)
this goes on with a best guess and says so; tests/series/ holds the table of the differences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reviewer.model.series import Mail
from reviewer.series.address import collapse_spaces, parse_author
from reviewer.series.charset import decode_text, recode
from reviewer.series.clearsign import remove_clearsign
from reviewer.series.encodedword import decode_words
from reviewer.series.hunks import is_patch
from reviewer.series.mimebody import BLANK, MailReader, match_field
from reviewer.series.rawmessage import normalize_newlines

_NAMES = (b"from", b"subject", b"date")
_FORMAT_PATCH_LINE = re.compile(rb">From [0-9a-f]{40} Mon Sep 17 00:00:00 2001\n")
_PATCH_START = re.compile(rb"diff -|Index: |---(?: (?:[^ \t\r\n]|\Z)|[ \t\r]*\n)")
_QUOTED_CR = "quoted CRLF detected"  # git's words
_HEADER_WITHOUT_CR = re.compile(rb"^(?:@@ -|diff -|\+\+\+ )[^\n]*(?<!\r)\n", re.MULTILINE)
# Most mails are answers: a look for these, in C, spares them the reading line by line.
_DIFF_MARKS = (b"\n@@ -", b"diff --git ")
_ENCODINGS = (b"base64", b"quoted-printable", b"flowed")  # what may hide the marks


@dataclass(frozen=True, slots=True)
class MailinfoOptions:
    """The switches of ``git mailinfo``; the defaults are those of ``git am``."""

    scissors: bool = False
    inbody_headers: bool = True
    keep_subject: bool = False
    keep_brackets: bool = False  # -b: only brackets that hold PATCH are removed
    message_id: bool = False
    strip_quoted_cr: bool = False


@dataclass(frozen=True, slots=True)
class Mailinfo:
    """What ``git mailinfo`` prints and writes, in UTF-8 where the mail allows it."""

    author: bytes
    email: bytes
    subject: bytes
    date: bytes
    message: bytes
    patch: bytes
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchText:
    """The patch in a mail; ``author`` is ``Name <address>``, ``date`` as the mail writes it.

    ``message`` ends where the diffstat or the diff begins; ``diff`` is all from there on.
    """

    subject: str
    author: str
    date: str
    message: str
    diff: bytes
    problems: tuple[str, ...] = ()


def is_scissors(line: bytes) -> bool:
    """Whether a line says "cut here": ``-- >8 --`` and its like, by git's measure.

    Scissors and dashes must fill more than a third of the visible width, of at least 8.
    """
    if not (b"8" in line or b"%" in line):
        return False
    scissors = gap = perforation = 0
    inside = False
    text = line.partition(b"\0")[0]
    position = 0
    while position < len(text):
        pair = text[position : position + 2]
        if pair[:1] in (b" ", b"\t", b"\r", b"\n"):
            gap += inside
            perforation += inside
        elif pair[:1] == b"-":
            inside = True
            perforation += 1
        elif pair in (b">8", b"8<", b">%", b"%<"):
            inside = True
            perforation += 2
            scissors += 2
            position += 1
        else:
            inside = False
        position += 1
    visible = len(text.strip(BLANK))
    return scissors > 0 and 8 <= visible < perforation * 3 and gap * 2 < perforation


def clean_subject(subject: bytes, keep_brackets: bool = False) -> bytes:
    """Remove ``Re:``, colons and ``[...]`` from the front, as git does."""
    kept = b""
    while subject:
        first = subject[:1]
        if first in b"rR":
            if len(subject) > 3 and subject[1:3] in (b"e:", b"E:"):
                subject = subject[3:]
                continue
        elif first in b" \t:":
            subject = subject[1:]
            continue
        elif first == b"[" and b"]" in subject:
            stop = subject.index(b"]") + 1
            bracket, subject = subject[:stop], subject[stop:]
            if keep_brackets and not (len(bracket) >= 7 and b"PATCH" in bracket):
                if subject[:1] and subject[:1] in BLANK:
                    bracket, subject = bracket + subject[:1], subject[1:]
                kept += bracket
            continue
        break
    return (kept + subject).strip(BLANK)


class _Extractor:
    """The state of one run over a mail: header, in-body header, message, patch."""

    def __init__(self, raw: bytes, options: MailinfoOptions) -> None:
        self.options = options
        self.outer: dict[bytes, bytes] = {}
        self.inner: dict[bytes, bytes] = {}  # in-body header
        self.message_id = b""
        self.message: list[bytes] = []
        self.patch: list[bytes] = []
        self.problems: list[str] = []
        self._in_header = True
        self._accumulated = b""  # an in-body field that may be continued
        self.reader = MailReader(raw, self._take_part_field, options.strip_quoted_cr)

    def run(self) -> None:
        for line in self.reader.iter_fields():
            self._take_field(line, self.outer, overwrite=True)
        for line in self.reader.iter_lines():
            if not self.patch and not self._is_patch_start(line):
                continue
            self.patch.append(line)
            if self.reader.is_plain:
                rest = self.reader.read_rest()
                self.reader.quoted_cr = self.reader.quoted_cr or b"\r\n" in rest
                self.patch.append(rest)
                break
        self._flush_field()
        if self.reader.quoted_cr and not self.options.strip_quoted_cr:
            self.problems.append(_QUOTED_CR)

    def _take_part_field(self, line: bytes) -> None:
        self._take_field(line, self.outer, overwrite=False)

    def _take_field(self, line: bytes, fields: dict[bytes, bytes], *, overwrite: bool) -> None:
        for name in _NAMES:
            if name in fields and not overwrite:
                continue
            value = match_field(line, name)
            if value is not None:
                decoded, readable = decode_words(value)
                if not readable:
                    self.problems.append(f"encoded words in {name.decode()} cannot be read")
                fields[name] = decoded
                return
        value = match_field(line, b"message-id")
        if value is not None:
            self.message_id = value
        else:
            self.reader.read_content_field(line)

    def _flush_field(self) -> None:
        if self._accumulated:
            self._take_field(self._accumulated, self.inner, overwrite=False)
            self._accumulated = b""

    def _is_inbody_header(self, line: bytes) -> bool:
        if self._accumulated and line[:1] in (b" ", b"\t"):
            if self.options.scissors and is_scissors(line):
                self._flush_field()
                return False
            self._accumulated = self._accumulated.removesuffix(b"\n") + line
            return True
        self._flush_field()
        if line.startswith(b">From ") or line.startswith(b">From\t"):
            return _FORMAT_PATCH_LINE.fullmatch(line) is not None
        if line.startswith(b"[PATCH]") and line[7:8] and line[7:8] in BLANK:
            self.inner[b"subject"] = line
            return True
        if any(n not in self.inner and match_field(line, n) is not None for n in _NAMES):
            self._accumulated = line
            return True
        return False

    def _is_patch_start(self, line: bytes) -> bool:
        """Take a line of the message; True if it begins the patch and was not taken."""
        if self._in_header:
            if line in (b"", b"\n"):
                if self._accumulated:
                    self._flush_field()
                    self._in_header = False
                return False
            self._in_header = self.options.inbody_headers and self._is_inbody_header(line)
            if self._in_header:
                return False
        line = self._recode(line)
        if self.options.scissors and is_scissors(line):
            self.message.clear()
            self.inner.clear()
            self._in_header = True
            return False
        if _PATCH_START.match(line):
            if self.message_id and self.options.message_id:
                self.message.append(b"Message-Id: " + self.message_id + b"\n")
            return True
        self.message.append(line)
        return False

    def _recode(self, line: bytes) -> bytes:
        charset = self.reader.format.charset
        converted = recode(line, charset)
        if converted is None:
            text, problem = decode_text(line, charset)
            if problem not in self.problems:
                self.problems.append(problem)
            converted = text.encode()
        return converted

    def field(self, name: bytes) -> bytes:
        """In-body fields count only where a patch follows, as in git."""
        if self.patch and name in self.inner:
            return self.inner[name]
        return self.outer.get(name, b"")


def read_mailinfo(raw: bytes, options: MailinfoOptions = MailinfoOptions()) -> Mailinfo:
    """Run ``git mailinfo`` over one mail, without git. Never fails; see ``problems``."""
    run = _Extractor(raw, options)
    run.run()
    author, email = parse_author(run.field(b"from"))
    subject = run.field(b"subject")
    if not options.keep_subject:
        subject = collapse_spaces(clean_subject(subject, options.keep_brackets))
    fields = (author, email, subject)
    problems = (*run.problems, *run.reader.problems)
    if any(b"\0" in field for field in fields):
        problems = (*problems, "a NUL byte in the header was removed")
    author, email, subject = (field.replace(b"\0", b"") for field in fields)
    return Mailinfo(
        author=author,
        email=email,
        subject=subject,
        date=collapse_spaces(run.field(b"date")),
        message=b"".join(run.message),
        patch=b"".join(run.patch),
        problems=problems,
    )


def parse_patch(mail: Mail, raw: bytes, *, scissors: bool = False) -> PatchText | None:
    """Give the patch a mail holds, None if it holds none.

    ``raw`` is the mail ``mail`` was parsed from. CRLF line ends are dropped first, as
    ``git am`` does without ``--keep-cr``; inside base64 or quoted-printable they are dropped if
    even the diff's own headers have them (then they are the mailer's, not the file's), else
    kept; either is said. The armor of a mail signed in line, on which ``git am`` fails, is
    removed. Scissors are ignored unless asked for, also as ``git am`` does.
    """
    if not any(mark in raw for mark in _DIFF_MARKS):
        lower = raw.lower()
        if not any(encoding in lower for encoding in _ENCODINGS):
            return None
    raw = remove_clearsign(normalize_newlines(raw))
    info = read_mailinfo(raw, MailinfoOptions(scissors=scissors))
    if not is_patch(info.patch):
        return None
    problems = list(info.problems)
    if _QUOTED_CR in problems and _HEADER_WITHOUT_CR.search(info.patch) is None:
        info = read_mailinfo(raw, MailinfoOptions(scissors=scissors, strip_quoted_cr=True))
        problems = [*info.problems, f"{_QUOTED_CR} and removed"]

    def text(data: bytes) -> str:
        decoded, problem = decode_text(data)
        if problem and problem not in problems:
            problems.append(problem)
        return decoded

    name, email = text(info.author), text(info.email)
    return PatchText(
        subject=text(info.subject),
        author=f"{name} <{email}>" if email else mail.author,
        date=text(info.date).strip(),
        message=text(info.message),
        diff=info.patch,
        problems=tuple(problems),
    )
