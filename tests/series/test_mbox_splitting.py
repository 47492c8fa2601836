"""Four dialects of mbox: written by the rules here, read back; and held against git mailsplit."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.series import mbox
from reviewer.series.mbox import is_envelope, iter_mbox
from reviewer.series.rawmessage import RawMessage

ENVELOPE = b"From a@example.com Mon Sep 17 00:00:00 2001\n"

_line = st.sampled_from(
    [
        b"",
        b"text",
        b"From the start",
        b">From quoted",
        b">>From twice",
        b"> From spaced",
        b"From a@example.com Mon Sep 17 00:00:00 2001",  # an envelope, but in a body
        b"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001",
        b"From x:1 2",
        b"Content-Length: 3",
        b"\0\xff",
    ]
)
_bodies = st.lists(_line, max_size=6).map(lambda lines: b"".join(b + b"\n" for b in lines))


def split(data: bytes, dialect: str = "auto") -> list[RawMessage]:
    return list(iter_mbox(io.BytesIO(data), "box", dialect))


def write(bodies: list[bytes], dialect: str) -> bytes:
    """An mbox by the rules of its dialect: mbox(5), and RFC 4155 for mboxrd's quoting."""
    out = b""
    for number, text in enumerate(bodies):
        body = b"".join(_quote(line, dialect) for line in text.splitlines(keepends=True))
        header = b"Subject: %d\n" % number
        if dialect in ("mboxcl", "mboxcl2"):
            header += b"Content-Length: %d\n" % len(body)
        out += ENVELOPE + header + b"\n" + body + b"\n"
    return out


def _quote(line: bytes, dialect: str) -> bytes:
    quoted = line.lstrip(b">").startswith(b"From ")
    if dialect == "mboxrd":
        return b">" + line if quoted else line
    if dialect in ("mboxo", "mboxcl"):
        return b">" + line if line.startswith(b"From ") else line
    return line


@pytest.mark.parametrize("dialect", ["mboxrd", "mboxcl2"])
@given(bodies=st.lists(_bodies, min_size=1, max_size=5))
def test_exact_dialects_come_back_as_they_went(dialect: str, bodies: list[bytes]) -> None:
    found = [m.data.split(b"\n\n", 1)[1] for m in split(write(bodies, dialect), dialect)]
    separator = b"\n" if dialect == "mboxrd" else b""  # the blank line stays, as in git
    assert found == [body + separator for body in bodies]


@pytest.mark.parametrize("dialect", ["mboxo", "mboxcl"])
@given(bodies=st.lists(_bodies, min_size=1, max_size=5))
def test_lossy_dialects_lose_only_the_authors_own_quotes(dialect: str, bodies: list[bytes]) -> None:
    found = [m.data.split(b"\n\n", 1)[1] for m in split(write(bodies, dialect), dialect)]
    separator = b"\n" if dialect == "mboxo" else b""
    expected = [body.replace(b">From quoted", b"From quoted") + separator for body in bodies]
    assert found == expected


@given(bodies=st.lists(_bodies, min_size=1, max_size=5))
def test_content_length_is_detected_and_keeps_bodies_whole(bodies: list[bytes]) -> None:
    found = [m.data.split(b"\n\n", 1)[1] for m in split(write(bodies, "mboxcl2"))]
    assert found == bodies


def test_a_wrong_content_length_costs_no_neighbour() -> None:
    good, bad = b"Content-Length: 5\n\nbody\n\n", b"Content-Length: 9999\n\nbody\n\n"
    stray = b"Content-Length: 2\n\nbody\n\n"
    found = split(ENVELOPE + good + ENVELOPE + bad + ENVELOPE + stray + ENVELOPE + good)
    assert len(found) == 4
    assert all(b"body\n" in message.data for message in found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pieces=st.lists(st.one_of(st.just(ENVELOPE), _bodies), max_size=8),
    rd=st.booleans(),
    crlf=st.booleans(),
    chunk=st.integers(1, 200),
)
def test_any_box_splits_as_git_splits_it(
    pieces: list[bytes],
    rd: bool,
    crlf: bool,
    chunk: int,
    git_mailsplit: Callable[..., list[bytes]],
) -> None:
    data = ENVELOPE + b"Subject: first\n\n" + b"".join(pieces)
    if crlf:
        data = data.replace(b"\n", b"\r\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mbox, "_CHUNK", chunk)  # however the stream is cut into reads
        found = [m.data for m in split(data, "mboxrd" if rd else "mbox")]
    assert found == git_mailsplit(data, ["--mboxrd"] if rd else [])


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        (b"From mboxrd@z Thu Jan  1 00:00:00 1970\n", True),
        (b"From - Mon Nov 23 01:36:19 2026\r\n", True),
        (b"From a@b Mon Nov 23 01:36:19 2026 +0100\n", True),
        (b"From a@b Mon Nov 23 01:36:19 95\n", True),
        (b"From a@b Mon Nov 23 01:36:19 90\n", False),
        (b"From a@b Mon Nov 23 01:36 2026\n", True),
        (b"From now on: 12 of them\n", False),
        (b"From a@b 12:34:56 2001\n", True),
        (b"From :", False),
    ],
)
def test_envelope_is_what_git_takes_for_one(line: bytes, starts: bool) -> None:
    assert is_envelope(line) is starts


def test_only_mboxrd_that_says_so_is_unescaped_unasked() -> None:
    body = b"Subject: x\n\n>From here\n>>From there\n"
    [lore] = split(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + body)
    assert lore.data == b"Subject: x\n\nFrom here\n>From there\n"
    [other] = split(ENVELOPE + body)
    assert other.data == body


def test_box_whose_envelopes_have_no_date_is_split_where_git_gives_up() -> None:
    one = b"From a@b\nSubject: 1\n\nFrom here on\n\nFrom nowhere on\nplain text\n\n"
    found = split(one + b"From c@d\nSubject: 2\n\nx\n")
    assert [m.data.split(b"\n")[0] for m in found] == [b"Subject: 1", b"Subject: 2"]


def test_message_too_large_is_said_and_its_neighbours_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "LARGEST_MESSAGE", 1000)
    monkeypatch.setattr(mbox, "_CHUNK", 300)
    monkeypatch.setattr(mbox, "_LONGEST_ENVELOPE", 100)
    small = ENVELOPE + b"Subject: s\n\nx\n\n"
    large = ENVELOPE + b"Subject: l\n\n" + b"y\n" * 5000
    found = split(small + large + small)
    assert [bool(m.error) for m in found] == [False, True, False]
    assert found[0].data == found[2].data
    assert sum(int(m.origin.rsplit("+", 1)[1]) for m in found) == len(small + large + small)


def test_stream_that_breaks_off_yields_what_came_and_the_error() -> None:
    class Broken(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            data = super().read1(40)
            if not data:
                raise OSError("bad medium")
            return data

    found = list(iter_mbox(Broken(ENVELOPE + b"A: 1\n\nx\n\n" + ENVELOPE + b"B: 2\n\ny"), "box"))
    assert [m.data for m in found] == [b"A: 1\n\nx\n\n", b"B: 2\n\ny"]
    assert found[0].error == ""
    assert "bad medium" in found[1].error


def test_known_messages_are_passed_over() -> None:
    data = write([b"a\n", b"b\n", b"c\n"], "mboxrd")
    first = split(data)
    again = list(iter_mbox(io.BytesIO(data), "box", known={first[0].origin, first[1].origin}))
    assert again == first[2:]


@pytest.mark.parametrize("data", [b"", b"\n\n", b" "])
def test_empty_box_has_no_messages(data: bytes) -> None:
    assert split(data) == []
