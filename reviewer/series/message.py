"""A raw message as a ``Mail``: header values decoded, the text of all readable parts.

Own code instead of the stdlib's ``email``: that one recurses on nested parts, raises on some
charsets, and reads the header of a mail twenty times slower, which an archive of years notices.
Dates are left to ``email.utils``.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

from reviewer.model.series import Mail
from reviewer.series.charset import decode_text
from reviewer.series.encodedword import decode_words
from reviewer.series.mimebody import find_attribute

# A field and its folded lines; the name per RFC 5322, a blank before the colon is obsolete syntax.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*([^\n]*\n?(?:[ \t][^\n]*\n?)*)")
_ENVELOPE = re.compile(rb">?From [^\n]*\n?")
_FOLD = re.compile(rb"[ \t]*\n[ \t]*")
_MSGID = re.compile(r"<\s*([^<>\s]+)\s*>")
_MOST_FIELDS = 2000
_MOST_PARTS = 200
_DEEPEST_PART = 20
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_PATCH_NAMES = (b".patch", b".diff")

RawFields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A leaf of the MIME tree: its own fields and its undecoded bytes."""

    fields: RawFields
    data: bytes


def read_fields(raw: bytes) -> tuple[RawFields, int]:
    r"""Read the header of a message: (name, raw value) in order, and where the body begins.

    Line ends must be ``\n``. Envelope lines are skipped; a line that is no field ends the
    header, as in git.
    """
    fields: RawFields = []
    position = len(raw) - len(raw.lstrip(b" \t\r\n"))
    while len(fields) < _MOST_FIELDS:
        match = _FIELD.match(raw, position)
        if match is not None:
            name, value = match.groups()
            fields.append((name, value))
        else:
            match = _ENVELOPE.match(raw, position)
            if match is None:
                break
        position = match.end()
    if raw[position : position + 1] == b"\n":
        position += 1
    return fields, position


def decode_value(raw: bytes, problems: list[str] | None = None) -> str:
    """Unfold one header value and decode its RFC 2047 words and its stray 8-bit bytes."""
    value = raw.strip(b" \t\r\n")
    if b"\n" in value:
        value = _FOLD.sub(b" ", value)
    if b"\0" in value:
        value = value.replace(b"\0", b"")
    if b"=?" in value:
        value, readable = decode_words(value)
        if not readable and problems is not None:
            problems.append(
                f"encoded words cannot be read: {value[:80].decode('ascii', 'replace')}"
            )
    if value.isascii():
        return value.decode("ascii")
    text, problem = decode_text(value)
    if problem and problems is not None:
        problems.append(f"header: {problem}")
    return text


def split_addresses(value: str) -> tuple[str, ...]:
    """Split a To or Cc value at its commas; those in quotes, comments and <> do not count."""
    if '"' not in value and "(" not in value:
        return tuple(filter(None, (part.strip() for part in value.split(","))))
    parts: list[str] = []
    start = depth = 0
    quoted = escaped = False
    for i, c in enumerate(value):
        if escaped:
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == '"' and not depth:
            quoted = not quoted
        elif not quoted and c == "(":
            depth += 1
        elif not quoted and c == ")":
            depth = max(0, depth - 1)
        elif c == "," and not quoted and not depth:
            parts.append(value[start:i])
            start = i + 1
    parts.append(value[start:])
    return tuple(filter(None, (part.strip() for part in parts)))


def parse_date(value: str) -> int:
    """Seconds since the epoch of an RFC 5322 date, 0 if it is none or before 1970."""
    try:
        parsed = parsedate_tz(value)
        return max(0, mktime_tz(parsed)) if parsed else 0
    except (ValueError, OverflowError, IndexError, TypeError):
        return 0


def parse_msgids(value: str) -> tuple[str, ...]:
    """Take the msgids from a Message-ID, In-Reply-To or References value, in order, bare."""
    found = _MSGID.findall(value)
    if not found and "@" in value and "<" not in value:
        found = [word for word in value.split() if "@" in word]
    return tuple(dict.fromkeys(found))


def _find_field(fields: RawFields, name: bytes) -> bytes:
    for key, value in fields:
        if len(key) == len(name) and key.lower() == name:
            return _FOLD.sub(b" ", value.strip(b" \t\r\n"))
    return b""


def _find_leaves(fields: RawFields, data: bytes, problems: list[str]) -> list[_Part]:
    """Give the leaves of the MIME tree in order, without recursion and with bounds."""
    leaves: list[_Part] = []
    todo = [(fields, data, 0)]
    while todo:
        fields, data, depth = todo.pop()
        content_type = _find_field(fields, b"content-type")
        boundary = find_attribute(content_type, b"boundary")
        kind = content_type[:10].lower()
        if len(leaves) + len(todo) >= _MOST_PARTS or depth >= _DEEPEST_PART:
            problems.append("too many MIME parts; the rest is not read")
            break
        if kind.startswith(b"multipart/") and boundary:
            parts = _split_parts(data, boundary)
            if not parts:
                problems.append("no part begins: the boundary named is not there")
                leaves.append(_Part([], data))
            for part in reversed(parts):
                inner, start = read_fields(part) if part[:1] != b"\n" else ([], 1)
                todo.append((inner, part[start:], depth + 1))
        else:
            leaves.append(_Part(fields, data))
    return leaves


