"""Mail as bytes: headers nothing can be injected into, and the files drafts are kept in.

Written by hand and not by ``email.message``: that folds a long msgid into an encoded word,
which breaks the threading a reply lives on. Reading back is tested with ``email``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import Header
from email.utils import getaddresses

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_MSGID = re.compile(r"[^\s<>\x00-\x20\x7f-\U0010ffff]+")
_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Address:
    """A recipient: a display name (may be empty, any text) and a checked plain address."""

    name: str
    address: str

    @property
    def key(self) -> str:
        """What two spellings of one mailbox share."""
        return self.address.lower()


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply as it would be sent, but for the Date the sending program sets.

    msgids are without angle brackets. ``counter`` is the patch answered (0: the cover
    letter), ``fingerprints`` the findings it speaks of.
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    msgid: str
    in_reply_to: str
    references: tuple[str, ...]
    body: str
    counter: int
    fingerprints: tuple[str, ...] = ()


def parse_addresses(texts: Iterable[str]) -> Iterator[Address]:
    """Yield the addresses in header values; "undisclosed-recipients:;" and such hold none."""
    for text in texts:
        found = _single(text)
        if found is not None:
            yield found
            continue
        for name, address in getaddresses([clean(text)]):
            if _ADDRESS.fullmatch(address):
                yield Address(clean(name), address)


def _single(text: str) -> Address | None:
    """One ``Name <a@b>`` whose name may hold commas that decoding laid bare."""
    match = re.fullmatch(r"\s*(?P<name>[^<>]*?)\s*<\s*(?P<address>[^<>\s]+)\s*>\s*", clean(text))
    if match is None:
        return Address("", text.strip()) if _ADDRESS.fullmatch(text.strip()) else None
    name = match["name"].strip()
    if "@" in name and "," in name:
        return None  # a list: a bare address before one with a name
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Address(name, match["address"]) if _ADDRESS.fullmatch(match["address"]) else None


def clean(value: str) -> str:
    """Return a header value without line ends and control characters."""
    return _CONTROL.sub(" ", value).strip()


def clean_msgid(value: str) -> str:
    """Return the msgid without brackets, or empty if it is not one header-safe word."""
    word = value.strip().strip("<>")
    return word if _MSGID.fullmatch(word) else ""


def render_eml(draft: Draft) -> bytes:
    """Return the draft as one RFC 5322 message, lines ended as on Unix."""
    body = draft.body.encode("utf-8", "replace")
    ascii_only = body.isascii()
    references = [clean_msgid(msgid) for msgid in draft.references]
    headers = [
        ("From", _mailbox(draft.sender)),
        ("To", ",\n\t".join(_mailbox(a) for a in draft.to)),
        ("Cc", ",\n\t".join(_mailbox(a) for a in draft.cc)),
        ("Subject", _unstructured("Subject", draft.subject)),
        ("Message-ID", f"<{draft.msgid}>"),
        ("In-Reply-To", f"<{clean_msgid(draft.in_reply_to)}>"),
        ("References", "\n ".join(f"<{msgid}>" for msgid in references if msgid)),
        ("MIME-Version", "1.0"),
        ("Content-Type", f"text/plain; charset={'us-ascii' if ascii_only else 'utf-8'}"),
        ("Content-Transfer-Encoding", "7bit" if ascii_only else "8bit"),
    ]
    head = "".join(f"{name}: {value}\n" for name, value in headers if value not in ("", "<>"))
    return head.encode("ascii") + b"\n" + body


def render_mbox(drafts: Iterable[Draft]) -> bytes:
    """Return the drafts as one mboxrd, as lore serves: ``From `` and ``>From `` gain a ``>``."""
    return b"".join(
        b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
        + _FROM_LINE.sub(rb">\1", render_eml(draft)).rstrip(b"\n")
        + b"\n\n"
        for draft in drafts
    )


def iter_eml(drafts: Iterable[Draft]) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, bytes): one ``.eml`` a draft, in the series' order."""
    for draft in drafts:
        yield f"{draft.counter:04d}-{_stem(draft)}.eml", render_eml(draft)


def iter_maildir(drafts: Iterable[Draft]) -> Iterator[tuple[str, bytes]]:
    """Yield (path inside the maildir, bytes) of messages flagged as drafts.

    The names follow from the content, so that a second run writes the same files.
    """
    for draft in drafts:
        yield f"cur/{draft.counter:04d}.{_stem(draft)}.mm-review:2,D", render_eml(draft)


def _stem(draft: Draft) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", draft.msgid.partition("@")[0]).strip("-")


def _mailbox(address: Address) -> str:
    name = clean(address.name)
    if not name:
        return address.address
    if not name.isascii() or "=?" in name:
        return f"{_encoded(name, 'Cc')} <{address.address}>"
    if re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name):
        return f"{name} <{address.address}>"
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'"{escaped}" <{address.address}>'


def _unstructured(name: str, value: str) -> str:
    text = clean(value)
    if text.isascii() and "=?" not in text and len(text) < 900:
        return text
    return _encoded(text, name)


def _encoded(text: str, name: str) -> str:
    """RFC 2047; also for text that only looks encoded, so that it arrives as it is."""
    try:
        return Header(text, "utf-8", header_name=name).encode(linesep="\n")
    except HeaderParseError:  # email sees an injection: nothing of it goes out
        return "(unreadable)"
