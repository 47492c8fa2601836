"""Damaged and hostile mails: a result or a clean error each, and no neighbour is lost.

Ten thousand cheap mutations in each run, and some hundred searched for by hypothesis;
``MM_REVIEWER_FUZZ=10000`` makes that ten thousand, too.
"""

from __future__ import annotations

import base64
import gzip
import io
import os
import random
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.series.archive import iter_raw
from reviewer.series.hunks import parse_diff
from reviewer.series.mailinfo import parse_patch
from reviewer.series.message import parse_mail

EXAMPLES = int(os.environ.get("MM_REVIEWER_FUZZ", "300"))
ENVELOPE = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
PATCH = (
    b"From: Inner <inner@example.com>\n\nWhy.\n\nSigned-off-by: I <inner@example.com>\n---\n"
    b" mm/rmap.c | 3 ++-\n\ndiff --git a/mm/rmap.c b/mm/rmap.c\nindex 111..222 100644\n"
    b"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,4 +1,5 @@ int f(void)\n a\n-b\n+c\n+d\n e\n f\n"
    b"-- \n2.39.5\n"
)
HEADER = (
    b'From: =?utf-8?q?J=C3=B6rg?= <j@example.com>\nTo: linux-mm@example.org,\n\t"A, B" <a@b>\n'
    b"Subject: [PATCH v2 3/7] mm: one\nMessage-ID: <3@x>\nIn-Reply-To: <0@x>\n"
    b"References: <0@x> <1@x>\nDate: Mon, 23 Nov 2026 01:02:03 +0000\n"
)
SEEDS = (
    HEADER + b"\n" + PATCH,
    HEADER + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(PATCH),
    HEADER + b"Content-Type: text/plain; charset=iso-2022-jp; format=flowed\n\n" + PATCH,
    HEADER
    + b'Content-Type: multipart/mixed; boundary="=_1"\n\n--=_1\n\ntext\n--=_1\n'
    + b"Content-Type: text/x-patch\nContent-Transfer-Encoding: quoted-printable\n\n"
    + PATCH.replace(b"=", b"=3D")
    + b"--=_1--\n",
)
TOKENS = (
    b"\0", b"\r", b"\r\n", b"\n", b"\n\n", b"\xff", b"=?utf-8?b?", b"?=", b"=?", b"=\n", b"--=_1",
    b"From ", b">From ", ENVELOPE, b"Content-Length: 7\n", b"Content-Type: multipart/x; boundary=",
    b"charset=utf-16", b"charset=utf-7", b"charset=idna", b"charset=unicode_escape", b"(", b"\"",
    b"<", b">", b",", b"diff --git ", b"--- ", b"+++ ", b"@@ -1,9 +1,9999999999999999999 @@",
    b"-- >8 --", b"Subject: ", b"GIT binary patch\n", b"rename from ../../x\n", b"[PATCH", b"]",
    b"Date: Mon, 99 Nov 99999999999999 99:99:99 +9999999\n", b"\x1b[2J", b"\xe2\x80\xae",
)  # fmt: skip


@st.composite
def mutated_mails(draw: st.DrawFn) -> bytes:
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        size = draw(st.integers(0, 40))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            raw = raw[:at] + draw(st.sampled_from(TOKENS)) + raw[at:]
        elif kind == 1:
            raw = raw[:at] + raw[at + size :]
        elif kind == 2:
            raw = raw[:at] + raw[at : at + size] * draw(st.integers(2, 50)) + raw[at + size :]
        elif kind == 3:
            raw = raw[:at] + draw(st.binary(max_size=4)) + raw[at + size :]
        else:
            raw = raw[:at]
    return raw


def mutate(rng: random.Random) -> bytes:
    raw = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(raw))
        stop = at + rng.randint(0, 40)
        raw[at:stop] = rng.choice(
            (
                rng.choice(TOKENS),
                b"",
                bytes(raw[at:stop]) * rng.randint(2, 30),
                rng.randbytes(rng.randint(1, 4)),
                bytes(raw[at:stop]) + rng.choice(TOKENS),
            )
        )
    return bytes(raw)


def read_all(raw: bytes) -> None:
    """Read a mail as far as series/ reads one, and look at what came out."""
    mail = parse_mail(raw)
    assert mail.msgid
    # All of it is text that can be written out again.
    header_text = [text for pair in mail.headers for text in pair]
    "".join((mail.subject, mail.author, mail.body, *mail.references, *header_text)).encode()
    for scissors in (False, True):
        patch = parse_patch(mail, raw, scissors=scissors)
        if patch is not None:
            "".join((patch.subject, patch.author, patch.date, patch.message)).encode()
            for file in parse_diff(patch.diff).files:
                assert not file.path.startswith("/")
                assert ".." not in file.path.split("/")


def neighbour(number: int) -> bytes:
    return b"Message-ID: <n%d@x>\nSubject: [PATCH] neighbour\n\n" % number + PATCH + b"\n"


def as_mbox(mails: list[bytes]) -> bytes:
    """What an mbox's writer makes of them: any line that begins like an envelope is escaped."""
    quoted = [re.sub(rb"(^|\n)(>*From )", rb"\1>\2", mail) for mail in mails]
    return b"".join(ENVELOPE + mail + b"\n" * (not mail.endswith(b"\n")) for mail in quoted)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(raw=mutated_mails(), compressed=st.booleans())
def test_mutated_mail_gives_a_result_and_loses_no_neighbour(raw: bytes, compressed: bool) -> None:
    start = time.process_time()
    box = as_mbox([neighbour(1), raw, neighbour(2)])
    found = list(iter_raw(io.BytesIO(gzip.compress(box, 1) if compressed else box)))
    assert [m.error for m in found] == [""] * 3
    assert (found[0].data, found[2].data) == (neighbour(1), neighbour(2))
    for message in found:
        read_all(message.data)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("seed", range(10))
def test_thousand_mutated_mails_in_one_box_each_beside_a_neighbour(seed: int) -> None:
    rng = random.Random(seed)
    mails = [mail for n in range(1000) for mail in (mutate(rng), neighbour(n))]
    found = list(iter_raw(io.BytesIO(as_mbox(mails))))
    assert len(found) == len(mails)
    for number, message in enumerate(found):
        if number % 2:
            assert message.data == mails[number]
        else:
            start = time.process_time()
            read_all(message.data)
            assert time.process_time() - start < 5, (seed, number)
