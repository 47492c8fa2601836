"""The table of differences from git is true: git does what it says, and so do we."""

from __future__ import annotations

import io
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.series.archive import iter_raw
from reviewer.series.mailinfo import parse_patch, read_mailinfo
from reviewer.series.message import parse_mail

TABLE = tomllib.loads(Path(__file__).with_name("git_differences.toml").read_text("utf-8"))
GIVES_UP = "gives up"


@pytest.mark.parametrize("row", TABLE["mail"], ids=lambda row: row["name"])
def test_mail_is_read_as_the_table_says(
    row: dict[str, Any], git_mailinfo: Callable[..., Any]
) -> None:
    assert row["why"]
    raw = row["raw"].encode("latin-1")
    git, ours = git_mailinfo(raw), read_mailinfo(raw)
    assert git.failed is (row["git"] == GIVES_UP)
    if not git.failed:
        for name, value in row["git"].items():
            assert getattr(git, name) == value.encode("latin-1"), name
    for name, value in row["ours"].items():
        assert getattr(ours, name) == value.encode("latin-1"), name
    # What git would have refused is not passed on in silence.
    if git.failed and parse_mail(raw).body:
        assert bool(ours.problems) is row.get("said", True)


@pytest.mark.parametrize("row", TABLE["patch"], ids=lambda row: row["name"])
def test_patch_is_read_as_the_table_says(
    row: dict[str, Any], git_mailinfo: Callable[..., Any]
) -> None:
    assert row["why"]
    raw = row["raw"].encode("latin-1")
    git, ours = git_mailinfo(raw), parse_patch(parse_mail(raw), raw)
    assert not git.failed
    assert ours is not None
    for name, value in row["git"].items():
        assert getattr(git, name) == value.encode("latin-1"), name
    assert ours.message == row["ours"]["message"]
    assert ours.diff == row["ours"]["diff"].encode("latin-1")


@pytest.mark.parametrize("row", TABLE["split"], ids=lambda row: row["name"])
def test_mbox_is_split_as_the_table_says(
    row: dict[str, Any], tmp_path: Path, git_mailsplit: Callable[..., list[bytes]]
) -> None:
    assert row["why"]
    raw = row["raw"].encode("latin-1")
    assert len(list(iter_raw(io.BytesIO(raw), "mbox"))) == row["ours"]
    if row["git"] != GIVES_UP:
        assert len(git_mailsplit(raw)) == row["git"]
        return
    (tmp_path / "box").write_bytes(raw)
    done = subprocess.run(["git", "mailsplit", "-o.", "box"], cwd=tmp_path, capture_output=True)
    assert b"corrupt mailbox" in done.stderr
