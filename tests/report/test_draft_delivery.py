"""Drafts on their way: through git send-email to a mail server, and in a threading reader."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from reviewer.model.review import Review
from reviewer.report.drafts import draft_mails
from reviewer.report.mailtext import iter_eml, render_mbox

SENDER = "Rita Reviewer <rita@example.org>"


class Inbox:
    """What a server was given, envelope and bytes."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - the name aiosmtpd calls
        self.mails.append((list(envelope.rcpt_tos), envelope.original_content))
        return "250 OK"


@pytest.fixture
def server() -> Iterator[tuple[int, Inbox]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield port, inbox
    controller.stop()


def test_git_send_email_delivers_the_draft_byte_for_byte(
    review: Review, server: tuple[int, Inbox], tmp_path: Path
) -> None:
    port, inbox = server
    question = "Does naïve code hold here? From here on, what pins the page?\n.\n"
    findings = tuple(replace(f, question=question) for f in review.findings)
    (draft,) = draft_mails(replace(review, findings=findings), sender=SENDER)
    ((name, raw),) = iter_eml([draft])
    (tmp_path / name).write_bytes(raw)
    done = subprocess.run(
        ["git", "send-email", "--quiet", "--confirm=never", "--suppress-cc=self", "--no-validate",
         "--smtp-server=127.0.0.1", f"--smtp-server-port={port}", "--smtp-encryption=none",
         f"--from={SENDER}", "--to=ada@example.org", name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"},
    )  # fmt: skip
    if "not a git command" in done.stderr or "module is not here" in done.stderr:
        pytest.skip("git send-email is not installed (Debian: git-email, libmailtools-perl)")
    assert done.returncode == 0, done.stderr
    ((recipients, content),) = inbox.mails
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    assert body == draft.body.encode()
    arrived = email.message_from_bytes(head + b"\n\n", policy=email.policy.default)
    sent = email.message_from_bytes(raw, policy=email.policy.default)
    for field in ("From", "Subject", "Message-ID", "In-Reply-To", "Content-Transfer-Encoding"):
        assert arrived[field] == sent[field], field
    assert arrived["References"].split() == sent["References"].split()
    assert {a.addr_spec for a in arrived["Cc"].addresses} == {
        a.addr_spec for a in sent["Cc"].addresses
    }
    assert set(recipients) >= {"ada@example.org", "linux-mm@example.org", "asa@example.org"}
    assert "rita@example.org" not in recipients


def test_neomutt_threads_the_draft_under_its_patch(review: Review, tmp_path: Path) -> None:
    if shutil.which("neomutt") is None or shutil.which("script") is None:
        pytest.skip("neomutt is not installed (Debian: neomutt)")
    assert review.series is not None
    assert review.series.cover is not None
    thread = b""
    for mail in (review.series.cover, *(p.mail for p in review.series.patches)):
        references = "".join(f"References: <{r}>\n" for r in mail.references)
        thread += (
            f"From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: {mail.author}\n"
            f"Subject: {mail.subject}\nMessage-ID: <{mail.msgid}>\n{references}"
            f"Date: Tue, 6 Oct 2015 18:23:53 +0300\n\n{mail.body}\n"
        ).encode()
    (tmp_path / "Mail").mkdir()
    box = tmp_path / "box"
    box.write_bytes(thread + render_mbox(draft_mails(review, sender=SENDER)))
    commands = 'set sort=threads; set index_format="%4C [%s]"; push <redraw-screen><quit>'
    done = subprocess.run(
        ["script", "-qec", f"stty cols 120 rows 30; neomutt -n -F /dev/null -R -f {box} "
         f"-e 'set folder={tmp_path}' -e '{commands}'", "/dev/null"],
        capture_output=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"},
    )  # fmt: skip
    screen = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>])", "\n", done.stdout.decode())
    rows = dict(re.findall(r"(?m)^\s*(\d) ([^\n]*)$", screen))
    assert "2/2" in rows["3"], screen
    assert rows["4"].index("\u2514") > rows["3"].index("\u2514")
