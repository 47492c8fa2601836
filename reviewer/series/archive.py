"""Any input as raw messages: says what an archive is, and hands it to the module that reads it."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO

from reviewer.model.errors import BadInputError
from reviewer.series.compressed import open_stream
from reviewer.series.folders import (
    find_quilt_series,
    is_maildir,
    iter_maildir,
    list_patch_files,
    list_quilt,
    quilt_mail,
    quilt_thread,
)
from reviewer.series.gitrange import iter_git_range
from reviewer.series.mbox import DIALECTS, iter_mbox
from reviewer.series.publicinbox import find_epochs, iter_publicinbox
from reviewer.series.rawmessage import LARGEST_MESSAGE, RawMessage, normalize_newlines

_FOLDER_FORMATS = ("maildir", "patches", "quilt", "public-inbox")
INPUT_FORMATS = ("auto", "mbox", *DIALECTS, "mail", *_FOLDER_FORMATS, "git-range")

_LOOKS_LIKE_MAIL = re.compile(rb">?From |[!-9;-~]+:[^\n]*\n")
_HOLDS_DIFF = re.compile(rb"^(?:diff -|--- [^\n]+\n\+\+\+ |Index: )", re.MULTILINE)
_PEEK = 4096


def iter_raw(
    path: Path | BinaryIO, input_format: str = "auto", known: Container[str] = frozenset()
) -> Iterator[RawMessage]:
    """Yield every message of an archive; what it is, is detected unless ``input_format`` says.

    ``path`` is a file or directory, ``-`` for standard input, ``A..B`` for commits of the
    repository one stands in, or an open stream. A message that cannot be read is yielded with
    its error and costs no other message. Messages whose origin is in ``known`` are not read
    again. Raises ``BadInputError`` if there is no such archive, or nothing in it can be mail.
    """
    if input_format not in INPUT_FORMATS:
        raise BadInputError(
            f"input format {input_format!r} is not known; use one of {', '.join(INPUT_FORMATS)}"
        )
    if not isinstance(path, Path):
        return _iter_stream(path, "stdin", input_format, known)
    if str(path) == "-":
        return _iter_stream(sys.stdin.buffer, "stdin", input_format, known)
    if input_format == "git-range" or (".." in path.name and not path.exists()):
        return iter_git_range(Path.cwd(), str(path))
    if path.is_dir():
        return _iter_folder(path, input_format, known)
    if not path.exists():
        raise BadInputError(f"{path} does not exist; give a mailbox, a directory or a range A..B")
    if input_format in _FOLDER_FORMATS:
        raise BadInputError(f"{path} is a file, and --input-format {input_format} is a directory")
    return _iter_file(path, path.name, input_format, known)


def _iter_file(
    path: Path, name: str, input_format: str, known: Container[str]
) -> Iterator[RawMessage]:
    try:
        with path.open("rb") as stream:
            yield from _iter_stream(stream, name, input_format, known)
    except OSError as error:
        yield RawMessage(name, b"", f"cannot be read: {error.strerror or error}")


def _iter_stream(
    stream: BinaryIO | io.BufferedIOBase, name: str, input_format: str, known: Container[str]
) -> Iterator[RawMessage]:
    """Yield what is in an mbox or a single mail, compressed or not."""
    opened = open_stream(stream)
    try:
        head = opened.peek(_PEEK).lstrip(b" \t\r\n")
    except OSError:
        head = b""  # the error comes again, and is told, when it is read
    if input_format == "mail" or (input_format == "auto" and not head.startswith(b"From ")):
        if name not in known:
            yield _read_single(opened, name)
        return
    dialect = input_format if input_format in DIALECTS else "auto"
    yield from iter_mbox(opened, name, dialect, known)


def _read_single(stream: io.BufferedIOBase, name: str) -> RawMessage:
    pieces: list[bytes] = []
    size = 0
    error = ""
    while not error:
        try:
            piece = stream.read1(1 << 20)
        except OSError as damage:
            error = f"breaks off: {str(damage)[:200]}"
            break
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_MESSAGE:
            return RawMessage(name, b"", f"longer than {LARGEST_MESSAGE >> 20} MiB; not read")
    data = normalize_newlines(b"".join(pieces))
    if not error and not data.strip():
        error = "empty"
    elif not error and not _LOOKS_LIKE_MAIL.match(data.lstrip()) and not _HOLDS_DIFF.search(data):
        error = "neither a mail nor a patch"
    return RawMessage(name, data, error)


def _detect_folder(path: Path) -> str:
    if find_epochs(path):
        return "public-inbox"
    if find_quilt_series(path):
        return "quilt"
    return "maildir" if is_maildir(path) else "patches"


def _iter_folder(path: Path, input_format: str, known: Container[str]) -> Iterator[RawMessage]:
    if input_format == "auto":
        input_format = _detect_folder(path)
    if input_format == "public-inbox":
        epochs = find_epochs(path)
        if not epochs:
            raise BadInputError(f"{path} holds no public-inbox repository")
        return iter_publicinbox(epochs, known)
    if input_format == "quilt":
        return _iter_quilt(path, known)
    if input_format == "maildir":
        return _iter_maildir(path, known)
    return _iter_patches(path, input_format, known)


def _iter_maildir(path: Path, known: Container[str]) -> Iterator[RawMessage]:
    for name, mail in iter_maildir(path):
        yield from _iter_file(mail, name, "mail", known)


def _iter_patches(path: Path, input_format: str, known: Container[str]) -> Iterator[RawMessage]:
    """Files with a name that says patch or mail; others if they look like one."""
    named, others = list_patch_files(path)
    if not named and not others:
        raise BadInputError(f"{path} holds no mail, patch or public-inbox; give another directory")
    if not named and (path / ".git").exists():
        raise BadInputError(f"{path} is a git checkout; give commits of it as a range A..B")
    if input_format == "patches":
        input_format = "auto"
    for file in named:
        yield from _iter_file(file, file.name, input_format, known)
    for file in others:
        for message in _iter_file(file, file.name, input_format, known):
            # A README or a script between the patches is no message that was lost.
            if not message.error or named == []:
                yield message


def _iter_quilt(path: Path, known: Container[str]) -> Iterator[RawMessage]:
    series_file = find_quilt_series(path)
    if series_file is None:
        raise BadInputError(f"{path} has no quilt series file; expected {path / 'series'}")
    entries = list_quilt(series_file)
    thread = quilt_thread(entries)
    for counter, entry in enumerate(entries, 1):
        if entry.name in known:
            continue
        if entry.problem:
            yield RawMessage(entry.name, b"", entry.problem)
            continue
        for message in _iter_file(entry.path, entry.name, "mail", ()):
            text = quilt_mail(message.data, entry.name, counter, len(entries), thread)
            error = message.error if not message.error.startswith("neither") else ""
            yield RawMessage(entry.name, text, error)
