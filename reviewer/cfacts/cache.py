"""Keeps the facts of blobs on disk, so that a second tree costs only what differs.

One SQLite file holds a row a blob: its id, the encoded facts and their checksum. Several
processes may use it at once. A file of another version of the extractor, or one that is
damaged, is rebuilt, and ``report`` is told so in one line. Without a directory, or with one
that cannot be written, everything still works and nothing is kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from reviewer.cfacts.filefacts import FileFacts
from reviewer.cfacts.tables import tables_digest
from reviewer.model.codec import from_msgpack
from reviewer.model.errors import BadInputError

FILE_NAME = "cfacts.sqlite"

_EXTRACTOR = (
    "extract.py",
    "defines.py",
    "headers.py",
    "normalize.py",
    "conditionals.py",
    "filefacts.py",
)
_BATCH = 500
_WAIT_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS version (digest TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS facts (blob TEXT PRIMARY KEY, sum INTEGER, data BLOB) WITHOUT ROWID;
"""


def extractor_digest() -> str:
    """Return a digest of the code and the tables that a blob's facts depend on."""
    digest = hashlib.sha256(tables_digest().encode())
    for name in _EXTRACTOR:
        digest.update(files("reviewer.cfacts").joinpath(name).read_bytes())
    return digest.hexdigest()[:32]


class FactStore:
    """The facts kept in one directory; ``report`` is given lines for the user."""

    def __init__(self, directory: Path | None, report: Callable[[str], None]) -> None:
        self._path = directory / FILE_NAME if directory is not None else None
        self._report = report
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._prepare(self._path)
        except sqlite3.OperationalError as error:
            self._give_up(error)
        except sqlite3.DatabaseError as error:
            self._start_again(error)
        except OSError as error:
            self._give_up(error)

    def _connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=_WAIT_SECONDS)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    def _prepare(self, path: Path) -> None:
        wanted = extractor_digest()
        with closing(self._connect(path)) as connection, connection:
            connection.executescript(_SCHEMA)
            row = connection.execute("SELECT digest FROM version").fetchone()
            if row is None:
                connection.execute("INSERT OR IGNORE INTO version VALUES (?)", (wanted,))
            elif row[0] != wanted:
                self._report("facts cache: made by another version of the reader, rebuilt")
                connection.execute("DELETE FROM facts")
                connection.execute("UPDATE version SET digest = ?", (wanted,))

    def _give_up(self, error: Exception) -> None:
        self._report(f"facts cache: {self._path} cannot be used ({error}), nothing is kept")
        self._path = None

    def _start_again(self, error: Exception) -> None:
        self._report(f"facts cache: damaged ({error}), rebuilt")
        path = self._path
        assert path is not None
        try:
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            self._prepare(path)
        except (OSError, sqlite3.DatabaseError) as second:
            self._give_up(second)

    def load(self, blobs: Iterable[str]) -> dict[str, FileFacts]:
        """Return the facts that are kept for some of the blobs."""
        found: dict[str, FileFacts] = {}
        if self._path is None:
            return found
        damaged = 0
        try:
            for blob, check, data in self._rows(self._path, sorted(set(blobs))):
                try:
                    if zlib.crc32(data) != check:
                        raise BadInputError("checksum")
                    found[blob] = from_msgpack(data, FileFacts, what="facts cache")
                except BadInputError:
                    damaged += 1
        except sqlite3.DatabaseError as error:
            self._start_again(error)
        if damaged:
            self._report(f"facts cache: {damaged} damaged entries, rebuilt")
        return found

    def _rows(self, path: Path, blobs: list[str]) -> Iterator[tuple[str, int, bytes]]:
        with closing(self._connect(path)) as connection:
            for start in range(0, len(blobs), _BATCH):
                batch = blobs[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                query = f"SELECT blob, sum, data FROM facts WHERE blob IN ({marks})"  # noqa: S608 - only question marks
                yield from connection.execute(query, batch)

    def keep(self, encoded: Mapping[str, bytes]) -> None:
        """Store encoded facts by blob id; what another process stored meanwhile is replaced."""
        if self._path is None or not encoded:
            return
        rows = [(blob, zlib.crc32(data), data) for blob, data in sorted(encoded.items())]
        try:
            with closing(self._connect(self._path)) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)
        except sqlite3.OperationalError as error:
            self._give_up(error)
        except sqlite3.DatabaseError as error:
            self._start_again(error)
