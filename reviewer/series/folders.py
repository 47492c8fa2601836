"""Directories that hold mail: maildir, patches one a file, a quilt series. No decoding."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewer.series.message import RawFields, read_fields
from reviewer.series.rawmessage import normalize_newlines

_PATCH_FILE = re.compile(
    r".*\.(?:patch|diff|eml|mbox|mbx|mboxrd|mail|msg|txt)(?:\.(?:gz|xz|bz2|zst))?", re.IGNORECASE
)
_NUMBER = re.compile(r"(\d+)")
_MAIL_FIELDS = frozenset(
    (b"from", b"subject", b"date", b"message-id", b"author", b"description", b"cc", b"to")
)


def _natural_key(path: Path) -> tuple[tuple[int, str], ...]:
    pieces = _NUMBER.split(path.name)
    # Digits first by value; [:18] keeps a hostile name from making a huge number.
    return tuple((int(p[:18]), p) if p.isdecimal() and p.isascii() else (0, p) for p in pieces)


def _iter_files(folder: Path) -> list[Path]:
    """Regular files of a folder that are not hidden and do not point out of it, in order."""
    root = folder.resolve()
    found = []
    for path in folder.iterdir():
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            continue
        found.append(path)
    return sorted(found, key=_natural_key)


def is_maildir(folder: Path) -> bool:
    """Whether a directory is a maildir: it has ``cur`` or ``new``."""
    return (folder / "cur").is_dir() or (folder / "new").is_dir()


def iter_maildir(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name without flags, path) of each mail; the name stays when flags change."""
    for part in ("cur", "new"):
        if (folder / part).is_dir():
            for path in _iter_files(folder / part):
                yield path.name.partition(":")[0], path


def list_patch_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the files that by their names hold patches or mails, and the others."""
    files = _iter_files(folder)
    named = [p for p in files if _PATCH_FILE.fullmatch(p.name)]
    return named, [p for p in files if p not in set(named)]


@dataclass(frozen=True, slots=True)
class QuiltEntry:
    """One line of a quilt ``series`` file; ``problem`` says why the patch cannot be used."""

    name: str
    path: Path
    problem: str = ""


def find_quilt_series(folder: Path) -> Path | None:
    """Find the ``series`` file of a quilt directory, or of the ``patches`` directory in it."""
    for candidate in (folder / "series", folder / "patches" / "series"):
        if candidate.is_file():
            return candidate
    return None


def list_quilt(series_file: Path) -> list[QuiltEntry]:
    """List the patches a quilt ``series`` file names, in order, also those that are not there."""
    root = series_file.parent.resolve()
    entries: list[QuiltEntry] = []
    for line in series_file.read_text(encoding="utf-8", errors="replace").splitlines():
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split()
        if not words:
            continue
        path = series_file.parent / words[0].replace("\0", "")
        problem = ""
        if not path.resolve().is_relative_to(root):
            problem = "the series file names a path outside its directory"
        elif not path.is_file():
            problem = "named in the series file, but not there"
        elif "-R" in words[1:]:
            problem = "to be applied in reverse, which is not supported"
        elif strip := [
            w for w in words[1:] if re.fullmatch(r"-p\d+|-pab", w) and w not in ("-p1", "-pab")
        ]:
            problem = f"to be applied with {strip[0]}; only -p1 is supported"
        entries.append(QuiltEntry(words[0], path, problem))
    return entries


def quilt_thread(entries: list[QuiltEntry]) -> str:
    """Name a quilt series by what it lists, so that its msgids are the same in each run."""
    names = "\n".join(entry.name for entry in entries)
    return hashlib.sha256(names.encode("utf-8", "replace")).hexdigest()[:16]


def quilt_mail(data: bytes, name: str, counter: int, expected: int, thread: str) -> bytes:
    """Make a mail of a quilt patch: numbered in its series and threaded under the first.

    ``thread`` is from ``quilt_thread``. The fields the patch begins with stay (mmotm's
    broken-out patches have From, Subject and Date); Debian's Author and Description count as
    From and Subject. Without a subject the file's name is it, as in ``git quiltimport``.
    """
    data = normalize_newlines(data)
    fields, start = read_fields(data)
    if not any(key.lower() in _MAIL_FIELDS for key, _ in fields):
        fields, start = [], 0
    stem = name.removesuffix(".patch").removesuffix(".diff")
    subject = _find(fields, b"subject") or _find(fields, b"description").split(b"\n")[0]
    subject = b" ".join(subject.split()) or stem.encode("utf-8", "replace")
    author = _find(fields, b"from") or _find(fields, b"author")
    lines = [f"Message-ID: <{counter}.{thread}@quilt>".encode()]
    if counter > 1:
        lines.append(f"In-Reply-To: <1.{thread}@quilt>".encode())
    lines.append(f"Subject: [PATCH {counter}/{expected}] ".encode() + subject)
    if author:
        lines.append(b"From: " + b" ".join(author.split()))
    replaced = (b"subject", b"from", b"author", b"description", b"message-id", b"in-reply-to")
    for key, value in fields:
        if key.lower() not in replaced:
            lines.append(key + b": " + value.rstrip(b"\n"))
    return b"\n".join(lines) + b"\n\n" + data[start:]


def _find(fields: RawFields, name: bytes) -> bytes:
    return next((value.strip() for key, value in fields if key.lower() == name), b"")
