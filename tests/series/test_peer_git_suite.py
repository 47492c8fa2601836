"""git's own suite: t5100, t4256 and t4258, held against the files git's tests expect."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.series.archive import iter_raw
from reviewer.series.mailinfo import MailinfoOptions, parse_patch, read_mailinfo
from reviewer.series.mbox import iter_mbox
from reviewer.series.message import parse_mail

pytestmark = pytest.mark.peer

Peer = Callable[[str], Path]
OPTIONS = {
    "": MailinfoOptions(),
    "--scissors": MailinfoOptions(scissors=True),
    "--no-inbody-headers": MailinfoOptions(inbody_headers=False),
    "--message-id": MailinfoOptions(message_id=True),
}
# Boxes of t5100, and how many messages git's tests say are in them.
BOXES = {
    "sample.mbox": 18,
    "rfc2047-samples.mbox": 11,
    "sample.mboxrd": 2,
    "nul-plain": 1,
    "nul-b64.in": 1,
    "info-from.in": 1,
    "embed-from.in": 1,
    "quoted-from.in": 1,
    "quoted-string.in": 1,
    "comment.in": 1,
    "quoted-cr.mbox": 2,
}


@pytest.fixture(scope="module")
def t5100(peer: Peer) -> Path:
    return peer("git") / "t" / "t5100"


def messages(path: Path, dialect: str = "auto") -> list[bytes]:
    return [m.data for m in iter_mbox(io.BytesIO(path.read_bytes()), path.name, dialect)]


def expected_info(path: Path) -> dict[bytes, list[bytes]]:
    """What git's tests want printed; a field that is not printed is an empty one."""
    fields: dict[bytes, list[bytes]] = {}
    for line in path.read_bytes().splitlines():
        if line:
            name, _, value = line.partition(b": ")
            fields.setdefault(name, []).append(value)
    return {name: lines for name, lines in fields.items() if lines != [b""]}


def info_of(raw: bytes, options: MailinfoOptions = OPTIONS[""]) -> dict[bytes, list[bytes]]:
    """What ``git mailinfo`` would print, from our reading of the mail."""
    info = read_mailinfo(raw, options)
    fields = {
        b"Author": info.author,
        b"Email": info.email,
        b"Subject": info.subject,
        b"Date": info.date,
    }
    return {name: value.split(b"\n") for name, value in fields.items() if value}


@pytest.mark.parametrize("box", BOXES)
def test_boxes_split_into_the_number_git_finds(t5100: Path, box: str) -> None:
    dialect = "mboxrd" if box.endswith("rd") else "auto"
    assert len(messages(t5100 / box, dialect)) == BOXES[box]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("number", range(1, 19))
def test_t5100_sample(t5100: Path, number: int, option: str) -> None:
    name = f"{number:04}{option}"
    if not (t5100 / f"msg{name}").exists():
        assert option, f"git's suite has no answer for message {number}"
        return
    raw = messages(t5100 / "sample.mbox")[number - 1]
    info = read_mailinfo(raw, OPTIONS[option])
    assert info.message == (t5100 / f"msg{name}").read_bytes()
    assert info.patch == (t5100 / f"patch{name}").read_bytes()
    assert info_of(raw, OPTIONS[option]) == expected_info(t5100 / f"info{name}")


@pytest.mark.parametrize("number", range(1, 12))
def test_t5100_rfc2047(t5100: Path, number: int) -> None:
    raw = messages(t5100 / "rfc2047-samples.mbox")[number - 1]
    info = read_mailinfo(raw)
    assert (info.message, info.patch) == (b"", b"")
    assert info_of(raw) == expected_info(t5100 / f"rfc2047-info-{number:04}")


@pytest.mark.parametrize("name", ["info-from", "embed-from", "quoted-string", "comment"])
def test_t5100_header(t5100: Path, name: str) -> None:
    [raw] = messages(t5100 / f"{name}.in")
    assert info_of(raw) == expected_info(t5100 / f"{name}.expect")


