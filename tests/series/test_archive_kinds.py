"""Each kind of archive gives the same messages, and damage costs no neighbour."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.series import publicinbox
from reviewer.series.archive import INPUT_FORMATS, iter_raw
from reviewer.series.mailinfo import parse_patch
from reviewer.series.message import parse_mail

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Git = Callable[..., bytes]
DIFF = b"---\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"


def mail(number: int) -> bytes:
    text = f"From: A <a@example.com>\nSubject: mail {number}\nMessage-ID: <{number}@x>\n\nbody\n"
    return text.encode()


MAILS = [mail(number) for number in range(5)]
BOX = b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + m + b"\n" for m in MAILS)


def subjects(path: Path | io.BytesIO, input_format: str = "auto") -> list[str]:
    messages = list(iter_raw(path, input_format))
    assert not [m.error for m in messages if m.error]
    return [parse_mail(m.data).subject for m in messages]


ALL = [f"mail {number}" for number in range(5)]
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstd.compress,
    "gz of two members": lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]),
}


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_mbox_is_detected_whatever_compresses_it(kind: str, tmp_path: Path) -> None:
    data = COMPRESSORS[kind](BOX)
    (tmp_path / "no-telling-name").write_bytes(data)
    assert subjects(tmp_path / "no-telling-name") == ALL
    assert subjects(io.BytesIO(data)) == ALL


class _Pipe(io.RawIOBase):
    """Gives a byte or two at a time and cannot seek, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        piece, self._data = self._data[:2], self._data[2:]
        return piece


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_a_slow_pipe_is_read_to_its_end(kind: str) -> None:
    pipe = _Pipe(COMPRESSORS[kind](BOX))
    found = list(iter_raw(pipe))  # type: ignore[arg-type] # a RawIOBase has all that is used
    assert len(found) == 5


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2", "zst"])
@pytest.mark.parametrize("damage", ["cut off", "overwritten"])
def test_damaged_compression_keeps_what_was_before_it(kind: str, damage: str) -> None:
    box = b"".join(
        b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + mail(n) + bytes(range(33, 127)) * 99 + b"\n\n"
        for n in range(400)
    )
    data = COMPRESSORS[kind](box)
    half = len(data) // 2
    data = data[:half] if damage == "cut off" else data[:half] + b"\xff" * 64 + data[half + 64 :]
    found = list(iter_raw(io.BytesIO(data)))
    assert [m.error for m in found[:-1]] == [""] * (len(found) - 1)
    assert "breaks off" in found[-1].error
    for number, message in enumerate(found[:-1]):
        assert message.data.startswith(mail(number))


