"""Streams that may be compressed: gz, xz, bz2 or zst, told by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from typing import IO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BUFFER = 64 << 10
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError)


class _Filled(io.RawIOBase):
    """Reads as much as asked for, in spite of short reads; an error waits until that is taken."""

    def __init__(self, inner: IO[bytes] | io.BufferedIOBase) -> None:
        self._inner = inner
        self._error: OSError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # no mmap
        """Fill ``buffer``, as far as there is anything; raise ``OSError`` on damage."""
        view = memoryview(buffer)
        filled = 0
        while filled < len(view) and self._error is None:
            try:
                piece = self._read_once(len(view) - filled)
            except _DAMAGED as error:
                self._error = OSError(str(error) or type(error).__name__)
                break
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        if not filled and self._error is not None:
            raise self._error
        return filled

    def _read_once(self, size: int) -> bytes:
        # With read(), what was decompressed just before the damage would be lost.
        if isinstance(self._inner, io.BufferedIOBase):
            return self._inner.read1(size)
        return self._inner.read(size)


def open_stream(stream: IO[bytes] | io.BufferedIOBase) -> io.BufferedReader[_Filled]:
    """Give the stream decompressed, or as it is if it is not compressed; no seek is needed.

    Damage in the compressed data is met as an ``OSError`` when reading comes to it.
    """
    plain = io.BufferedReader(_Filled(stream), _BUFFER)
    try:
        magic = plain.peek(6)
    except OSError:
        return plain
    inner: io.BufferedIOBase
    if magic.startswith(b"\x1f\x8b"):
        inner = gzip.GzipFile(fileobj=plain, mode="rb")
    elif magic.startswith(b"\xfd7zXZ\0"):
        inner = lzma.LZMAFile(plain)  # noqa: SIM115 - it holds no file, the caller has that
    elif magic.startswith(b"BZh"):
        inner = bz2.BZ2File(plain)
    elif magic.startswith(b"\x28\xb5\x2f\xfd"):
        inner = zstd.ZstdFile(plain)
    else:
        return plain
    return io.BufferedReader(_Filled(inner), _BUFFER)
