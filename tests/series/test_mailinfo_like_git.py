"""Held against the git installed: what we make of a mail is what ``git mailinfo`` makes of it."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.series.mailinfo import Mailinfo, MailinfoOptions, read_mailinfo

PATCH = b"""---
 mm/rmap.c | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/mm/rmap.c b/mm/rmap.c
index 1111111..2222222 100644
--- a/mm/rmap.c
+++ b/mm/rmap.c
@@ -1,3 +1,3 @@ int page_mapcount(struct page *page)
 \tint mapcount = 0;
-\treturn page_mapcount(page);
+\treturn page_mapcount(page) = 3D;
 \x20
--\x20
2.39.5
"""

_names = st.sampled_from(
    [
        b"Kirill A. Shutemov <kirill@example.com>",
        b'"Shutemov, Kirill" <kirill@example.com>',
        b"kirill@example.com (Kirill (A.) Shutemov)",
        b"kirill@example.com",
        b"<kirill@example.com>",
        b"Kirill <kirill>",
        b'"a \\"b\\" c" <d@example.com> (e)',
        b"=?utf-8?q?J=C3=B6rg?= <j@example.com>",
        b"=?iso-8859-1?Q?J=F6rg?= =?utf-8?B?w7ZzdA==?= <j@example.com>",
        b"=?iso-2022-jp?B?GyRCJDMkcxsoQg==?= <k@example.com>",
        b"J\xc3\xb6rg <j@example.com>",
        b"A name longer than sixty characters, which git does not take for one <l@example.com>",
        b"x@y <j@example.com>",
        b"nobody",
        b"=?utf-8?q?open <j@example.com>",
        b"=?no-such-charset?q?a?= <j@example.com>",
        b"",
    ]
)
_subjects = st.sampled_from(
    [
        b"[PATCH] mm: fix it",
        b"Re: [PATCH v2 03/37] [RFC] mm: fix   it",
        b"re:Re : [a]b [c] d",
        b"[PATCH mm: fix it",
        b"mm: fix it [PATCH]",
        b"=?utf-8?q?=5BPATCH=5D_mm=3A_f=C3=BCr?=",
        b"=?utf-8?q?=5BPATCH=5D_mm=3A?=\n =?utf-8?q?_folded?=",
        b"[PATCH] mm: a long subject that\n goes on\n\tin two more lines ",
        b"=?UTF-8?B?W1BBVENIXSBtbTogeA==?= =?UTF-8?B?eQ==?= z",
        b"Re: ",
        b"r",
        b"",
    ]
)
_lines = st.sampled_from(
    [
        b"",
        b"Signed-off-by: A <a@example.com>",
        b"From: Inner <inner@example.com>",
        b"Subject: [PATCH 7/9] inner",
        b"Date: Mon, 1 Jan 2001 00:00:00 +0000",
        b"  continued",
        b"[PATCH] inner too",
        b"prose with trailing space ",
        b" indented prose",
        b"-- >8 --",
        b"--- 8< cut here ---",
        b"> quoted",
        b">From here",
        b">From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001",
        b"--- a/file",
        b"---",
        b"--- ",
        b"Index: file",
        b"diff -u a b",
        b"-- ",
        b"f\xc3\xbcr",
        b"=3D=\xc3",
        b"a\0b",
        b"\x0c",
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    newline = draw(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"]))
    text = b"".join(line + b"\n" for line in draw(st.lists(_lines, max_size=8)))
    if draw(st.booleans()):
        text += PATCH
    return text.replace(b"\n", newline)


def _encode(text: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        return base64.encodebytes(text)
    if encoding == b"quoted-printable":
        return quopri.encodestring(text)
    return text


@st.composite
def entities(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The fields and the body of a mail or part that is no multipart."""
    fields = b""
    charset = draw(st.sampled_from([b"", b"utf-8", b"UTF8", b"iso-8859-1", b"us-ascii"]))
    flowed = draw(st.sampled_from([b"", b"", b"; format=flowed", b'; format="flowed"; delsp=yes']))
    if charset or flowed:
        named = b"; charset=" + charset if charset else b""
        fields += b"Content-Type: text/plain" + named + flowed + b"\n"
    encoding = draw(st.sampled_from([b"", b"8bit", b"base64", b"quoted-printable"]))
    if encoding:
        fields += b"Content-Transfer-Encoding: " + encoding + b"\n"
    return fields, _encode(draw(bodies()), encoding)


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    header = draw(st.sampled_from([b"", b"\n\n", b"From a@b Mon Sep 17 00:00:00 2001\n"]))
    header += b"From: " + draw(_names) + b"\nSubject: " + draw(_subjects) + b"\n"
    header += draw(
        st.sampled_from([b"", b"Date: Tue,  2 Jan\n 2001 00:00:00 +0000\n", b"no field\n"])
    )
    fields, body = draw(entities())
    if draw(st.integers(0, 3)):
        return header + fields + b"\n" + body
    content = b'Content-Type: multipart/mixed; boundary="xx"\n\npreamble\n'
    parts = [draw(entities()) for _ in range(draw(st.integers(0, 3)))]
    inner = b"".join(b"--xx\n" + f + b"\n" + b for f, b in parts)
    return header + content + inner + draw(st.sampled_from([b"--xx--\nepilogue\n", b""]))