def test_maildir_is_read_and_flags_do_not_make_a_mail_new(tmp_path: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    for number, data in enumerate(MAILS):
        name = f"cur/100{number}.host:2,S" if number % 2 else f"new/100{number}.host"
        (tmp_path / name).write_bytes(data)
    (tmp_path / "tmp" / "half").write_bytes(b"half a mail")
    before = list(iter_raw(tmp_path))
    assert sorted(parse_mail(m.data).subject for m in before) == ALL
    (tmp_path / "new" / "1000.host").rename(tmp_path / "cur" / "1000.host:2,RS")
    assert list(iter_raw(tmp_path, known={m.origin for m in before})) == []


def test_directory_of_patches_is_read_in_the_order_of_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        (tmp_path / f"{number}-x.patch").write_bytes(mail(number))
    (tmp_path / "11-box.mbox.gz").write_bytes(gzip.compress(BOX))
    (tmp_path / "README").write_text("no mail\n")
    (tmp_path / ".hidden.patch").write_bytes(mail(99))
    assert subjects(tmp_path) == ["mail 1", "mail 9", "mail 10", *ALL]


def test_link_that_leads_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(mail(7))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0001-x.patch").write_bytes(mail(1))
    (tmp_path / "in" / "0002-x.patch").symlink_to(tmp_path / "secret")
    assert subjects(tmp_path / "in") == ["mail 1"]


def test_quilt_series_is_numbered_threaded_and_says_its_holes(tmp_path: Path) -> None:
    (tmp_path / "mm-one.patch").write_bytes(
        b"From: Anne <anne@example.com>\nSubject: mm: one\nDate: Mon, 23 Nov 2026 01:02:03 +0000\n"
        b"\nWhy.\n\nSigned-off-by: A <a@example.com>\n" + DIFF
    )
    (tmp_path / "debian.patch").write_bytes(
        b"Description: two\n more of two\nAuthor: Bob <bob@example.com>\n\n" + DIFF
    )
    (tmp_path / "bare.patch").write_bytes(b"mm: this is prose\n\n" + DIFF[4:])
    (tmp_path / "series").write_text(
        "# comment\nmm-one.patch\ndebian.patch -p1 # why\n\nmissing.patch\nbare.patch\n"
        "../out.patch\n"
    )
    (tmp_path.parent / "out.patch").write_bytes(DIFF)
    messages = list(iter_raw(tmp_path))
    assert [bool(m.error) for m in messages] == [False, False, True, False, True]
    mails = [parse_mail(m.data) for m in messages if not m.error]
    assert [m.subject for m in mails] == [
        "[PATCH 1/5] mm: one",
        "[PATCH 2/5] two",
        "[PATCH 4/5] bare",
    ]
    assert [m.in_reply_to for m in mails] == ["", mails[0].msgid, mails[0].msgid]
    patches = [parse_patch(parse_mail(m.data), m.data) for m in messages if not m.error]
    found = [(p.author, p.subject, p.message) for p in patches if p is not None]
    assert found[0] == (
        "Anne <anne@example.com>",
        "mm: one",
        "Why.\n\nSigned-off-by: A <a@example.com>\n",
    )
    assert found[1][:2] == ("Bob <bob@example.com>", "two")
    assert found[2][1:] == ("bare", "mm: this is prose\n\n")


def _commit(git: Git, files: dict[str, bytes]) -> str:
    """Commit exactly these files on HEAD, without a work tree."""
    git("read-tree", "--empty")
    for path, data in files.items():
        blob = git("hash-object", "-w", "--stdin", stdin=data).decode().strip()
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    git("commit", "-q", "--allow-empty", "-m", "x")
    return git("rev-parse", "HEAD").decode().strip()


@pytest.fixture
def inbox_v2(tmp_path: Path, run_git: Git) -> Path:
    """Two epochs; mail 1 is deleted in its own epoch, mail 2 from the next one."""
    inbox = tmp_path / "inbox"
    (inbox / "git").mkdir(parents=True)
    repo = str(tmp_path / "repo")
    for number in range(4):
        _commit(run_git, {"m": mail(number)})
    _commit(run_git, {"d": mail(1)})
    run_git("clone", "-q", "--bare", repo, str(inbox / "git" / "0.git"))
    run_git("checkout", "-q", "--orphan", "next")
    _commit(run_git, {"d": mail(2)})
    _commit(run_git, {"m": mail(4)})
    run_git("clone", "-q", "--bare", "-b", "next", repo, str(inbox / "git" / "1.git"))
    return inbox


def test_public_inbox_v2_gives_all_epochs_without_the_deleted(inbox_v2: Path) -> None:
    assert sorted(subjects(inbox_v2)) == ["mail 0", "mail 3", "mail 4"]
    assert subjects(inbox_v2 / "git") == subjects(inbox_v2)
    assert subjects(inbox_v2 / "git" / "0.git") == ["mail 0", "mail 2", "mail 3"]


def test_public_inbox_is_found_by_a_relative_path(
    inbox_v2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inbox_v2.parent)
    assert len(subjects(Path("inbox"))) == 3


def test_public_inbox_second_run_reads_only_what_is_new(inbox_v2: Path) -> None:
    first = list(iter_raw(inbox_v2))
    known = {m.origin for m in first[:-1]}
    assert list(iter_raw(inbox_v2, known=known)) == first[-1:]


def test_public_inbox_v1_gives_what_stands_in_the_newest_tree(tmp_path: Path, run_git: Git) -> None:
    paths = [f"{n:02x}/{n:038x}" for n in range(3)]
    files: dict[str, bytes] = {}
    for number, path in enumerate(paths):
        files[path] = mail(number)
        _commit(run_git, files)
    del files[paths[1]]
    _commit(run_git, files)
    run_git("clone", "-q", "--bare", str(tmp_path / "repo"), str(tmp_path / "v1.git"))
    assert subjects(tmp_path / "v1.git") == ["mail 0", "mail 2"]


def test_public_inbox_with_a_lost_object_loses_one_message(inbox_v2: Path, run_git: Git) -> None:
    blob = run_git("hash-object", "--stdin", stdin=mail(0)).decode().strip()
    epoch = inbox_v2 / "git" / "0.git"
    for pack in (epoch / "objects" / "pack").glob("*.pack"):
        data = pack.read_bytes()
        pack.chmod(0o600)
        pack.unlink()
        for other in pack.parent.glob(pack.stem + ".*"):
            other.unlink()
        run_git("--git-dir", str(epoch), "unpack-objects", "-q", stdin=data)
    loose = epoch / "objects" / blob[:2] / blob[2:]
    loose.unlink()
    messages = list(iter_raw(inbox_v2))
    assert [m.origin for m in messages if m.error] == [f"0.git:{blob}"]
    assert len(messages) == 3


def test_config_of_an_inbox_starts_no_program(inbox_v2: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    script = tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    with (inbox_v2 / "git" / "0.git" / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {script}\n\tpager = {script}\n\tsshCommand = {script}\n"
            f"[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {script}\n"
            f"[diff]\n\texternal = {script}\n[pager]\n\tdiff-tree = {script}\n"
        )
    assert len(subjects(inbox_v2)) == 3
    assert not trap.exists()


def test_public_inbox_full_of_broken_objects_does_not_hang(inbox_v2: Path) -> None:
    epoch = inbox_v2 / "git" / "0.git"
    for number in range(300):
        mail_id = f"{number:040x}"
        loose = epoch / "objects" / mail_id[:2] / mail_id[2:]
        loose.parent.mkdir(exist_ok=True)
        loose.write_bytes(b"no object")
    oids = [bytes.fromhex(f"{number:040x}") for number in range(300)] * 20
    messages = list(publicinbox._read_blobs(epoch, "0.git", oids))
    assert len(messages) == 6000  # git complains of each, in more than a pipe holds
    assert all(message.error for message in messages)


def test_checkout_is_not_taken_for_patches(run_git: Git, tmp_path: Path) -> None:
    (tmp_path / "repo" / "main.c").write_text("int x;\n")
    with pytest.raises(BadInputError, match=r"range A\.\.B"):
        list(iter_raw(tmp_path / "repo"))


def test_git_range_reads_as_the_mails_format_patch_sends(
    tmp_path: Path, run_git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(run_git, {"x": b"a\n"})
    run_git("tag", "start")
    for number in (1, 2):
        blob = run_git("hash-object", "-w", "--stdin", stdin=b"%d\n" % number).decode().strip()
        run_git("update-index", "--add", "--cacheinfo", f"100644,{blob},x")
        message = f"mm: step {number}\n\nFrom here\n>From there\n---\nS: x\n"
        run_git("commit", "-q", "-F", "-", stdin=message.encode())
    run_git("config", "format.attach", "true")
    run_git("config", "format.subjectPrefix", "NOT THIS")
    run_git("config", "diff.noprefix", "true")
    monkeypatch.chdir(tmp_path / "repo")
    messages = list(iter_raw(Path("start..HEAD")))
    mails = [parse_mail(m.data) for m in messages]
    assert [m.subject for m in mails] == ["[PATCH 1/2] mm: step 1", "[PATCH 2/2] mm: step 2"]
    assert mails[1].in_reply_to == mails[0].msgid
    patches = [parse_patch(m, r.data) for m, r in zip(mails, messages, strict=True)]
    assert [p.message for p in patches if p] == ["From here\n>From there\n"] * 2
    assert all(b"--- a/x\n+++ b/x\n" in p.diff for p in patches if p)
    with pytest.raises(BadInputError, match="no commits"):
        list(iter_raw(Path("HEAD..start")))
    with pytest.raises(BadInputError, match="format-patch"):
        list(iter_raw(Path("nowhere..HEAD")))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(BOX))))
    assert subjects(Path("-")) == ALL


