"""Brings together the facts of many files: from the cache, else extracted, on all processors."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from reviewer.cfacts.cache import FactStore
from reviewer.cfacts.extract import extract_file
from reviewer.cfacts.filefacts import FileFacts
from reviewer.model.codec import from_msgpack, to_msgpack
from reviewer.model.source import SourceTree

_PARALLEL_BYTES = 4 << 20
_CHUNK = 40


def _extract_encoded(data: bytes) -> bytes:
    return to_msgpack(extract_file(data))


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector off while many values that stay are made."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load_facts(
    source: SourceTree,
    blobs: Mapping[str, str],
    cache_dir: Path | None,
    report: Callable[[str], None],
    at_hand: Mapping[str, FileFacts] = MappingProxyType({}),
) -> dict[str, FileFacts]:
    """Return the facts of files by path; ``blobs`` are their ids.

    ``at_hand`` are facts by blob id. Others come from the cache; new ones are kept in it.
    """
    known = {blob: at_hand[blob] for blob in blobs.values() if blob in at_hand}
    if len(known) == len(set(blobs.values())):
        return {path: known[blob] for path, blob in blobs.items()}
    store = FactStore(cache_dir, report)
    known |= store.load(blob for blob in blobs.values() if blob not in known)
    missing: dict[str, str] = {}
    for path, blob in blobs.items():
        if blob not in known:
            missing.setdefault(blob, path)
    if missing:
        texts = [source.read(path) for path in missing.values()]
        encoded = dict(zip(missing, _extract_all(texts), strict=True))
        store.keep(encoded)
        for blob, data in encoded.items():
            known[blob] = from_msgpack(data, FileFacts, what="facts")
    return {path: known[blob] for path, blob in blobs.items()}


def _extract_all(texts: Sequence[bytes]) -> Iterator[bytes]:
    workers = os.cpu_count() or 1
    # A fork is safe only while no other thread runs.
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    if workers == 1 or not alone or sum(map(len, texts)) < _PARALLEL_BYTES:
        yield from map(_extract_encoded, texts)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(workers, 8), mp_context=context) as pool:
        yield from pool.map(_extract_encoded, texts, chunksize=_CHUNK)
