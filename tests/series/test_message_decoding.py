"""Mails as people send them, decoded; and any bytes at all, without a traceback."""

from __future__ import annotations

import base64
import email
import email.policy
import quopri
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.series.mailinfo import parse_patch
from reviewer.series.message import (
    decode_value,
    parse_date,
    parse_mail,
    parse_msgids,
    split_addresses,
)


def body_of(content: str, data: bytes) -> str:
    return parse_mail(b"Message-ID: <a@b>\n" + content.encode() + b"\n" + data).body


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b" plain \n", "plain"),
        (b"folded\n\tonce\n  and again", "folded once and again"),
        (b"=?utf-8?q?f=C3=BCr?= =?utf-8?b?IGFsbGU=?=", "für alle"),
        (b"=?utf-8?q?f=C3?= =?utf-8?q?=BCr?=", "für"),  # a character cut in two, as mailers do
        (b"=?iso-8859-1?Q?f=FCr_alle?= more", "für alle more"),
        (b"=?utf-8*de?q?f=C3=BCr?=", "für"),
        (b"=?no-such?q?x?=", "=?no-such?q?x?="),
        (b"=?rot13?q?nqzva?=", "=?rot13?q?nqzva?="),
        (b"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        (b"f\xc3\xbcr", "für"),
        (b"f\xfcr", "für"),
        (b"a\0b", "ab"),
        (b"=?utf-7?q?+2AA-?=", "?"),  # a lone surrogate, which UTF-8 cannot say
    ],
)
def test_header_value_is_decoded(raw: bytes, text: str) -> None:
    assert decode_value(raw) == text


@pytest.mark.parametrize(
    ("fields", "data", "text"),
    [
        ("", b"f\xc3\xbcr\n", "für\n"),
        ("", b"f\xfcr\n", "für\n"),
        ("Content-Type: text/plain; charset=iso-8859-15\n", b"\xa4\n", "€\n"),
        ("Content-Type: text/plain; charset=us-ascii\n", b"f\xc3\xbcr\n", "für\n"),
        ("Content-Type: text/plain; charset=utf-8\n", b"f\xfcr\n", "für\n"),
        ("Content-Type: text/plain; charset=no-such\n", b"x\n", "x\n"),
        (
            "Content-Type: text/plain; charset=utf-8\n",
            b"f\xc3\xbcr\nf\xfcr\n\x81\n",
            "für\nfür\n\x81\n",
        ),
        ("Content-Type: application/pkcs7-mime; name=smime.p7m\n", b"\x30\x82\n", ""),
        ("Content-Type: application/x; name=0001-a.patch\n", b"---\n", "---\n"),
        ("Content-Transfer-Encoding: quoted-printable\n", b"a =3D=\n b=\r\n c\r\n", "a = b c\n"),
        ("Content-Transfer-Encoding: Base64\n", b"Zvx\ny\n", "für"),
        ("Content-Type: text/plain; format=flowed\n", b"a \n b\n-- \nc\n", "a b\n-- \nc\n"),
        ("Content-Type: text/plain; format=flowed; delsp=yes\n", b"a \nb\n", "ab\n"),
        ("", b"a\r\nb\0c\r\n", "a\nb\0c\n"),
    ],
)
def test_body_is_decoded(fields: str, data: bytes, text: str) -> None:
    assert body_of(fields, data) == text


def test_multipart_gives_its_text_and_the_attached_patch() -> None:
    patch = base64.encodebytes("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+ö\n".encode()).decode()
    data = (
        "preamble\n--X\nContent-Type: multipart/alternative; boundary=Y\n\n"
        "--Y\n\nthe text\n--Y\nContent-Type: text/html\n\n<p>the text</p>\n--Y--\n"
        "--X\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="0001.patch"\n\n{patch}'
        "--X\nContent-Type: application/pgp-signature\n\nsignature\n--X--\nepilogue\n"
    )
    mail = parse_mail(
        b"From: A <a@b>\nSubject: x\nMessage-ID: <a@b>\nContent-Type: multipart/mixed; boundary=X"
        b"\n\n" + data.encode()
    )
    assert mail.body.startswith("the text\n--- a/x\n")
    assert "+ö\n" in mail.body
    assert not {"<p>", "signature", "preamble", "epilogue"} & set(mail.body.split())


def test_html_alone_is_better_than_nothing() -> None:
    assert body_of("Content-Type: text/html\n", b"<p>only</p>\n") == "<p>only</p>\n"


def test_signed_mail_reads_as_if_it_were_not() -> None:
    inner = b"Content-Type: text/plain; charset=utf-8\n\nsigned text\n"
    content = "Content-Type: multipart/signed; micalg=pgp-sha256; boundary=S\n"
    end = b"--S\nContent-Type: application/pgp-signature\n\n-----BEGIN-----\n--S--\n"
    assert body_of(content, b"--S\n" + inner + end) == "signed text"


