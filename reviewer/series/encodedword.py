"""RFC 2047 encoded words in header values, read as tolerantly as git reads them."""

from __future__ import annotations

import binascii
import re

from reviewer.series.charset import recode

# git takes any charset text up to the first "?", and lets the text hold spaces: mailers wrap so.
_WORD = re.compile(rb"=\?([^?]*)\?([^?\0])\?(.*?)\?=", re.DOTALL)
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


def decode_base64(data: bytes) -> bytes:
    """Decode what is base64 in ``data`` and skip the rest, padding included; never fails.

    Like git, decoding stops at a NUL.
    """
    digits = data.partition(b"\0")[0].translate(None, _NOT_BASE64)
    rest = len(digits) % 4
    if rest == 1:
        digits = digits[:-1]
    elif rest:
        digits += b"=" * (4 - rest)
    return binascii.a2b_base64(digits)


def decode_quoted(data: bytes) -> bytes:
    """Decode ``=XX``; what is not two hex digits stays, as in git."""
    if b"=" not in data:
        return data
    return _HEX.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), data)


def decode_words(value: bytes) -> tuple[bytes, bool]:
    """Give a header value with its encoded words as UTF-8, and whether all could be read.

    If one cannot, the value is returned as it was, which is also what git prints.
    Whitespace between two encoded words is dropped (RFC 2047, section 6.2).
    """
    out: list[bytes] = []
    position = 0
    while (start := value.find(b"=?", position)) >= 0:
        between = value[position:start]
        if not position or between.strip(b" \t\r\n"):
            out.append(between)
        match = _WORD.match(value, start)
        if match is None:
            return value, False
        charset, encoding, text = match.groups()
        if encoding in b"bB":
            decoded = decode_base64(text)
        elif encoding in b"qQ":
            decoded = decode_quoted(text.replace(b"_", b" "))
        else:
            return value, False
        # RFC 2231, section 5 allows a language after the charset.
        name = charset.partition(b"*")[0].decode("ascii", "replace")
        converted = recode(decoded, name)
        if converted is None:
            return value, False
        out.append(converted)
        position = match.end()
    out.append(value[position:])
    return b"".join(out), True
