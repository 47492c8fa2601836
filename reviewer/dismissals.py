"""Reads ``.mm-review.toml``, the file of a tree that says which findings are set aside and why."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from reviewer.model.codec import from_builtins
from reviewer.model.dismissal import Dismissal
from reviewer.model.errors import BadInputError

FILE_NAME = ".mm-review.toml"

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class _File:
    dismiss: tuple[Dismissal, ...] = ()


def parse_dismissals(data: bytes, name: str) -> tuple[Dismissal, ...]:
    """Return the entries of a file; ``name`` stands in messages.

    Raises:
        BadInputError: it is no TOML, has a key that is not known, or an entry gives no reason
            or does not say what it is about.
    """
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{name}: not valid TOML: {error}; fix the file") from error
    entries = from_builtins(table, _File, what=name).dismiss
    for number, entry in enumerate(entries, start=1):
        complaint = _complaint(entry)
        if complaint:
            raise BadInputError(f"{name}: [[dismiss]] number {number}: {complaint}")
    return entries


def _complaint(entry: Dismissal) -> str:
    if not entry.reason.strip():
        return "no reason is given; write why it is dismissed"
    if entry.fingerprint:
        if entry.rule or entry.function:
            return "give the fingerprint, or rule and function, not both"
        if not _FINGERPRINT.fullmatch(entry.fingerprint):
            return "a fingerprint is 16 hexadecimal digits, as the JSON report prints it"
    elif not (entry.rule and entry.function):
        return "give the finding's fingerprint, or its rule and its function"
    return ""
