"""Brings together the facts of many files: from the cache, else extracted, on all processors."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

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
    paths: Sequence[str],
    cache_dir: Path | None,
    report: Callable[[str], None],
) -> dict[str, FileFacts]:
    """Return the facts of files by path. New ones are kept in the cache."""
    blobs = {path: source.blob_id(path) for path in paths}
    store = FactStore(cache_dir, report)
    known = store.load(blobs.values())
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
