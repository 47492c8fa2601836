"""One message as it was found, before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

# No mail that a list accepts comes near this; a file that claims one is damaged or hostile.
LARGEST_MESSAGE = 64 << 20  # bytes


@dataclass(frozen=True, slots=True)
class RawMessage:
    r"""The bytes of one message, without its mbox envelope line, with ``\n`` line ends.

    ``origin`` says where it stands and is the same in each run over the same archive. If the
    message could not be read, ``error`` says why in one line and ``data`` is what there was.
    ``envelope`` is the mbox line before it, b"" elsewhere.
    """

    origin: str
    data: bytes
    error: str = ""
    envelope: bytes = b""


def normalize_newlines(data: bytes) -> bytes:
    """Turn CRLF into LF, as ``git mailsplit`` does unless told otherwise."""
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data
