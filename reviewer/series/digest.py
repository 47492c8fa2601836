"""What the ledger keeps of one message; made by several processes where there are many.

Reading a mail is the cost of a ledger. It needs nothing but the mail, so that a few hundred at a
time can be read elsewhere, in order, with no more in memory than a few batches.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, islice

from reviewer.model.codec import to_json
from reviewer.model.series import Mail
from reviewer.series.attach import make_slug
from reviewer.series.hunks import is_patch
from reviewer.series.mailinfo import parse_patch
from reviewer.series.message import parse_mail
from reviewer.series.rawmessage import RawMessage
from reviewer.series.record import MailRecord, Role, find_words, make_record
from reviewer.series.thread import DAY

_ALONE = 2_000  # messages read before other processes are worth their start
_BATCH_MESSAGES = 100
_BATCH_BYTES = 2 << 20
_WIDEST = 10**12


class TokenKind(IntEnum):
    """What sharing a token means. A reply's title counts only if no mail it answers is here."""

    OWN_ID = 0
    PARENT_ID = 1
    SHARED = 2
    ORPHAN_TITLE = 3


@dataclass(frozen=True, slots=True)
class Digest:
    """One message for the ledger: its record as JSON, and what is asked of it without that.

    ``rank`` orders the copies of one mail, the best highest. Two mails that may have to be
    grouped together share one of ``tokens`` (hash and TokenKind). ``raw`` is the compressed
    message, where kept.
    """

    origin: str
    error: str = ""
    key: str = ""
    rank: str = ""
    record: bytes = b""
    words: bytes = b""
    tokens: tuple[tuple[int, int], ...] = ()
    raw: bytes | None = None


def make_digest(message: RawMessage, keep_raw: bool) -> Digest:
    """Read one message."""
    if message.error:
        return Digest(message.origin, message.error)
    mail = parse_mail(message.data)
    diff = find_diff(mail, message.data)
    record = make_record(mail, diff, message.origin)
    return Digest(
        origin=message.origin,
        key=record.key,
        rank=_rank(mail, diff, message.data),
        record=to_json(record, indent=0),
        words=" ".join(find_words(diff)).encode() if diff else b"",
        tokens=tuple({_hash(text): int(kind) for text, kind in find_tokens(record)}.items()),
        raw=zlib.compress(message.data, 1) if keep_raw else None,
    )


def iter_digests(messages: Iterable[RawMessage], *, keep_raw: bool) -> Iterator[Digest]:
    """Yield the digests of messages in their order; more processes help where there are many.

    They are forked, which is safe only while this process has one thread; else it reads alone.
    """
    source = iter(messages)
    for message in islice(source, _ALONE):
        yield make_digest(message, keep_raw)
    workers = min(len(os.sched_getaffinity(0)), 8)
    batches = _iter_batches(source)
    first = next(batches, None)
    if first is None:
        return
    if workers < 2 or threading.active_count() > 1:
        for batch in (first, *batches):
            yield from _digest_batch(batch, keep_raw)
        return
    # Unlike multiprocessing.Pool, an executor says so when one of its processes is killed.
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("fork"),
        signal.signal,
        (signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield from _digest_with(pool, chain((first,), batches), workers, keep_raw)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _digest_with(
    pool: ProcessPoolExecutor,
    batches: Iterable[list[RawMessage]],
    workers: int,
    keep_raw: bool,
) -> Iterator[Digest]:
    waiting: deque[Future[list[Digest]]] = deque()
    for batch in batches:
        if len(batch[-1].data) > _BATCH_BYTES:
            # one at a time and here, lest every process grow by ten times such a message
            while waiting:
                yield from waiting.popleft().result()
            yield from _digest_batch(batch, keep_raw)
            continue
        waiting.append(pool.submit(_digest_batch, batch, keep_raw))
        if len(waiting) > 2 * workers:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _digest_batch(batch: list[RawMessage], keep_raw: bool) -> list[Digest]:
    return [make_digest(message, keep_raw) for message in batch]


def _iter_batches(messages: Iterator[RawMessage]) -> Iterator[list[RawMessage]]:
    batch: list[RawMessage] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += len(message.data)
        if len(batch) >= _BATCH_MESSAGES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def find_diff(mail: Mail, raw: bytes) -> bytes | None:
    """Find the diff of a mail; the costly reading is left out where the text shows none."""
    starts = ("@@ -", "diff --git ")  # of a line: what is quoted is no diff of this mail
    shown = mail.body.startswith(starts) or any(f"\n{start}" in mail.body for start in starts)
    if not shown and b"pplication/" not in raw:
        return None
    patch = parse_patch(mail, raw)
    return patch.diff if patch is not None and is_patch(patch.diff) else None


def _rank(mail: Mail, diff: bytes | None, raw: bytes) -> str:
    """Order copies: those with their own From first, then a whole diff, then no list footer."""
    munged = " via " in mail.author
    size, body = len(diff or b""), _WIDEST - len(mail.body)
    return f"{not munged:d} {size:012d} {body:012d} {hashlib.sha256(raw).hexdigest()}"


def find_tokens(record: MailRecord) -> Iterator[tuple[str, TokenKind]]:
    """Yield what a mail shares with each mail it may have to be grouped with."""
    if record.msgid:
        yield f"m:{record.msgid}", TokenKind.OWN_ID
    for parent in record.parents:
        yield f"m:{parent}", TokenKind.PARENT_ID
    subject = record.subject
    title = f"t:{make_slug(subject.title)}"
    if record.role not in {Role.COVER, Role.PATCH}:
        if record.may_be_guessed:
            yield title, TokenKind.ORPHAN_TITLE
        return
    yield title, TokenKind.SHARED
    if record.base.change_id:
        yield f"c:{record.base.change_id}", TokenKind.SHARED
    if not subject.numbered:
        return
    if record.stem:
        yield f"r:{record.stem}", TokenKind.SHARED
    numbers = f"{subject.revision}.{subject.point} {subject.expected} {subject.resend}"
    if not record.msgid:
        yield f"u:{numbers}", TokenKind.SHARED
    elif not record.parents:
        day = record.date // DAY
        yield f"s:{record.sender} {numbers} {day}", TokenKind.SHARED
        yield f"s:{record.sender} {numbers} {day + 1}", TokenKind.SHARED


def _hash(token: str) -> int:
    digest = hashlib.blake2b(token.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
