"""``git am`` and we make the same commits of the same mailbox."""

from __future__ import annotations

import base64
import io
import quopri
from collections.abc import Callable

import pytest

from reviewer.series.archive import iter_raw
from reviewer.series.mailinfo import PatchText, parse_patch
from reviewer.series.message import parse_mail

Git = Callable[..., bytes]

BODY = """\
{inbody}A tail page has no mapcount of its own.

From here on ask the head. Für alle.

Signed-off-by: A Tester <a@example.com>
---
 mm/rmap.c | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/mm/rmap.c b/mm/rmap.c
--- a/mm/rmap.c
+++ b/mm/rmap.c
@@ -1,3 +1,3 @@
 int one;
-{old}
+{new}
 int three;
--\x20
2.39.5
"""


LINES = (
    "int two;",
    "int a;  /* = and a very long comment that quoted-printable has to break in two, ö */",
    "int b;  /* = and a very long comment that quoted-printable has to break in two, ö */",
    "int c;",
)


def _mail(number: int, encoding: str, inbody: str = "") -> bytes:
    old, new = LINES[number - 1 : number + 1]
    body = BODY.format(old=old, new=new, inbody=inbody).encode()
    if encoding == "base64":
        body = base64.encodebytes(body)
    elif encoding == "quoted-printable":
        body = quopri.encodestring(body)
    header = (
        f"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
        f"From: =?utf-8?q?J=C3=B6rg?= Tester <j@example.com>\n"
        f"Date: Mon, 23 Nov 2026 01:0{number}:00 +0100\n"
        f"Subject: Re: [PATCH mm-new v3 {number}/4] mm: step {number}:\n name it\n"
        f"Message-ID: <{number}@example.com>\n"
        f"MIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: {encoding}\n\n"
    )
    return header.encode() + body.replace(b"\nFrom ", b"\n>From ") + b"\n"


@pytest.fixture
def mailbox() -> bytes:
    inbody = "From: Änne Author <anne@example.com>\nSubject: [PATCH] mm: her own\n  title\n\n"
    return _mail(1, "8bit") + _mail(2, "base64") + _mail(3, "quoted-printable", inbody)


def _ours(mailbox: bytes) -> list[PatchText]:
    found = []
    for message in iter_raw(io.BytesIO(mailbox)):
        assert not message.error
        patch = parse_patch(parse_mail(message.data), message.data)
        assert patch is not None
        found.append(patch)
    return found


def test_patch_signed_in_line_is_freed_of_its_armor() -> None:
    body = BODY.format(inbody="", old="int two;", new="-int two;").encode()
    header = b"From: A <a@example.com>\nSubject: [PATCH] mm: one\nMessage-ID: <1@x>\n\n"
    armored = b"".join(
        b"- " + line if line.startswith(b"-") else line for line in body.splitlines(keepends=True)
    )
    signed = (
        header
        + b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        + armored
        + b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
    )
    plain = parse_patch(parse_mail(header + body), header + body)
    assert plain is not None
    assert parse_patch(parse_mail(signed), signed) == plain
    quoted = header + b"> " + signed.partition(b"\n\n")[2].replace(b"\n", b"\n> ")
    assert parse_patch(parse_mail(quoted), quoted) is None


def _commits(git: Git) -> list[tuple[str, str]]:
    text = git("log", "--reverse", "--format=%an <%ae>%x01%B%x02", "base..HEAD").decode()
    entries = [entry.strip("\n") for entry in text.split("\x02")[:-1]]
    return [(entry.split("\x01")[0], entry.split("\x01")[1].strip("\n")) for entry in entries]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_commits_are_those_of_git_am(run_git: Git, mailbox: bytes, newline: bytes) -> None:
    start = b"int one;\nint two;\nint three;\n"
    blob = run_git("hash-object", "-w", "--stdin", stdin=start).decode().strip()
    run_git("update-index", "--add", "--cacheinfo", f"100644,{blob},mm/rmap.c")
    run_git("checkout-index", "-a")
    run_git("commit", "-qm", "base")
    run_git("tag", "base")
    mailbox = mailbox.replace(b"\n", newline)
    run_git("am", "-q", "--patch-format=mboxrd", stdin=mailbox)
    by_git = run_git("rev-parse", "HEAD^{tree}")
    commits = _commits(run_git)

    patches = _ours(mailbox)
    run_git("read-tree", "-u", "--reset", "base")
    for patch in patches:
        run_git("apply", "--index", "-", stdin=patch.diff)
    assert run_git("write-tree") == by_git
    messages = [
        run_git("stripspace", stdin=f"{p.subject}\n\n{p.message}".encode()).decode().strip("\n")
        for p in patches
    ]
    assert list(zip([p.author for p in patches], messages, strict=True)) == commits
    assert commits[2][0] == "Änne Author <anne@example.com>"