def compare(raw: bytes, git: Any, ours: Mailinfo) -> None:
    if git.failed:
        assert ours.problems, raw
        return
    for name in ("author", "email", "subject", "message", "patch"):
        assert getattr(ours, name) == getattr(git, name), (name, raw)
    assert ours.date.strip() == git.date.strip(), raw


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=mails())
def test_any_mail_reads_as_git_reads_it(raw: bytes, git_mailinfo: Callable[..., Any]) -> None:
    compare(raw, git_mailinfo(raw), read_mailinfo(raw))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=mails())
def test_any_mail_reads_as_git_reads_it_with_scissors(
    raw: bytes, git_mailinfo: Callable[..., Any]
) -> None:
    options = MailinfoOptions(scissors=True, strip_quoted_cr=True)
    compare(raw, git_mailinfo(raw, "--scissors", "--quoted-cr=strip"), read_mailinfo(raw, options))


@pytest.mark.parametrize("text", [b"", b"\n", b"\0", b"From a@b Mon Sep 17 00:00:00 2001\n"])
def test_mail_without_a_header_is_no_error(text: bytes) -> None:
    info = read_mailinfo(text)
    assert (info.author, info.subject, info.patch) == (b"", b"", b"")


def test_charset_that_does_not_fit_is_guessed_and_said(git_mailinfo: Callable[..., Any]) -> None:
    raw = (
        b"From: A <a@example.com>\nSubject: [PATCH] x\n"
        b"Content-Type: text/plain; charset=us-ascii\n\nf\xc3\xbcr alle\n" + PATCH
    )
    assert git_mailinfo(raw).failed  # git gives the mail up
    info = read_mailinfo(raw)
    assert info.message == b"f\xc3\xbcr alle\n"
    assert info.patch == PATCH
    assert "us-ascii" in info.problems[0]


@pytest.mark.parametrize(
    ("line", "cuts"),
    [
        (b"-- >8 --\n", True),
        (b"-- 8< --\n", True),
        (b"---- cut here ---- 8< ----\n", True),
        (b"- - - 8< - - -\n", True),
        (b"-    -   8<   -    -\n", False),  # more gap than dashes
        (b">8\n", False),  # under eight wide
        (b"see the 8< mark above --\n", False),
        (b"--------\n", False),
        (b"-- %< --\n", True),
    ],
)
def test_scissors_are_measured_as_git_measures(
    line: bytes, cuts: bool, git_mailinfo: Callable[..., Any]
) -> None:
    raw = b"From: A <a@example.com>\nSubject: x\n\nbefore\n" + line + b"after\n" + PATCH
    expected = git_mailinfo(raw, "--scissors").message
    assert read_mailinfo(raw, MailinfoOptions(scissors=True)).message == expected
    assert (b"before" not in expected) is cuts
