"""Bytes in some charset to UTF-8: what mail may name, and what is done when it is wrong."""

from __future__ import annotations

import codecs
import re
from functools import cache

# A mail names its own decoder, so only codecs of real character sets may be reached: Python's
# registry also holds "rot13", "idna" (quadratic), "unicode_escape" and the like.
_CHARSET_CODECS = re.compile(
    r"(?:ascii|utf-(?:7|8|8-sig|16|16-[bl]e|32|32-[bl]e)|iso8859[-_]\d+|iso2022_\w+|cp\d+|koi8-\w"
    r"|kz1048|gb\w+|big5\w*|euc_\w+|shift_jis\w*|hz|johab|tis-620|ptcp154|hp-roman8|mac-\w+)"
)
_UTF8_NAMES = re.compile(r"utf-?8", re.IGNORECASE)


def is_utf8(charset: str) -> bool:
    """Whether text labelled so passes as it is; no label counts as UTF-8, as in git."""
    return not charset or _UTF8_NAMES.fullmatch(charset) is not None


@cache
def _find_codec(charset: str) -> codecs.CodecInfo | None:
    if not charset.isascii() or len(charset) > 40:
        return None
    try:
        codec = codecs.lookup(charset)
    except (LookupError, ValueError):
        return None
    return codec if _CHARSET_CODECS.fullmatch(codec.name) else None


def recode(data: bytes, charset: str) -> bytes | None:
    """Give ``data`` as UTF-8; None if the charset is unknown or the bytes are not in it.

    As in git, data labelled UTF-8 is returned unchecked.
    """
    if is_utf8(charset):
        return data
    codec = _find_codec(charset)
    if codec is None:
        return None
    try:
        text, _ = codec.decode(data, "strict")
    except UnicodeError:
        return None
    # UTF-7 can spell a lone surrogate, which UTF-8 cannot.
    return text.encode("utf-8", "replace")


def decode_text(data: bytes, charset: str = "") -> tuple[str, str]:
    """Decode ``data`` at any price; the second value says what was wrong, "" if nothing.

    If the charset named does not fit, each line is read as UTF-8, or else as windows-1252 (of
    which Latin-1 text is nearly always meant), or else as Latin-1, to which every byte belongs:
    a patch may touch a Latin-1 file and yet be described in UTF-8.
    """
    converted = recode(data, charset)
    if converted is not None:
        try:
            return converted.decode("utf-8"), ""
        except UnicodeDecodeError:
            pass
    named = f"charset {charset[:40]!r}" if charset else "no charset named, and UTF-8"
    guessed = [_guess_line(line) for line in data.split(b"\n")]
    used = sorted({name for _, name in guessed if name != "utf-8"}) or ["utf-8"]
    text = "\n".join(line for line, _ in guessed)
    return text, f"{named} does not fit the text; read as {' and '.join(used)}"


def _guess_line(line: bytes) -> tuple[str, str]:
    for name in ("utf-8", "cp1252"):
        try:
            return line.decode(name), name
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1"), "latin-1"
