"""Real mails: every sixtieth of the cgroups list reads as git reads it, and touches what git says.

Its 11,116 patches and each twentieth other mail were compared so once (2026): authors, subjects,
messages and patches were those of git wherever git did not give up.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from reviewer.series.archive import iter_raw
from reviewer.series.hunks import LineRange, parse_diff
from reviewer.series.mailinfo import parse_patch, read_mailinfo
from reviewer.series.message import parse_mail

pytestmark = pytest.mark.peer

STEP = 60


@pytest.fixture(scope="module")
def sample() -> list[bytes]:
    given = os.environ.get("MM_REVIEWER_CGROUPS")
    if not given:
        pytest.skip("MM_REVIEWER_CGROUPS names no archive: run make test-kernel")
    return [m.data for m in islice(iter_raw(Path(given)), 0, None, STEP) if not m.error]


def test_mails_read_as_git_reads_them(
    sample: list[bytes], git_mailinfo: Callable[..., Any]
) -> None:
    assert len(sample) > 500
    for raw in sample:
        git, ours = git_mailinfo(raw), read_mailinfo(raw)
        if git.failed:
            assert ours.problems, parse_mail(raw).msgid
            continue
        for name in ("author", "email", "subject", "message", "patch"):
            assert getattr(ours, name) == getattr(git, name), (name, parse_mail(raw).msgid)


def test_diffs_touch_what_git_says(sample: list[bytes], tmp_path: Path) -> None:
    compared = 0
    for raw in sample:
        mail = parse_mail(raw)
        patch = parse_patch(mail, raw)
        if patch is None:
            continue
        git = subprocess.run(
            ["git", "apply", "--numstat", "-z"],
            input=patch.diff,
            capture_output=True,
            cwd=tmp_path,
        )
        found = parse_diff(patch.diff)
        assert bool(found.problem) is bool(git.returncode), (mail.msgid, found.problem, git.stderr)
        fields = [line.split(b"\t") for line in git.stdout.split(b"\0")]
        expected = sorted((int(f[0]), int(f[1])) for f in fields if len(f) == 3 and f[0] != b"-")
        ours = sorted(
            (
                sum(_size(r) for hunk in file.hunks for r in hunk.added),
                sum(_size(r) for hunk in file.hunks for r in hunk.removed),
            )
            for file in found.files
            if not file.binary
        )
        assert ours == expected, mail.msgid
        compared += 1
    assert compared > 100


def _size(lines: LineRange) -> int:
    return lines.last - lines.first + 1
