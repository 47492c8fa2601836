"""A raw mail as header fields and decoded body lines, cut the way git's mailinfo.c cuts it.

What a patch is depends on these rules, so they are git's and not RFC 2045's: every part is read,
whatever its type; base64 is decoded line by line; a boundary is matched as a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reviewer.series.encodedword import decode_base64, decode_quoted, decode_words

BLANK = b" \t\r\n"
# RFC 2822, 3.6.8; git counts envelope lines, also quoted ones, as header lines.
_FIELD_START = re.compile(rb">?From |[!-9;-~]*:")
_MOST_BOUNDARIES = 4  # as many as git follows


@dataclass(slots=True)
class PartFormat:
    """How the lines of the part being read are encoded."""

    charset: str = ""
    encoding: str = ""  # "base64", "quoted-printable" or ""
    flowed: bool = False
    delsp: bool = False


def find_attribute(value: bytes, name: bytes) -> bytes | None:
    """Find ``name=`` in a structured field, e.g. the charset of a Content-Type; None if absent."""
    start = value.lower().find(name + b"=")
    if start < 0:
        return None
    start += len(name) + 1
    if value[start : start + 1] == b'"':
        return value[start + 1 :].partition(b'"')[0]
    return re.split(rb"[; \t]", value[start:], maxsplit=1)[0]


def match_field(line: bytes, name: bytes) -> bytes | None:
    """Give the undecoded value if the unfolded line is the field ``name`` (any case)."""
    stop = len(name)
    if line[stop : stop + 1] != b":" or line[:stop].lower() != name:
        return None
    return line[stop + 1 :].lstrip(BLANK).partition(b"\0")[0]


class MailReader:
    """Reads one mail from its start: ``iter_fields`` first, then ``iter_lines``.

    ``on_field`` is called with the fields at the head of each further part.
    """

    def __init__(
        self, raw: bytes, on_field: Callable[[bytes], None], strip_cr: bool = False
    ) -> None:
        """Start at the first byte of ``raw`` that is not white."""
        self._raw = raw
        self._position = len(raw) - len(raw.lstrip(BLANK))
        self._on_field = on_field
        self._strip_cr = strip_cr
        self._line = b""
        self._boundaries: list[bytes] = []
        self._is_multipart = False
        self._pending: list[bytes] = []  # a line so far: git's "prev"
        self.format = PartFormat()
        self.quoted_cr = False
        self.problems: list[str] = []

    @property
    def is_plain(self) -> bool:
        """Whether the rest of the mail is its body, byte for byte."""
        return not (
            self._strip_cr or self._is_multipart or self.format.encoding or self.format.flowed
        )

    def read_rest(self) -> bytes:
        """All that has not been read, when ``is_plain``."""
        rest = self._raw[self._position :]
        self._position = len(self._raw)
        return rest

    def _next_line(self) -> bytes:
        stop = self._raw.find(b"\n", self._position) + 1 or len(self._raw)
        line = self._raw[self._position : stop]
        self._position = stop
        return line

    def iter_fields(self) -> Iterator[bytes]:
        """Each field of the header, unfolded, with its name; stops behind the first other line."""
        while True:
            line = self._next_line()
            field = line.rstrip(BLANK)
            if not field or _FIELD_START.match(field) is None:
                self._line = field + b"\n" if line else b""
                return
            pieces = [field]
            while self._raw[self._position : self._position + 1] in (b" ", b"\t"):
                pieces.append((b" " + self._next_line()[1:]).rstrip(BLANK))
            yield b"".join(pieces)

    def read_content_field(self, line: bytes) -> None:
        """Take in a Content-Type or Content-Transfer-Encoding field; others are left alone."""
        value = match_field(line, b"content-type")
        if value is not None:
            self._read_content_type(decode_words(value)[0])
            return
        value = match_field(line, b"content-transfer-encoding")
        if value is not None:
            lower = value.lower()
            names = (b"base64", b"quoted-printable")
            self.format.encoding = next((n.decode() for n in names if n in lower), "")

    def _read_content_type(self, value: bytes) -> None:
        self.format.flowed = (find_attribute(value, b"format") or b"").lower() == b"flowed"
        self.format.delsp = (find_attribute(value, b"delsp") or b"").lower() == b"yes"
        boundary = find_attribute(value, b"boundary")
        if boundary is not None:
            if len(self._boundaries) >= _MOST_BOUNDARIES:
                self.problems.append("multipart nested too deep; inner parts read as text")
            else:
                self._boundaries.append(b"--" + boundary)
                self._is_multipart = True
        self.format.charset = (find_attribute(value, b"charset") or b"").decode("ascii", "replace")

    def _find_boundary(self) -> bool:
        while line := self._next_line():
            if line.startswith(self._boundaries[-1]):
                self._line = line
                return True
        return False

    def _enter_part(self) -> bool:
        """Stand on the first line of the part behind the boundary; False at the end."""
        self.format.encoding = ""
        self.format.charset = ""
        for line in self.iter_fields():
            self._on_field(line)
        line = self._next_line()
        self._line = line if line.endswith(b"\n") else line + b"\n"
        return bool(line)

    def _pass_boundary(self) -> Iterator[bytes]:
        """Step over boundary lines; an end yields a blank line. No line is left at the end."""
        while self._line.startswith(self._boundaries[-1] + b"--"):
            self._boundaries.pop()
            yield b"\n"
            if not self._boundaries or not self._find_boundary():
                self._line = b""
                return
        if not self._enter_part():
            self._line = b""

    def iter_lines(self) -> Iterator[bytes]:
        """Each line of the body, decoded but in its own charset, with its newline if it has one."""
        if self._boundaries and not self._find_boundary():
            self.problems.append("no part begins: the boundary named is not there")
            return
        while True:
            if self._boundaries and self._line.startswith(self._boundaries[-1]):
                yield from self._take_pending()
                yield from self._pass_boundary()
                if not self._line:
                    return
            yield from self._decode_line(self._line)
            self._line = self._next_line()
            if not self._line:
                break
        yield from self._take_pending()

    def _take_pending(self) -> Iterator[bytes]:
        if self._pending:
            line = b"".join(self._pending)
            self._pending.clear()
            if line:
                yield line

    def _decode_line(self, line: bytes) -> Iterator[bytes]:
        encoding = self.format.encoding
        if not encoding:
            yield from self._unflow(line)
            return
        if encoding == "base64":
            decoded = decode_base64(line)
        else:
            decoded = line.partition(b"\0")[0]
            if decoded.endswith(b"=\n"):
                decoded = decoded[:-2]
            decoded = decode_quoted(decoded)
        if b"\n" not in decoded:
            self._pending.append(decoded)
            return
        pieces = b"".join((*self._pending, decoded)).split(b"\n")
        self._pending.clear()
        for piece in pieces[:-1]:
            yield from self._unflow(piece + b"\n")
        if pieces[-1]:
            self._pending.append(pieces[-1])

    def _unflow(self, line: bytes) -> Iterator[bytes]:
        """Undo format=flowed (RFC 3676): join soft breaks, remove stuffing."""
        if not self.format.flowed:
            if line.endswith(b"\r\n"):
                self.quoted_cr = True
                if self._strip_cr:
                    line = line[:-2] + b"\n"
            yield line
            return
        text = line.removesuffix(b"\n")
        if text is not line:
            text = text.removesuffix(b"\r")
        if text == b"-- ":  # the signature's separator is not a soft break
            yield from self._take_pending()
            yield line
            return
        if text.startswith(b" "):
            text, line = text[1:], line[1:]
        if text.endswith(b" "):
            self._pending.append(text[:-1] if self.format.delsp else text)
            return
        self._pending.append(line)
        yield from self._take_pending()
