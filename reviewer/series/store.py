"""The ledger's file: records, what joins them, and the series found. The only user of sqlite3.

Rows are small and read in order, so that memory does not grow with the archive. A file of an
older layout, or one that sqlite cannot read, is made anew: everything in it can be read again.
"""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from reviewer.model.codec import from_json, to_json
from reviewer.model.errors import BadInputError
from reviewer.series.digest import Digest, TokenKind
from reviewer.series.listing import SeriesEntry
from reviewer.series.record import MailRecord
from reviewer.series.reroll import Group

LAYOUT = 3  # raise it with every change of a record or of what is read into one
_TABLES = """
CREATE TABLE mail(id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, rank TEXT NOT NULL,
  record BLOB NOT NULL, words BLOB, raw BLOB);
CREATE TABLE seen(origin TEXT PRIMARY KEY, run INTEGER NOT NULL, key TEXT NOT NULL,
  error TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX seen_key ON seen(key);
CREATE TABLE link(token INTEGER, mail INTEGER, kind INTEGER NOT NULL,
  PRIMARY KEY(token, mail)) WITHOUT ROWID;
CREATE INDEX link_mail ON link(mail);
CREATE TABLE series(head TEXT PRIMARY KEY, msgid TEXT NOT NULL, date INTEGER NOT NULL,
  grouped BLOB NOT NULL, entry BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE state(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@contextmanager
def closing_store(store: LedgerStore) -> Iterator[LedgerStore]:
    """Close the store at the end, and say in one line if its file failed meanwhile.

    Raises:
        BadInputError: the disk is full, or another run holds the ledger for too long.
    """
    try:
        yield store
    except sqlite3.Error as error:
        raise BadInputError(
            f"{store.path or 'temporary file'}: the ledger cannot be kept: {error}; "
            "make room, wait for the other run, or give another --cache-dir"
        ) from error
    finally:
        store.close()


class LedgerStore:
    """The tables of one archive's ledger. ``path`` None keeps them in a file that goes away."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(str(self._path or ""), timeout=60, isolation_level=None)
            db.execute("PRAGMA journal_mode=WAL" if self._path else "PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=NORMAL" if self._path else "PRAGMA synchronous=OFF")
            db.execute("PRAGMA cache_size=-65536")
            layout = db.execute("PRAGMA user_version").fetchone()[0]
            if layout not in {0, LAYOUT}:
                raise sqlite3.DatabaseError("older layout")
            if layout == 0:
                db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version={LAYOUT};COMMIT;")
        except (sqlite3.OperationalError, OSError) as error:
            raise BadInputError(
                f"{self._path}: the ledger cannot be opened: {error}; give another --cache-dir"
            ) from error
        except sqlite3.DatabaseError:
            if self._path is None:
                raise
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            return self._open()
        return db

    @property
    def path(self) -> Path | None:
        """Where the file is; None for one that goes away."""
        return self._path

    @property
    def lasting(self) -> bool:
        """Say whether the file stays after this run."""
        return self._path is not None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def begin(self) -> None:
        """Begin a step that is kept whole or not at all."""
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Keep what was written since ``begin``."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def find_state(self, name: str) -> str:
        """Find a remembered value, empty where none is."""
        row = self._db.execute("SELECT value FROM state WHERE name=?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def keep_state(self, name: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("REPLACE INTO state VALUES(?,?)", (name, value))

    def forget_mails(self) -> None:
        """Forget every message, to read the archive anew."""
        self._db.executescript(
            "BEGIN IMMEDIATE; DELETE FROM mail; DELETE FROM seen; DELETE FROM link;"
            "DELETE FROM series; DELETE FROM state; COMMIT;"
        )

    # ---- mails

    def meet(self, origin: str, run: int) -> bool:
        """Say whether the message at that place was read before, and that this run met it.

        One that could not be read is tried again.
        """
        query = "UPDATE seen SET run=? WHERE origin=? AND error=''"
        done = self._db.execute(query, (run, origin))
        return done.rowcount > 0

    def mark_seen(self, origin: str, run: int, key: str, error: str = "") -> None:
        """Remember which mail the message is, or why it could not be read."""
        self._db.execute("REPLACE INTO seen VALUES(?,?,?,?)", (origin, run, key, error))

    def drop_unmet(self, run: int) -> int:
        """Forget the mails the archive no longer holds; return how many messages that were.

        Another copy of such a mail is forgotten too, so that it is read again.
        """
        gone = 0
        query = "SELECT origin, key FROM seen WHERE run<>? LIMIT 1000"
        while rows := self._db.execute(query, (run,)).fetchall():
            gone += len(rows)
            for origin, key in rows:
                self._drop_seen(origin, key)
        return gone

    def _drop_seen(self, origin: str, key: str) -> None:
        self._db.execute("DELETE FROM seen WHERE origin=?", (origin,))
        self._db.execute("DELETE FROM seen WHERE key=? AND key<>''", (key,))
        found = self._db.execute("SELECT id FROM mail WHERE key=?", (key,)).fetchone()
        if found is not None:
            self._drop_mail(found[0])

    def iter_errors(self) -> Iterator[tuple[str, str]]:
        """Yield origin and reason of each message that could not be read."""
        yield from self._db.execute("SELECT origin, error FROM seen WHERE error<>'' ORDER BY 1")

    def add_mail(self, digest: Digest) -> bool:
        """Keep a mail unless a better copy of it is there; say whether it is new."""
        row = self._db.execute("SELECT id, rank FROM mail WHERE key=?", (digest.key,)).fetchone()
        if row is not None and row[1] >= digest.rank:
            return False
        if row is not None:
            self._drop_mail(row[0])
        mail = self._db.execute(
            "INSERT INTO mail(key, rank, record, words, raw) VALUES(?,?,?,?,?)",
            (digest.key, digest.rank, digest.record, digest.words, digest.raw),
        ).lastrowid
        rows = ((token, mail, kind) for token, kind in digest.tokens)
        self._db.executemany("INSERT OR IGNORE INTO link VALUES(?,?,?)", rows)
        return row is None

    def _drop_mail(self, mail: int) -> None:
        self._db.execute("DELETE FROM link WHERE mail=?", (mail,))
        self._db.execute("DELETE FROM mail WHERE id=?", (mail,))

    def find_records(self, keys: Iterable[str]) -> dict[str, MailRecord]:
        """Find the records of the keys, those that are there."""
        found: dict[str, MailRecord] = {}
        for key in keys:
            row = self._db.execute("SELECT record FROM mail WHERE key=?", (key,)).fetchone()
            if row is not None:
                found[key] = from_json(row[0], MailRecord)
        return found

    def find_raw(self, key: str) -> bytes | None:
        """Find the message's bytes, where they are kept."""
        row = self._db.execute("SELECT raw FROM mail WHERE key=?", (key,)).fetchone()
        return zlib.decompress(row[0]) if row and row[0] is not None else None

    def uses_word(self, keys: Iterable[str], word: str) -> bool:
        """Say whether the diff of one of the mails has the identifier."""
        for key in keys:
            row = self._db.execute("SELECT words FROM mail WHERE key=?", (key,)).fetchone()
            if row and word in bytes(row[0]).decode().split(" "):
                return True
        return False

    def iter_partitions(self) -> Iterator[list[MailRecord]]:
        """Yield sets of records such that what belongs together is in one of them.

        Two mails are in one set if a chain of shared tokens leads from one to the other.
        """
        above = self._join_tokens()
        self._db.execute("DROP TABLE IF EXISTS temp.part")
        self._db.execute(
            "CREATE TEMP TABLE part(root INTEGER, mail INTEGER, PRIMARY KEY(root, mail))"
            "WITHOUT ROWID"
        )
        ids = (row[0] for row in self._db.execute("SELECT id FROM mail"))
        self._db.executemany("INSERT INTO part VALUES(?,?)", ((_find(above, n), n) for n in ids))
        root, records = None, list[MailRecord]()
        query = (
            "SELECT part.root, record FROM part JOIN mail ON mail.id=part.mail ORDER BY part.root"
        )
        for value, record in self._db.execute(query):
            if value != root and records:
                yield records
                records = []
            root = value
            records.append(from_json(record, MailRecord))
        if records:
            yield records

    def _join_tokens(self) -> array[int]:
        """Join mails by tokens; return for each mail's number one above it in its set."""
        count = self._db.execute("SELECT coalesce(max(id), 0) FROM mail").fetchone()[0]
        above = array("q", range(count + 1))
        answered = bytearray(count + 1)  # 1 where a mail that it answers is here
        query = "SELECT token, mail, kind FROM link ORDER BY token"
        for _, rows in groupby(self._db.execute(query), itemgetter(0)):
            shared = [(mail, kind) for _, mail, kind in rows if kind != TokenKind.ORPHAN_TITLE]
            here = any(kind == TokenKind.OWN_ID for _, kind in shared)
            for mail, kind in shared:
                _join(above, shared[0][0], mail)
                answered[mail] |= here and kind == TokenKind.PARENT_ID
        query = "SELECT token, mail, kind FROM link WHERE kind>=? ORDER BY token"
        titles = self._db.execute(query, (TokenKind.SHARED,))
        for _, rows in groupby(titles, itemgetter(0)):
            first = 0
            for _, mail, kind in rows:
                if kind == TokenKind.SHARED or not answered[mail]:
                    first = first or mail
                    _join(above, first, mail)
        return above

    # ---- series

    def clear_series(self) -> None:
        """Forget the series, to group anew."""
        self._db.execute("DELETE FROM series")

    def add_series(self, group: Group, entry: SeriesEntry) -> None:
        """Keep a series."""
        row = (
            group.head,
            entry.msgid,
            group.date,
            to_json(group, indent=0),
            to_json(entry, indent=0),
        )
        self._db.execute("INSERT INTO series VALUES(?,?,?,?,?)", row)

    def find_group(self, head: str) -> Group | None:
        """Find the series whose head's key this is."""
        row = self._db.execute("SELECT grouped FROM series WHERE head=?", (head,)).fetchone()
        return from_json(row[0], Group) if row else None

    def iter_series(self) -> Iterator[tuple[Group, SeriesEntry]]:
        """Yield the series, oldest first."""
        rows = self._db.execute("SELECT grouped, entry FROM series ORDER BY date, head")
        for grouped, entry in rows:
            yield from_json(grouped, Group), from_json(entry, SeriesEntry)


def _find(above: array[int], mail: int) -> int:
    while above[mail] != mail:
        above[mail] = above[above[mail]]
        mail = above[mail]
    return mail


def _join(above: array[int], one: int, other: int) -> None:
    first, second = sorted((_find(above, one), _find(above, other)))
    above[second] = first