def test_single_mail_keeps_from_lines_of_its_body(tmp_path: Path) -> None:
    data = MAILS[0] + b"\nFrom a@b Mon Sep 17 00:00:00 2001\nstill the same mail\n"
    (tmp_path / "one.eml").write_bytes(data.replace(b"\n", b"\r\n"))
    [message] = iter_raw(tmp_path / "one.eml")
    assert message.data == data


@pytest.mark.parametrize("data", [b"", b"\n", b"\x89PNG\r\n\x1a\n\0\0", b"<html>no</html>"])
def test_what_is_no_mail_is_one_clean_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "thing").write_bytes(data)
    [message] = iter_raw(tmp_path / "thing")
    assert message.error


@pytest.mark.parametrize(
    ("path", "input_format"),
    [("absent", "auto"), ("absent", "mbox"), ("empty", "auto"), ("file", "maildir"), ("file", "x")],
)
def test_input_that_cannot_be_is_refused_in_one_line(
    path: str, input_format: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(BOX)
    with pytest.raises(BadInputError) as caught:
        list(iter_raw(tmp_path / path, input_format))
    assert "\n" not in str(caught.value)


def test_input_format_overrules_detection(tmp_path: Path) -> None:
    assert "auto" in INPUT_FORMATS
    (tmp_path / "box").write_bytes(BOX)
    [message] = iter_raw(tmp_path / "box", "mail")
    assert message.data == BOX
