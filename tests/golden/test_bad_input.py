"""Input that is not what it must be: one line that says what to do, a code, nothing written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

MINIMM = Path(__file__).resolve().parents[2] / "corpora" / "minimm"
Run = Callable[..., subprocess.CompletedProcess[str]]


def _fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("mm-review: ")
    for word in words:
        assert word in lines[0]


@pytest.fixture
def outputs(tmp_path: Path) -> list[str]:
    """Name every file a review can write."""
    names = {"--output": "o.json", "--html": "o.html", "--drafts": "o.mbox"}
    return [word for option, name in names.items() for word in (option, str(tmp_path / name))]


def _nothing_written(tmp_path: Path) -> None:
    assert not list(tmp_path.glob("o.*"))
    assert not list(tmp_path.glob(".o.*"))


def test_a_series_that_does_not_apply(
    mm_review: Run, seed_mbox: Path, tmp_path: Path, outputs: list[str]
) -> None:
    text = seed_mbox.read_bytes().replace(b"page_mapped(page)", b"page_mappedx(page)")
    mbox = tmp_path / "series.mbox"
    mbox.write_bytes(text)
    done = mm_review("review", mbox, "--tree", MINIMM, *outputs)
    _fails(done, 3, "does not apply")
    _nothing_written(tmp_path)


def test_an_mbox_without_patches(mm_review: Run, tmp_path: Path, outputs: list[str]) -> None:
    mbox = tmp_path / "talk.mbox"
    mbox.write_text(
        "From a@example.org Mon Jan  1 00:00:00 2024\nFrom: A <a@example.org>\n"
        "Subject: hello\nMessage-ID: <1@example.org>\n"
        "Date: Mon, 01 Jan 2024 00:00:00 +0000\n\nno patch here\n"
    )
    _fails(mm_review("review", mbox, "--tree", MINIMM, *outputs), 2, "patch")
    _nothing_written(tmp_path)


def test_a_truncated_mbox(
    mm_review: Run, seed_mbox: Path, tmp_path: Path, outputs: list[str]
) -> None:
    data = seed_mbox.read_bytes()
    at = data.rindex(b"\n@@ ")
    mbox = tmp_path / "cut.mbox"
    mbox.write_bytes(data[: at + 60])
    done = mm_review("review", mbox, "--tree", MINIMM, *outputs)
    _fails(done, 2)
    _nothing_written(tmp_path)


def test_a_tree_that_is_no_kernel(
    mm_review: Run, seed_mbox: Path, tmp_path: Path, outputs: list[str]
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "main.c").write_text("int main(void) { return 0; }\n")
    _fails(mm_review("review", seed_mbox, "--tree", plain, *outputs), 2, "kernel")
    _nothing_written(tmp_path)


@pytest.mark.parametrize("revision", ["v9.99", "--output=x", "HEAD~9", ""])
def test_an_unknown_revision(
    mm_review: Run, seed_mbox: Path, minimm_repo: Path, tmp_path: Path, revision: str
) -> None:
    done = mm_review("review", seed_mbox, "--tree", minimm_repo, f"--base={revision}")
    if revision:
        _fails(done, 2, revision)
    else:
        assert done.returncode == 1


def test_a_file_that_is_not_there(mm_review: Run, tmp_path: Path, seed_mbox: Path) -> None:
    _fails(mm_review("review", tmp_path / "none.mbox", "--tree", MINIMM), 2, "none.mbox")
    _fails(mm_review("review", seed_mbox, "--tree", tmp_path / "none"), 2, "none")


def test_usage(mm_review: Run, seed_mbox: Path) -> None:
    assert mm_review("review", seed_mbox, "--no-such-option").returncode == 2
    _fails(mm_review("review", "--tree", MINIMM), 2, "INPUT")
    _fails(mm_review("review", seed_mbox, "--tree", MINIMM, "--format", "odt"), 2, "odt")
    _fails(mm_review("review", "--entry", "no_such_fn", "--tree", MINIMM), 2, "no_such_fn")
    _fails(mm_review("review", seed_mbox, "--tree", MINIMM, "--config", "X"), 2, "CONFIG")
    _fails(mm_review("review", seed_mbox, "--tree", MINIMM, "--config", "CONFIG_X=z"), 2, "=z")
    _fails(mm_review("review", seed_mbox, "--fail-on", "huge"), 2, "--fail-on huge", "never")


def test_a_configuration_value_may_be_a_quoted_string(mm_review: Run) -> None:
    done = mm_review("facts", "mm/util.c", "--tree", MINIMM, "--config", 'CONFIG_X="a b"')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("review", "--all"),
        ("demands", "PageTransHuge"),
        ("callers", "PageTransHuge"),
        ("facts", "mm/util.c"),
        ("rules",),
        ("series", MINIMM),
        ("decode", MINIMM / "mm" / "util.c"),
        ("replay", "free-under-reader"),
    ],
    ids=lambda command: command[0],
)
def test_a_format_that_is_none_is_refused(mm_review: Run, command: tuple[str | Path, ...]) -> None:
    _fails(mm_review(*command, "--format", "xml"), 2, "--format xml: not one of")


def test_the_version_is_the_packages(mm_review: Run) -> None:
    assert mm_review("--version").stdout == f"mm-review {version('mm-reviewer')}\n"


def test_a_damaged_cache_is_told_and_costs_no_answer(mm_review: Run, tmp_path: Path) -> None:
    asked = ("facts", "mm/util.c", "--tree", MINIMM, "--cache-dir", tmp_path)
    first = mm_review(*asked)
    cache = tmp_path / "cfacts.sqlite"
    assert cache.is_file()
    cache.write_bytes(b"no database" * 1000)
    again = mm_review(*asked)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert again.stderr.startswith("mm-review: facts cache: damaged")
    assert len(again.stderr.splitlines()) == 1


def test_what_a_tree_or_a_user_spells_repaints_no_terminal(mm_review: Run, tmp_path: Path) -> None:
    tree = tmp_path / "linux"
    shutil.copytree(MINIMM, tree)
    text = "#if defined(A) || '\x1b[31m'\nint red(struct page *page)\n{\n"
    text += "\treturn page_mapped(page);\n}\n#endif\n"
    (tree / "mm" / "r\x1b[31med.c").write_text(text)
    for asked in (
        ("callers", "page_mapped"),
        ("demands", "red"),
        ("facts", "red"),
        ("demands", "\x1b[31m"),
        ("review", "--entry", "\x1b[31m"),
    ):
        done = mm_review(*asked, "--tree", tree)
        assert "31m" in done.stdout + done.stderr, asked
        assert "\x1b" not in done.stdout + done.stderr, asked
