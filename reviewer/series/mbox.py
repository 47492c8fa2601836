"""Splits an mbox stream into messages, in any of its four dialects, in bounded memory.

The stdlib's ``mailbox`` takes each line that starts with "From " for a new message, needs a
seekable file, and never unescapes. What begins a message is decided here as ``git mailsplit``
decides it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from reviewer.series.rawmessage import (
    LARGEST_MESSAGE,
    RawMessage,
    normalize_newlines,
)

DIALECTS = ("mboxo", "mboxrd", "mboxcl", "mboxcl2")
_CHUNK = 4 << 20
_LONGEST_ENVELOPE = 4096
_LARGEST_HEADER = 256 << 10
# Around the last colon stand minute and second, behind them a year later than 90 (by strtol).
_TIME_AND_YEAR = re.compile(rb"[0-9].[0-9]{2}:[0-9]{2}[ \t\n\v\f\r]*\+?([0-9]+)", re.DOTALL)
_CONTENT_LENGTH = re.compile(
    rb"^content-length:[ \t]*([0-9]{1,15})[ \t\r]*$", re.IGNORECASE | re.MULTILINE
)
_HEADER_END = re.compile(rb"\n\r?\n")
_SEPARATOR = re.compile(rb"(?:\r?\n){0,2}")
_FIELD = re.compile(rb"[!-9;-~]+:")
# Begun with a literal, not "^": sre then looks for it with memchr, six times faster.
_ESCAPED = re.compile(rb"\n>(>*From )")
_ESCAPED_ONCE = re.compile(rb"\n>(From )")


def is_envelope(line: bytes) -> bool:
    """Whether a line, with its newline, begins a message: git's ``is_from_line()``.

    It must start with "From " and hold a time and a year behind its last colon.
    """
    if len(line) < 20 or not line.startswith(b"From "):
        return False
    colon = line.rfind(b":", 5, len(line) - 2)
    if colon < 9:
        return False
    match = _TIME_AND_YEAR.match(line, colon - 4)
    return match is not None and int(match[1][:9]) > 90


class _Window:
    """The part of a stream in memory; the message being read begins at ``data[start]``."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._base = 0  # where data[0] stands in the stream
        self.data = b""
        self.start = 0
        self.at_end = False
        self.error = ""

    @property
    def offset(self) -> int:
        """Where the message stands in the stream."""
        return self._base + self.start

    @property
    def size(self) -> int:
        """How many bytes are there from the start of the message on."""
        return len(self.data) - self.start

    def read_more(self) -> None:
        """Add a chunk. A stream that breaks off ends there, with ``error`` set."""
        try:
            chunk = self._stream.read1(_CHUNK)
        except (OSError, EOFError, ValueError) as error:
            chunk = b""
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            self.error = f"the archive breaks off here: {reason}"
        self._base += self.start
        self.data = self.data[self.start :] + chunk
        self.start = 0
        self.at_end = not chunk

    def ensure(self, size: int) -> None:
        """Read until there are ``size`` bytes of the message and what follows, or the end."""
        while self.size < size and not self.at_end:
            self.read_more()

    def skip_blank(self) -> None:
        """Move the start behind whitespace."""
        self.ensure(1)
        while self.size:
            blank = self.size - len(self.data[self.start :].lstrip(b" \t\r\n"))
            self.start += blank
            if self.size:
                return
            self.ensure(1)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What holds in this mbox."""

    name: str
    by_length: bool
    dated: bool  # envelopes carry a date, as git wants them


def _adopt_dialect(window: _Window, name: str) -> _Dialect:
    """Look at the first message: whether its envelope has a date, its Content-Length holds."""
    window.ensure(_LARGEST_HEADER)
    start = window.start
    first = window.data[start : window.data.find(b"\n", start) + 1]
    dated = is_envelope(first) or not first.startswith(b"From ")
    by_length = name in ("mboxcl", "mboxcl2")
    if name == "auto":
        by_length = _find_end_by_length(window) is not None
    return _Dialect(name, by_length, dated)


def _find_end_by_length(window: _Window) -> tuple[int, int] | None:
    """Find the length of the message, and how far the next one is, both from its start.

    None if there is no Content-Length, or no message and not the end where it points: forwarded
    mails keep the field of another body, and a wrong one must not swallow a neighbour.
    """
    window.ensure(_LARGEST_HEADER)
    start = window.start
    header_end = _HEADER_END.search(window.data, start, start + _LARGEST_HEADER)
    if header_end is None:
        return None
    field = _CONTENT_LENGTH.search(window.data, start, header_end.end())
    if field is None or int(field[1]) > LARGEST_MESSAGE:
        return None
    length = header_end.end() - start + int(field[1])
    window.ensure(length + _LONGEST_ENVELOPE)
    if length > window.size:
        return None
    stop = window.start + length
    gap = _SEPARATOR.match(window.data, stop)
    follow = gap.end() if gap else stop
    if follow == len(window.data):
        return length, follow - window.start
    line = window.data[follow : window.data.find(b"\n", follow) + 1]
    if not is_envelope(line) or window.data[follow - 1 : follow] != b"\n":
        return None
    return length, follow - window.start


def _is_start(data: bytes, position: int, dialect: _Dialect) -> bool:
    """Whether the line at ``position``, which starts with "From ", begins a message."""
    stop = data.find(b"\n", position, position + _LONGEST_ENVELOPE) + 1
    if dialect.dated:
        return is_envelope(data[position : stop or position + _LONGEST_ENVELOPE])
    # Without dates git gives up. A blank line before and a field behind are the next best sign.
    blank_before = data[max(0, position - 3) : position].endswith((b"\n\n", b"\n\r\n"))
    return blank_before and stop > 0 and _FIELD.match(data, stop) is not None


def _find_end(window: _Window, dialect: _Dialect) -> int:
    """Find the length of the message; -1 if it is too long, and then step over it."""
    searched = 0
    oversized = False
    while True:
        found = window.data.find(b"\nFrom ", window.start + searched)
        if found < 0 or (found + 1 + _LONGEST_ENVELOPE > len(window.data) and not window.at_end):
            searched = max(0, (found if found >= 0 else len(window.data) - 5) - window.start)
            if searched > LARGEST_MESSAGE:
                window.start += searched
                searched, oversized = 0, True
            if not window.at_end:
                window.read_more()
                continue
            if found < 0:
                found = len(window.data) - 1
        elif not _is_start(window.data, found + 1, dialect):
            searched = found + 1 - window.start
            continue
        if oversized or found + 1 - window.start > LARGEST_MESSAGE:
            window.start = found + 1
            return -1
        return found + 1 - window.start


def _cut_message(data: bytes, dialect: _Dialect) -> bytes:
    """Remove the envelope line, CRs and escapes."""
    unescape = {"mboxrd": _ESCAPED, "mboxo": _ESCAPED_ONCE, "mboxcl": _ESCAPED_ONCE}
    pattern = unescape.get(dialect.name)
    # In an mbox of unknown dialect a ">From " may be the author's own; git leaves it. Only
    # public-inbox says in its envelopes which dialect it writes.
    if dialect.name == "auto" and data.startswith(b"From mboxrd@"):
        pattern = _ESCAPED
    # Before the envelope goes: the line behind it may be an escaped one, in a message that has
    # no header.
    if pattern is not None and b"\n>" in data:
        data = pattern.sub(rb"\n\1", data)
    if data.startswith(b"From "):
        data = data[data.find(b"\n") + 1 or len(data) :]
    return normalize_newlines(data)


def iter_mbox(
    stream: io.BufferedIOBase, name: str, dialect: str = "auto", known: Container[str] = ()
) -> Iterator[RawMessage]:
    """Yield the messages of one mbox; ``dialect`` is one of ``DIALECTS`` or "auto".

    On "auto", Content-Length is believed where the next message stands right behind it.
    Messages whose origin is in ``known`` are passed over. What is left when the stream breaks
    off is yielded with the error.
    """
    window = _Window(stream)
    window.skip_blank()
    settings = _adopt_dialect(window, dialect)
    error = ""
    while window.size:
        offset = window.offset
        ends = _find_end_by_length(window) if settings.by_length else None
        length, follow = ends or (_find_end(window, settings),) * 2
        if length < 0:
            origin = f"{name}@{offset}+{window.offset - offset}"
            yield RawMessage(origin, b"", f"longer than {LARGEST_MESSAGE >> 20} MiB; not read")
            window.ensure(1)
            continue
        origin = f"{name}@{offset}+{length}"
        last = window.at_end and follow == window.size
        error = window.error if last else ""
        if error or origin not in known:
            data = window.data[window.start : window.start + length]
            envelope = data[: data.find(b"\n")] if data.startswith(b"From ") else b""
            yield RawMessage(origin, _cut_message(data, settings), error, envelope)
        window.start += follow
        window.ensure(1)
    if window.error and not error:
        yield RawMessage(f"{name}@{window.offset}+0", b"", window.error)
