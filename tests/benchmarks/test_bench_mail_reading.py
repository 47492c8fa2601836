"""Splitting and header parsing of one mboxrd against mailbox, git mailsplit and liblore.

The mbox is made here, of mails of our own (``MM_REVIEWER_BENCH_MB``, 300 unless set). Each
reader runs in a process of its own, the best of three counts, and the table goes to stdout as
ratios. liblore is measured if ``MM_REVIEWER_PEERS`` (tests/peers/fetch_peers.py) has it.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench

SIZE = int(os.environ.get("MM_REVIEWER_BENCH_MB", "300")) * 1_000_000
OURS = "split + headers: mm-review"
READERS = {
    "split: mm-review": """
from reviewer.series.archive import iter_raw
for message in iter_raw(Path(sys.argv[1])):
    count += 1
""",
    "split: liblore (bytes)": """
from liblore.utils import split_mbox_as_bytes
count = len(split_mbox_as_bytes(Path(sys.argv[1]).read_bytes()))
""",
    OURS: """
from reviewer.series.archive import iter_raw
from reviewer.series.message import decode_value, read_fields
for message in iter_raw(Path(sys.argv[1])):
    fields = {name.lower(): decode_value(value) for name, value in read_fields(message.data)[0]}
    count += b"subject" in fields
""",
    "split + whole mail: mm-review": """
from reviewer.series.archive import iter_raw
from reviewer.series.message import parse_mail
for message in iter_raw(Path(sys.argv[1])):
    count += bool(parse_mail(message.data).subject)
""",
    "split + headers: mailbox + email": """
import mailbox
from email.parser import BytesHeaderParser
for message in mailbox.mbox(sys.argv[1], BytesHeaderParser().parse):
    fields = {name.lower(): value for name, value in message.items()}
    count += "subject" in fields
""",
    "split + whole mail: mailbox + email": """
import mailbox
for message in mailbox.mbox(sys.argv[1]):
    count += bool(message["Subject"])
""",
    "split + whole mail: liblore": """
from liblore.utils import split_mbox
for message in split_mbox(Path(sys.argv[1]).read_bytes()):
    count += bool(message["Subject"])
""",
}


def make_mail(number: int, rng: random.Random) -> bytes:
    """A mail as lore has them: a long header, a patch or an answer of 2 to 30 KB."""
    received = "".join(
        f"Received: from host{hop}.example.com (host{hop}.example.com [192.0.2.{hop}])\n"
        f"\tby mx{hop}.example.com with ESMTPS id {rng.getrandbits(64):x};\n"
        f"\tMon, 23 Nov 2026 01:02:{hop:02} +0000\n"
        for hop in range(8)
    )
    words = [f"folio_{n}" for n in range(500)]
    length = rng.choice((20, 60, 120, 300, 500))
    body = "\n".join(rng.choice("+- >") + " ".join(rng.choices(words, k=7)) for _ in range(length))
    first = number - number % 7
    return (
        f"From mboxrd@z Thu Jan  1 00:00:00 1970\n{received}"
        f"From: Developer {number % 50} <dev{number % 50}@example.com>\n"
        f"To: linux-mm@example.org,\n\tB <b@example.com>, C <c@example.com>\n"
        f"Cc: =?utf-8?q?J=C3=B6rg?= <j@example.com>\n"
        f"Subject: [PATCH v2 {number % 7}/7] mm: step {number}\n"
        f"Message-ID: <{number}.x@example.com>\nIn-Reply-To: <{first}.x@example.com>\n"
        f"References: <{first}.x@example.com>\n"
        f"Date: Mon, 23 Nov 2026 01:02:03 +0000\n"
        f"Content-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\n\n{body}\n>From here\n\n"
    ).encode()


@pytest.fixture(scope="module")
def mboxrd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("bench") / "archive.mboxrd"
    rng = random.Random(3)
    size = count = 0
    with path.open("wb") as out:
        while size < SIZE:
            size += out.write(make_mail(count, rng))
            count += 1
    return path, count


def run_python(code: str, path: Path) -> tuple[float, int]:
    """Seconds for reading, without the start of Python, and the number of messages found."""
    program = (
        "import sys, time\nfrom pathlib import Path\ncount = 0\n"
        f"start = time.perf_counter()\n{code}\nprint(time.perf_counter() - start, count)\n"
    )
    peers = os.environ.get("MM_REVIEWER_PEERS", "")
    environment = {**os.environ, "PYTHONPATH": str(Path(peers, "python").absolute())}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        env=environment if peers else None,
    )
    assert done.returncode == 0, done.stderr
    seconds, count = done.stdout.split()
    return float(seconds), int(count)


def run_mailsplit(path: Path) -> tuple[float, int]:
    out = path.with_name("split")
    out.mkdir()
    start = time.perf_counter()
    done = subprocess.run(
        ["git", "mailsplit", "--mboxrd", "-d8", f"-o{out}", str(path)], capture_output=True
    )
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    return seconds, int(done.stdout)


def test_mail_reading_ratios(mboxrd: tuple[Path, int], capsys: pytest.CaptureFixture[str]) -> None:
    path, count = mboxrd
    has_liblore = Path(os.environ.get("MM_REVIEWER_PEERS", "/nonexistent"), "python").is_dir()
    times: dict[str, float] = {}
    for _ in range(3):
        seconds, found = run_mailsplit(path)
        assert found == count
        name = "split: git mailsplit"
        times[name] = min(seconds, times.get(name, seconds))
        for name, code in READERS.items():
            if "liblore" in name and not has_liblore:
                continue
            seconds, found = run_python(code, path)
            assert found == count, name
            times[name] = min(seconds, times.get(name, seconds))
    ours = times[OURS]
    with capsys.disabled():
        print(f"\n{path.stat().st_size / 1e6:.0f} MB, {count} messages; best of 3; ratio to ours")  # noqa: T201 - the result
        for name, seconds in sorted(times.items()):
            print(f"| {name:36} | {seconds:7.2f} s | {seconds / ours:5.2f} |")  # noqa: T201 - the result
