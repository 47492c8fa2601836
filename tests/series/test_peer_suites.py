"""The public mails of notmuch, public-inbox, b4 and liblore, read by git, by liblore and by us.

Where two differ is written with its reason in peer_differences.toml; these tests fail if a
difference appears that is not there, and if one is there that is none any more.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from reviewer.series.archive import iter_raw
from reviewer.series.mailinfo import parse_patch, read_mailinfo
from reviewer.series.message import parse_mail

pytestmark = pytest.mark.peer

Peer = Callable[[str], Path]
TABLE = tomllib.loads(Path(__file__).with_name("peer_differences.toml").read_text("utf-8"))
_BEGINS_A_MAIL = re.compile(
    rb"(?:From [^\n]+\r?\n)?(?:[A-Za-z-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*"
    rb"(?:From|Subject|Message-ID):[^\n]*\n",
    re.IGNORECASE,
)
LIBLORE_READER = Path(__file__).parent.parent / "peers" / "read_with_liblore.py"


def _files(root: Path, *patterns: str) -> list[Path]:
    return sorted({p for pattern in patterns for p in root.rglob(pattern) if p.is_file()})


def _literals(path: Path) -> Iterator[bytes]:
    """The mails and boxes that stand as literals in a Python test."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            raw = value if isinstance(value, bytes) else textwrap.dedent(value).encode()
            if _BEGINS_A_MAIL.match(raw):
                yield raw


def suite(name: str, peer: Peer) -> dict[str, bytes]:
    """The mails of one suite by a name that stays from run to run."""
    root = peer(name)
    if name == "liblore":
        found: dict[str, bytes] = {}
        for path in _files(root / "tests", "test_*.py"):
            for number, raw in enumerate(_literals(path)):
                for place, message in enumerate(iter_raw(io.BytesIO(raw), "auto")):
                    found[f"{path.name}:{number}.{place}"] = message.data
        return found
    files = {
        "notmuch": lambda: _files(root / "test" / "corpora" / "lkml", "*"),
        "public-inbox": lambda: _files(root / "t", "*.eml", "*.patch"),
        "b4": lambda: _files(root / "src" / "tests" / "samples", "*.mbox"),
    }[name]()
    return {
        f"{path.name}#{number}": message.data
        for path in files
        for number, message in enumerate(iter_raw(path))
        if not message.error
    }


# As many mails as each suite has, so that none is lost without notice.
SUITES = {"notmuch": 210, "public-inbox": 21, "b4": 67, "liblore": 34}


@pytest.mark.parametrize("name", SUITES)
def test_suite_is_all_read(name: str, peer: Peer) -> None:
    assert len(suite(name, peer)) >= SUITES[name]


@pytest.mark.parametrize("name", SUITES)
def test_patches_and_authors_are_those_of_git(
    name: str, peer: Peer, git_mailinfo: Callable[..., Any]
) -> None:
    different = set()
    for key, raw in suite(name, peer).items():
        git, ours = git_mailinfo(raw), read_mailinfo(raw)
        if git.failed:
            assert ours.problems
            different.add(f"{key} git gives up")
            continue
        for field in ("author", "email", "subject", "message", "patch"):
            if getattr(git, field) != getattr(ours, field):
                different.add(f"{key} {field}")
    assert different == set(TABLE["git"].get(name, {}))


def _ask_liblore(mails: list[bytes], boxes: list[bytes]) -> dict[str, Any]:
    python = Path(os.environ["MM_REVIEWER_PEERS"], "python").absolute()
    request = {
        "mails": [base64.b64encode(raw).decode() for raw in mails],
        "boxes": [base64.b64encode(raw).decode() for raw in boxes],
    }
    done = subprocess.run(
        [sys.executable, str(LIBLORE_READER)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(python)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _comparable(field: str, text: str) -> object:
    if field == "author":
        return parseaddr(text)  # liblore drops quotes a name does not need; we keep what is sent
    return " ".join(text.split())


@pytest.mark.parametrize("name", SUITES)
def test_mails_read_as_liblore_reads_them(name: str, peer: Peer) -> None:
    peer("liblore")
    mails = suite(name, peer)
    answers = _ask_liblore(list(mails.values()), [])["mails"]
    different = set()
    for (key, raw), theirs in zip(mails.items(), answers, strict=True):
        ours = parse_mail(raw)
        for field, text in theirs.items():
            value = str(getattr(ours, field))
            if field == "msgid" and value.endswith("@no-message-id"):
                value = ""  # made by us; liblore has none
            if _comparable(field, text) != _comparable(field, value):
                different.add(f"{key} {field}")
    listed = TABLE["liblore"].get(name, {})
    assert different == set(listed)
    assert all(listed.values())


def test_boxes_split_as_liblore_splits_them(peer: Peer) -> None:
    boxes = {
        f"{path.name}:{number}": raw
        for path in _files(peer("liblore") / "tests", "test_mbox.py")
        for number, raw in enumerate(_literals(path))
        if raw.startswith(b"From ")
    }
    boxes |= {p.name: p.read_bytes() for p in _files(peer("b4") / "src", "*.mbox")}
    answers = _ask_liblore([], list(boxes.values()))["boxes"]
    different = set()
    for (key, raw), theirs in zip(boxes.items(), answers, strict=True):
        ours = [m.data.rstrip(b"\n") for m in iter_raw(io.BytesIO(raw), "mboxrd")]
        if ours != [base64.b64decode(text).rstrip(b"\n") for text in theirs]:
            different.add(key)
    assert len(boxes) > 20
    assert different == set(TABLE["liblore"].get("boxes", {}))


def test_b4_prepares_the_patches_we_read(peer: Peer) -> None:
    """Each ``-ref-*.txt`` is what ``git am`` shall get: author, subject and diff are ours."""
    samples = peer("b4") / "src" / "tests" / "samples"
    compared = 0
    for expected in _files(samples, "trailers-followup-*-ref-defaults.txt"):
        source = samples / (expected.name.removesuffix("-ref-defaults.txt") + ".mbox")
        wanted = [_patch(m.data) for m in iter_raw(expected, "mboxrd")]
        found = [_patch(m.data) for m in iter_raw(source, "mboxrd")]
        for patch in wanted:
            if patch is not None:
                assert patch in found, expected.name
                compared += 1
    assert compared >= 10


def _patch(raw: bytes) -> tuple[str, str, bytes] | None:
    patch = parse_patch(parse_mail(raw), raw)
    if patch is None:
        return None
    # b4 adds its own signature and base-commit lines behind the diff.
    return patch.author, patch.subject, patch.diff[patch.diff.find(b"diff ") :].split(b"\n-- \n")[0]
