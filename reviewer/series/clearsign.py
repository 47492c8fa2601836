"""Mails signed in line with OpenPGP: the text without its armor (RFC 9580, section 7)."""

from __future__ import annotations

import re

# In the body only: behind a blank line, and not quoted in an answer.
_BEGIN = re.compile(rb"\n\n-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]+: [^\n]*\n)*\n")
_SIGNATURE = re.compile(rb"^-----BEGIN PGP SIGNATURE-----\n", re.MULTILINE)
_END = b"-----END PGP SIGNATURE-----\n"
_DASH_ESCAPE = re.compile(rb"^- ", re.MULTILINE)


def remove_clearsign(raw: bytes) -> bytes:
    """Give a mail with the text that was signed as its body; unchanged if none was.

    The signature is not checked. Each line that began with a dash was escaped, so the ``---`` and
    ``-`` lines of a patch: git leaves them so, and cannot apply what it then has.
    """
    begin = _BEGIN.search(raw)
    if begin is None:
        return raw
    signature = _SIGNATURE.search(raw, begin.end())
    if signature is None:
        return raw
    text = _DASH_ESCAPE.sub(b"", raw[begin.end() : signature.start()])
    end = raw.find(_END, signature.end())
    rest = raw[end + len(_END) :] if end >= 0 else b""
    return raw[: begin.start()] + b"\n\n" + text + rest
