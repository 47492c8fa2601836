"""The name and the address in a From line, taken apart by git's rules."""

from __future__ import annotations

import re

_SPACES = re.compile(rb"[ \t\r\n]+")
_BLANK = b" \t\r\n"
_LONGEST_NAME = 60


def collapse_spaces(value: bytes) -> bytes:
    """Make each run of whitespace one space; ends are not trimmed."""
    return _SPACES.sub(b" ", value)


def _choose_name(name: bytes, email: bytes) -> bytes:
    # git's sanity rule: a name that is empty, very long or looks like an address is not one.
    if not name or len(name) > _LONGEST_NAME or any(c in name for c in b"@<>"):
        return email
    return name


def _unquote(value: bytes) -> bytes:
    """Remove double quotes and backslashes as git does; comments keep their parentheses."""
    out = bytearray()
    inside: list[int] = []  # the closing characters still to come
    literal = False
    for c in value:
        if literal:
            literal = False
            out.append(c)
        elif inside and c == ord("\\"):
            literal = True
        elif inside and c == inside[-1]:
            inside.pop()
            if c == ord(")"):
                out.append(c)
        elif c == ord('"') and not inside:
            inside.append(ord('"'))
        elif c == ord("(") and (not inside or inside[-1] == ord(")")):
            inside.append(ord(")"))
            out.append(c)
        else:
            out.append(c)
    return bytes(out)


def parse_author(value: bytes) -> tuple[bytes, bytes]:
    """Split a From value into name and address, both UTF-8, both "" if there is none.

    Follows ``handle_from()`` of git's mailinfo.c: ``Name <a@b>``, ``a@b (Name)``,
    ``Name (x) <a@b> (y)``; and ``Name <local>`` where there is no ``@`` at all.
    """
    value = collapse_spaces(value.partition(b"\0")[0])
    plain = _unquote(value)
    at = plain.find(b"@")
    if at < 0:
        name, bra, rest = value.partition(b"<")
        email, ket, _ = rest.partition(b">")
        if not (bra and ket):
            return b"", b""
        return _choose_name(name.strip(_BLANK), email), email
    start = at
    opened = False
    while start > 0:
        c = plain[start - 1]
        if c in _BLANK:
            break
        if c == ord("<"):
            opened = True
            break
        start -= 1
    stop = start
    while stop < len(plain) and plain[stop] not in b" \n\t\r\v\f>":
        stop += 1
    before = plain[: start - 1] + b" " if opened else plain[:start]
    name = collapse_spaces(before + plain[stop + 1 :]).strip(_BLANK)
    email = plain[start:stop]
    if len(name) > 1 and name.startswith(b"(") and name.endswith(b")"):
        name = name[1:-1]
    return _choose_name(name, email), email