def test_t5100_quoted_from(t5100: Path) -> None:
    [raw] = messages(t5100 / "quoted-from.in")
    assert read_mailinfo(raw).message == (t5100 / "quoted-from.expect").read_bytes()


@pytest.mark.parametrize("number", [1, 2])
def test_t5100_mboxrd(t5100: Path, number: int) -> None:
    raw = messages(t5100 / "sample.mboxrd", "mboxrd")[number - 1]
    assert read_mailinfo(raw).message == (t5100 / f"{number:04}mboxrd").read_bytes()


def test_t5100_mboxrd_with_trailing_spaces() -> None:
    box = (
        b"From mboxrd Mon Sep 17 00:00:00 2001\nFrom: trailing spacer <sp@example.com>\n"
        b"Subject: [PATCH] a commit with trailing space\n\nFrom \n>From \n\n"
    )
    [message] = iter_mbox(io.BytesIO(box), "sp", "mboxrd")
    assert read_mailinfo(message.data).message == b"From \nFrom \n\n"


def test_t5100_nul(t5100: Path) -> None:
    [plain] = messages(t5100 / "nul-plain")
    assert plain == (t5100 / "nul-plain").read_bytes().partition(b"\n")[2]
    assert read_mailinfo(plain).patch.count(b"\n") == 4
    [coded] = messages(t5100 / "nul-b64.in")
    assert read_mailinfo(coded).patch == (t5100 / "nul-b64.expect").read_bytes()


def test_t5100_quoted_cr(t5100: Path) -> None:
    """The suite's templates hold ``%%`` for a CR; the first message lacks those at line ends."""
    first, second = messages(t5100 / "quoted-cr.mbox")
    for part in ("message", "patch"):
        template = (t5100 / f"quoted-cr-{'msg' if part == 'message' else part}").read_bytes()
        kept = template.replace(b"%%", b"\r")
        stripped = template.replace(b"%%\n", b"\n").replace(b"%%", b"\r")
        assert getattr(read_mailinfo(first), part) == stripped
        assert getattr(read_mailinfo(second), part) == kept
        strip = MailinfoOptions(strip_quoted_cr=True)
        assert getattr(read_mailinfo(second, strip), part) == stripped
    assert info_of(first) == info_of(second) == expected_info(t5100 / "quoted-cr-info")
    assert read_mailinfo(first).problems == ()
    assert read_mailinfo(second).problems == ("quoted CRLF detected",)


def _apply(run_git: Callable[..., bytes], repo: Path, path: str, diff: bytes) -> bytes:
    run_git("add", path)
    run_git("apply", "--index", "-", stdin=diff)
    return (repo / path).read_bytes()


def test_t4256_flowed_patch_applies_and_gives_the_file(
    peer: Peer, run_git: Callable[..., bytes], tmp_path: Path
) -> None:
    data = peer("git") / "t" / "t4256" / "1"
    [message] = iter_raw(data / "patch")
    patch = parse_patch(parse_mail(message.data), message.data)
    assert patch is not None
    (tmp_path / "repo" / "mailinfo.c").write_bytes((data / "mailinfo.c.orig").read_bytes())
    result = _apply(run_git, tmp_path / "repo", "mailinfo.c", patch.diff)
    assert result == (data / "mailinfo.c").read_bytes()


def test_t4258_quoted_cr_is_said_and_can_be_stripped(
    peer: Peer, run_git: Callable[..., bytes], tmp_path: Path
) -> None:
    [message] = iter_raw(peer("git") / "t" / "t4258" / "mbox")
    patch = parse_patch(parse_mail(message.data), message.data)
    assert patch is not None
    # git am warns, keeps the CRs and fails, unless told --quoted-cr=strip. As mailinfo we do the
    # same, as a reader of patches we take them off: see git_differences.toml.
    assert read_mailinfo(message.data).problems == ("quoted CRLF detected",)
    assert b"\r\n" in read_mailinfo(message.data).patch
    assert patch.problems == ("quoted CRLF detected and removed",)
    (tmp_path / "repo" / "text").write_bytes(b"one\n")
    assert _apply(run_git, tmp_path / "repo", "text", patch.diff) == b"two\n"
