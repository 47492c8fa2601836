"""The mail and the thread a crash came in, and the patch of the thread that it accuses."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewer.decode.decode import call_path, decode_text
from reviewer.model.crash import Decoded
from reviewer.model.errors import BadInputError
from reviewer.model.series import Mail, Patch, PatchSeries
from reviewer.series.archive import iter_raw
from reviewer.series.hunks import parse_diff
from reviewer.series.message import parse_mail, read_fields
from reviewer.series.rawmessage import LARGEST_MESSAGE
from reviewer.series.read import read_series

_CODE = (".c", ".h")
_COMMENT = re.compile(r"\s*(?:\*(?:\s|/|$)|/[*/])")
_MAIL_FIELDS = frozenset({b"from", b"subject", b"message-id", b"date", b"in-reply-to"})


@dataclass(frozen=True, slots=True)
class AccusedDoc:
    """A patch of the thread, and why it."""

    counter: int
    msgid: str
    subject: str
    because: str


@dataclass(frozen=True, slots=True)
class Report:
    """A decoded crash and, if it came by mail, the mail and the series of its thread."""

    decoded: Decoded
    mail: Mail | None = None
    series: PatchSeries | None = None


def read_report(source: Path | bytes, name: str) -> Report:
    """Find the first crash in a text, a mail or an archive of mails.

    Raises:
        BadInputError: the input cannot be read, or holds no crash.
    """
    data = _read(source, name)
    if data is not None and not _is_mail(data):
        decoded = decode_text(data.decode("utf-8", "replace"))
        if decoded is not None:
            return Report(decoded)
    else:
        archive = source if data is None and isinstance(source, Path) else io.BytesIO(data or b"")
        for message in iter_raw(archive, "auto"):
            mail = None if message.error else parse_mail(message.data)
            decoded = decode_text(mail.body) if mail is not None else None
            if decoded is not None:
                return Report(decoded, mail, _find_series(source, data, mail))
    raise BadInputError(
        f"{name}: holds no page dump, kernel BUG or call trace; give the text of an oops, "
        "or its mail"
    )


def _read(source: Path | bytes, name: str) -> bytes | None:
    """Return the bytes of a file, None for a directory of mails."""
    if isinstance(source, bytes):
        return source
    try:
        if source.is_dir():
            return None
        if source.stat().st_size > LARGEST_MESSAGE * 16:
            raise BadInputError(f"{name}: too large to hold one crash; cut the mail out of it")
        return source.read_bytes()
    except OSError as error:
        raise BadInputError(f"{name}: cannot be read: {error.strerror}; name a file") from error


def _is_mail(data: bytes) -> bool:
    """Tell a mail, or an archive of some, from the bare text of a crash."""
    if data.startswith((b"From ", b"\x1f\x8b")):
        return True
    fields, _ = read_fields(data)
    return len({name.lower() for name, _ in fields} & _MAIL_FIELDS) > 1


def _find_series(source: Path | bytes, data: bytes | None, mail: Mail | None) -> PatchSeries | None:
    """Return the series the mail answers, else the only one; None where there is none."""
    if mail is None:
        return None
    asked = [f"<{msgid}>" for msgid in (mail.in_reply_to, *reversed(mail.references)) if msgid]
    for wanted in dict.fromkeys((*asked, "")):
        archive = source if data is None and isinstance(source, Path) else io.BytesIO(data or b"")
        try:
            return read_series(archive, series=wanted)
        except BadInputError:
            continue  # an answer to an answer: ask for what that one answers
    return None


def find_accused(report: Report, accessor: str = "") -> AccusedDoc | None:
    """Return the newest patch of the thread that touches the path of the crash.

    ``accessor`` is the function that asserts, where a tree has told.
    """
    series, mail = report.series, report.mail
    if series is None or mail is None:
        return None
    own = {patch.mail.msgid for patch in series.patches} | {series.msgid}
    if mail.msgid in own:
        return None  # it quotes the crash it cures
    path = call_path(report.decoded.crash)
    names = tuple(dict.fromkeys(name for name in (accessor, *reversed(path)) if name))
    for patch in reversed(series.patches):
        because = _touches(patch, names)
        if because:
            return AccusedDoc(patch.counter, patch.mail.msgid, patch.subject, because)
    return None


def _touches(patch: Patch, names: tuple[str, ...]) -> str:
    """Say which function of the path a patch touches; "" if none."""
    files = [f for f in parse_diff(patch.diff).files if f.path.endswith(_CODE)]
    sections = [hunk.section for file in files for hunk in file.hunks]
    changed = list(_iter_changed_code(patch.diff.decode("utf-8", "replace")))
    for name in names:
        word = re.compile(rf"\b{re.escape(name)}\b")
        if any(word.search(line) for line in changed):
            return f"the newest patch of the thread with {name}() in a line it changes"
        if any(word.search(section) for section in sections):
            return f"the newest patch of the thread that changes {name}()"
    return ""


def _iter_changed_code(diff: str) -> Iterator[str]:
    """Yield the lines a diff adds to or takes from C code, without those of comments."""
    code = False
    for line in diff.split("\n"):
        if line.startswith(("--- ", "+++ ")):
            code = line.split("\t")[0].rstrip().endswith(_CODE)
        elif code and line[:1] in {"+", "-"} and not _COMMENT.match(line, 1):
            yield line[1:]