def test_fields_of_a_thread_are_read() -> None:
    mail = parse_mail(
        b"Message-ID: <3@x>\nIn-Reply-To: Your mail of Monday <2@x>\n"
        b"References: <1@x>\n\t<2@x>\n <1@x>\nDate: Mon, 23 Nov 2026 01:02:03 +0100 (CET)\n"
        b'To: "Last, First" <a@b>, list: c@d (Doe, J)\nCc: e@f\nCC: ignored@second\n'
        b"From: =?utf-8?q?J=C3=B6rg?= <j@x>\nSubject: Re: x\n\nbody\n"
    )
    assert (mail.msgid, mail.in_reply_to, mail.references) == ("3@x", "2@x", ("1@x", "2@x"))
    assert mail.date == 1795392123
    assert mail.to == ('"Last, First" <a@b>', "list: c@d (Doe, J)")
    assert mail.cc == ("e@f",)
    assert (mail.author, mail.subject, mail.body) == ("Jörg <j@x>", "Re: x", "body\n")
    assert mail.problems == ()


def test_mail_without_a_date_takes_that_of_its_first_relay() -> None:
    mail = parse_mail(
        b"Received: from b by c; Mon, 23 Nov 2026 00:00:09 +0000\n"
        b"Received: from a by b\n\twith ESMTP; Mon, 23 Nov 2026 00:00:00 +0000\n"
        b"Message-ID: <a@b>\nDate: yesterday\n\nx\n"
    )
    assert mail.date == 1795392000
    assert mail.problems == ("no date that can be read; that of a relay is taken",)


def test_mail_without_msgid_has_one_of_its_content() -> None:
    one, copy, other = (parse_mail(b"Subject: " + s) for s in (b"x", b"x\n", b"y"))
    assert one.msgid == copy.msgid != other.msgid
    assert any("Message-ID" in problem for problem in one.problems)


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@b>", ("a@b",)),
        ("< a@b >", ("a@b",)),
        ("a@b", ("a@b",)),
        ("<a@b><c@d>", ("a@b", "c@d")),
        ("<no-at-sign>", ("no-at-sign",)),
        ("(comment) <a@b>", ("a@b",)),
        ("<>", ()),
        ("", ()),
    ],
)
def test_msgids_are_found(value: str, ids: tuple[str, ...]) -> None:
    assert parse_msgids(value) == ids


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:01 +0000", 1),
        ("Thu, 01 Jan 1970 00:00:01", 1),
        ("Mon, 23 Nov 26 00:00:00 GMT", 1795392000),
        ("yesterday", 0),
        ("Thu, 99 Foo 99999 00:00:00 +0000", 0),
        ("Mon, 23 Nov 2026 99:99:99 +999999999999", 0),
        ("", 0),
    ],
)
def test_dates_are_read_or_zero(value: str, seconds: int) -> None:
    assert parse_date(value) == seconds


@given(st.binary(max_size=400))
def test_any_bytes_give_a_mail(raw: bytes) -> None:
    mail = parse_mail(raw)
    parse_patch(mail, raw)
    assert mail.msgid


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=200),
    encoding=st.sampled_from(["base64", "quoted-printable", "8bit"]),
)
def test_transfer_encodings_give_the_text_back(text: str, encoding: str) -> None:
    data = text.encode()
    if encoding == "base64":
        data = base64.encodebytes(data)
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data)
    fields = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n"
    assert body_of(fields, data) == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=60))
def test_what_the_stdlib_writes_we_read(text: str) -> None:
    subject = " ".join(text.split())
    message = email.message.EmailMessage(email.policy.SMTP)
    message["Subject"] = subject
    message["Message-ID"] = "<a@b>"
    message.set_content("body\n" + text + "\n", cte="base64")
    mail = parse_mail(message.as_bytes())
    assert " ".join(mail.subject.split()) == subject
    assert mail.body == "body\n" + text + "\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 100_000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(5000)
        ),
        b"Subject: " + b"=?utf-8?q?a?= " * 50_000,
        b"Subject: " + b"=?" * 200_000,
        b"To: " + b'"(' * 200_000,
        b"From: " + b"(" * 200_000 + b"@",
        b"A:\n" + b" \n" * 200_000,
        b"A: b\n" * 100_000,
        b"Content-Transfer-Encoding: base64\n\n" + b"AAAA\n" * 300_000 + b"@@ -1 +1 @@\n",
        b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 300_000 + b"diff -\n",
        b"Content-Type: text/plain; charset=idna\n\n" + b"a" * 500_000,
        b"References: " + b"<a" * 200_000,
        b"Date: " + b"1" * 100_000,
    ],
    ids=lambda raw: raw[:40].decode(),
)
def test_hostile_mail_takes_no_long_time(raw: bytes) -> None:
    start = time.process_time()
    mail = parse_mail(raw)
    parse_patch(mail, raw + b"\ndiff --git a/x b/x\n")
    # Each of these was, or easily is, quadratic: minutes, where it takes half a second now.
    assert time.process_time() - start < 10


def test_addresses_are_split_at_commas_that_separate() -> None:
    assert split_addresses("a@b,, c@d ,") == ("a@b", "c@d")
    assert split_addresses('"a, \\"b" <c@d>, e (f, (g, h)) <i@j>') == (
        '"a, \\"b" <c@d>',
        "e (f, (g, h)) <i@j>",
    )
