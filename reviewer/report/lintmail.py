"""A reviewer's mail taken apart for the linter: headers, and what each line of the body is."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum


class LineKind(StrEnum):
    """What a line of a reply is."""

    BLANK = "blank"
    QUOTE = "quote"
    ATTRIBUTION = "attribution"
    OWN = "own"
    VERBATIM = "verbatim"  # own, but code, an oops, a table or a URL: never wrapped
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class BodyLine:
    """``number`` counts from 1 in the file for a 7bit or 8bit body, else in the decoded text."""

    number: int
    text: str
    kind: LineKind


@dataclass(frozen=True, slots=True)
class LintMail:
    """The message parsed, its raw bytes (without an mbox ``From `` line), the body's lines."""

    message: Message
    raw: bytes
    first_line: int  # of the message in the file
    header_lines: dict[str, int]
    lines: tuple[BodyLine, ...]

    def header(self, name: str) -> str:
        """Return the header's value in one line, empty without it."""
        value = self.message.get(name)
        return " ".join(str(value).split()) if value is not None else ""

    def line_of(self, name: str) -> int:
        """Return the file's line of the header, that of the first line without it."""
        return self.header_lines.get(name.lower(), self.first_line)

    def own(self) -> tuple[BodyLine, ...]:
        """Return what the reviewer wrote: prose and verbatim lines."""
        return tuple(x for x in self.lines if x.kind in (LineKind.OWN, LineKind.VERBATIM))


_URL = re.compile(r"https?://|lore\.kernel\.org")
_OOPS = re.compile(
    r"^(\[\s*\d+\.\d+\]|page:|flags:|head:|raw:|kernel BUG|RIP:|Call Trace|BUG:|Code:)"
)
_FOOTERS = re.compile(r"^(-- |--|_{20,}|-{20,})$")


def read_mail(raw: bytes) -> LintMail:
    """Read one message; an mbox ``From `` line before it, and mboxrd's marks, are undone."""
    first = 1
    if raw.startswith(b"From "):
        raw = re.sub(rb"^>(>*From )", rb"\1", raw.partition(b"\n")[2], flags=re.MULTILINE)
        first = 2
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    header_lines: dict[str, int] = {}
    for number, line in enumerate(head.split(b"\n"), first):
        match = re.match(rb"([!-9;-~]+):", line)
        if match is not None:
            header_lines.setdefault(match[1].decode("ascii").lower(), number)
    part, text = _body(message)
    encoded = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    plain = part is message and encoded in ("", "7bit", "8bit", "binary")
    offset = first + head.count(b"\n") + 2 if plain else 1
    return LintMail(message, raw, first, header_lines, _classify(text, offset))


def _body(message: Message) -> tuple[Message, str]:
    """Return the first text/plain part (else the first part) and its text."""
    parts = [part for part in message.walk() if not part.is_multipart()]
    plain = [part for part in parts if part.get_content_type() == "text/plain"]
    part = (plain or parts or [message])[0]
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return part, data.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return part, data.decode("utf-8", "replace")


def _classify(text: str, offset: int) -> tuple[BodyLine, ...]:
    texts = [line.rstrip("\r") for line in text.split("\n")]
    if texts and not texts[-1]:
        texts.pop()
    kinds: list[LineKind] = []
    signed = False
    for line in texts:
        signed = signed or _FOOTERS.match(line) is not None
        kinds.append(LineKind.SIGNATURE if signed else _kind(line))
    _mark_attributions(texts, kinds)
    return tuple(
        BodyLine(number, line, kind)
        for number, (line, kind) in enumerate(zip(texts, kinds, strict=True), offset)
    )


def _kind(line: str) -> LineKind:
    if not line.strip():
        return LineKind.BLANK
    if line.startswith(">"):
        return LineKind.QUOTE
    if line[0] in " \t+-@|" or _URL.search(line) or _OOPS.match(line):
        return LineKind.VERBATIM
    return LineKind.OWN


def _mark_attributions(texts: list[str], kinds: list[LineKind]) -> None:
    """Mark the lines (at most three) right above a quote that end in a colon."""
    for index, kind in enumerate(kinds):
        if kind is not LineKind.QUOTE or (index and kinds[index - 1] is LineKind.QUOTE):
            continue
        end = index - 1
        while end >= 0 and kinds[end] is LineKind.BLANK:
            end -= 1
        if end < 0 or not texts[end].rstrip().endswith(":") or kinds[end] is LineKind.QUOTE:
            continue
        start = end
        while start > 0 and end - start < 2 and kinds[start - 1] is LineKind.OWN:
            start -= 1
        begins = [i for i in range(start, end + 1) if re.match(r"(On|Am|Le|El|\*|\S+,) ", texts[i])]
        for i in range(begins[0] if begins else end, end + 1):
            kinds[i] = LineKind.ATTRIBUTION
