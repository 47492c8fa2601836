"""Progress and colours: on a terminal only."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

from reviewer.model.review import Review
from reviewer.report.console import Console, paint
from reviewer.report.text import render_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_pipe_gets_the_text_alone(review: Review) -> None:
    out, err = io.StringIO(), io.StringIO()
    text = render_text(review)
    with Console(stdout=out, stderr=err) as console:
        console.progress("reading", 1, 9)
        console.write(text)
    assert out.getvalue() == text
    assert err.getvalue() == ""


def test_a_terminal_gets_colours_and_the_same_characters(review: Review) -> None:
    out = Terminal()
    text = render_text(review)
    Console(stdout=out, stderr=io.StringIO()).write(text)
    assert "\x1b[" in out.getvalue()
    assert paint(text).plain == text


def test_no_color_is_honoured(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Console(stdout=out, stderr=io.StringIO()).write(render_text(review))
    assert out.getvalue() == render_text(review)


def test_a_terminal_shows_stage_and_count_and_is_cleared() -> None:
    code = (
        "from reviewer.report.console import Console\n"
        "with Console() as c:\n"
        "    c.progress('reading [red] \\x1b[2J trees', 3, 9)\n"
        "    c.progress('replaying', 0, 0)\n"
        "    c.progress('replaying', 4, 5)\n"
        "print('report')\n"
    )
    try:
        leader, follower = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal on this machine: {error}")
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=follower, check=True
    )
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert done.stdout == b"report\n"
    assert "replaying" in shown
    assert "4/5" in shown
    assert "\x1b[2J" not in shown
    assert shown.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))