def _split_parts(data: bytes, boundary: bytes) -> list[bytes]:
    marker = b"\n--" + boundary
    pieces = (b"\n" + data).split(marker, _MOST_PARTS)
    parts: list[bytes] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        parts.append(piece.partition(b"\n")[2])
    return parts


def _kind(part: _Part) -> bytes:
    return _find_field(part.fields, b"content-type").partition(b";")[0].strip().lower()


def _is_text(part: _Part) -> bool:
    kind = _kind(part)
    if not kind or kind.startswith(b"text/"):
        return b"html" not in kind
    names = (
        find_attribute(_find_field(part.fields, b"content-disposition"), b"filename"),
        find_attribute(_find_field(part.fields, b"content-type"), b"name"),
    )
    named = any(name is not None and name.lower().endswith(_PATCH_NAMES) for name in names)
    return named or b"patch" in kind or b"diff" in kind


def _decode_transfer(part: _Part) -> bytes:
    encoding = _find_field(part.fields, b"content-transfer-encoding").lower()
    if b"base64" in encoding:
        digits = _NOT_BASE64.sub(b"", part.data)
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    if b"quoted-printable" in encoding:
        return binascii.a2b_qp(part.data)
    return part.data


def _unflow(text: str, delsp: bool) -> str:
    """Undo format=flowed (RFC 3676): join soft breaks, remove stuffing."""
    pieces: list[str] = []
    soft = False
    for line in text.split("\n"):
        content = line.removeprefix(" ")
        if pieces and (not soft or content == "-- "):  # a signature begins its own line
            pieces.append("\n")
        soft = content.endswith(" ") and content != "-- "
        pieces.append(content[:-1] if soft and delsp else content)
    return "".join(pieces)


def _decode_part(part: _Part, problems: list[str]) -> str:
    content_type = _find_field(part.fields, b"content-type")
    charset = (find_attribute(content_type, b"charset") or b"").decode("ascii", "replace")
    text, problem = decode_text(_decode_transfer(part), charset)
    if problem and problem not in problems:
        problems.append(problem)
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if (find_attribute(content_type, b"format") or b"").lower() == b"flowed":
        text = _unflow(text, (find_attribute(content_type, b"delsp") or b"").lower() == b"yes")
    return text


def _read_body(fields: RawFields, data: bytes, problems: list[str]) -> str:
    leaves = _find_leaves(fields, data, problems)
    readable = [leaf for leaf in leaves if _is_text(leaf)]
    # HTML alone is better than nothing; an encrypted or binary mail has no text.
    readable = readable or [leaf for leaf in leaves if b"html" in _kind(leaf)][:1]
    if not readable:
        problems.append("no part of the mail is text")
    texts = [_decode_part(leaf, problems) for leaf in readable]
    return "\n".join(texts) if len(texts) > 1 else "".join(texts)


def _find_received_date(headers: tuple[tuple[str, str], ...]) -> int:
    """When the first relay had the mail; relays write above what they received. 0 if unknown."""
    times = (v.rpartition(";")[2] for name, v in reversed(headers) if name.lower() == "received")
    return next((date for date in map(parse_date, times) if date), 0)


def parse_mail(raw: bytes) -> Mail:
    """Read a message; any bytes give a ``Mail``, and ``Mail.problems`` says what was guessed.

    The body joins the text parts in order, attached patches included; HTML and signatures are
    left out unless there is nothing else. A mail without Message-ID gets one made from its
    content, so that copies of it stay equal.
    """
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n")
    problems: list[str] = []
    raw_fields, start = read_fields(raw)
    headers = tuple((name.decode("ascii"), decode_value(v, problems)) for name, v in raw_fields)
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    msgids = parse_msgids(first.get("message-id", ""))
    if not msgids:
        problems.append("no Message-ID; one was made from the content")
        msgids = (hashlib.sha256(raw.strip()).hexdigest()[:40] + "@no-message-id",)
    date = parse_date(first.get("date", ""))
    if not date:
        date = _find_received_date(headers)
        problems.append("no date that can be read" + ("; that of a relay is taken" if date else ""))
    replied = parse_msgids(first.get("in-reply-to", ""))
    return Mail(
        msgid=msgids[0],
        subject=first.get("subject", ""),
        author=first.get("from", ""),
        date=date,
        to=split_addresses(first.get("to", "")),
        cc=split_addresses(first.get("cc", "")),
        in_reply_to=replied[0] if replied else "",
        references=parse_msgids(first.get("references", "")),
        body=_read_body(raw_fields, raw[start:], problems),
        headers=headers,
        problems=tuple(problems),
    )
