"""The linter for reviewers' mails: our drafts pass, each known fault is named, people pass."""

from __future__ import annotations

import os
import random
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.model.review import Review
from reviewer.report.draftlint import Level, is_tool, lint_draft, lint_file
from reviewer.report.drafts import draft_mails
from reviewer.report.lintmail import LineKind, read_mail
from reviewer.report.mailtext import render_eml, render_mbox

SENDER = "Rita Reviewer <rita@example.org>"
GOOD_HEAD = """\
From: Rita <rita@example.org>
To: Ada <ada@example.org>
Cc: linux-mm@example.org
Subject: Re: [PATCH] mm: count
Message-ID: <2@example.org>
In-Reply-To: <1@example.org>
References: <1@example.org>
"""
GOOD_BODY = """\
On Tue, 6 Oct 2015, Ada wrote:
> +	if (page_mapcount(page))

What pins the page here?
"""


def rules(head: str = GOOD_HEAD, body: str = GOOD_BODY) -> dict[str, Level]:
    return {x.rule: x.level for x in lint_draft(f"{head}\n{body}".encode())}


def test_a_plain_good_reply_has_no_objection() -> None:
    assert rules() == {}


def test_our_drafts_have_no_objection(review: Review) -> None:
    assert review.series is not None
    (draft,) = draft_mails(review, sender=SENDER)
    parent = review.series.patches[1].mail
    assert is_tool(read_mail(render_eml(draft)))
    assert lint_draft(render_eml(draft), parent=parent) == ()
    assert lint_draft(render_mbox([draft]), parent=parent) == ()
    bare = replace(review, findings=tuple(replace(f, witness=None) for f in review.findings))
    (draft,) = draft_mails(bare, sender=SENDER)
    assert lint_draft(render_eml(draft), parent=parent) == ()


@pytest.mark.parametrize(
    ("old", "new", "rule", "level"),
    [
        ("In-Reply-To: <1@example.org>\nReferences: <1@example.org>\n", "", "no-in-reply-to",
         Level.ERROR),
        ("References: <1@example.org>\n", "", "no-references", Level.WARNING),
        ("References: <1@", "References: <9@", "broken-references", Level.WARNING),
        ("Subject: Re: ", "Subject: ", "subject-not-re", Level.WARNING),
        ("Subject: Re: [PATCH] mm: count\n", "", "no-subject", Level.ERROR),
        ("Cc: linux-mm@example.org\n", "", "not-to-all", Level.WARNING),
        ("ada@example", "devnull+ada@example", "to-relay", Level.WARNING),
        ("Message-ID", "Subject: twice\nMessage-ID", "repeated-header", Level.ERROR),
        ("Message-ID", "Content-Type: text/html\nMessage-ID", "html", Level.ERROR),
        ("Message-ID", "Content-Type: text/plain; format=flowed\nMessage-ID", "format-flowed",
         Level.WARNING),
    ],
)  # fmt: skip
def test_faults_of_the_headers_are_named(old: str, new: str, rule: str, level: Level) -> None:
    assert old in GOOD_HEAD
    assert rules(head=GOOD_HEAD.replace(old, new)) == {rule: level}


@pytest.mark.parametrize(
    ("body", "rule", "level"),
    [
        ("No.\nIt is wrong.\n\nOn Tue, Ada wrote:\n> a\n> b\n", "top-posted", Level.ERROR),
        ("On Tue, Ada wrote:\n> a\n", "no-answer", Level.ERROR),
        ("It is wrong, is it not?\n", "no-quote", Level.WARNING),
        (f"{GOOD_BODY}> more\n", "trailing-quote", Level.WARNING),
        (GOOD_BODY.partition("\n")[2], "no-attribution", Level.WARNING),
        (f"{GOOD_BODY}{'word ' * 20}\n", "wide", Level.WARNING),
        (GOOD_BODY + "line\n" * 10, "long-answer", Level.WARNING),
        (f"On Tue, Ada wrote:\n{'> a' * 1}\n" + "> a\n" * 45 + "Why?\n", "untrimmed",
         Level.WARNING),
        (f"{GOOD_BODY}## Summary\n", "markup", Level.WARNING),
        (f"{GOOD_BODY}See mm/util.c:791 for it.\n", "line-number", Level.WARNING),
        (f"{GOOD_BODY}No issues found.\n", "nothing-to-say", Level.WARNING),
        (f"{GOOD_BODY}Only for the intended recipient.\n", "legal-footer", Level.ERROR),
        (f"{GOOD_BODY}\x1b[31mred\n", "escape", Level.ERROR),
        (f"{GOOD_BODY}{'x' * 1000}\n", "line-too-long", Level.ERROR),
    ],
)  # fmt: skip
def test_faults_of_the_body_are_named(body: str, rule: str, level: Level) -> None:
    assert rules(body=body).get(rule) is level


def test_objections_name_the_line_of_the_file() -> None:
    raw = f"{GOOD_HEAD}\n{GOOD_BODY}{'word ' * 20}\n".encode()
    (found,) = lint_draft(raw)
    assert raw.split(b"\n")[found.line - 1].startswith(b"word ")
    (found,) = lint_draft(b"From x Thu Jan  1 00:00:00 1970\n" + raw)
    assert found.line == len(f"{GOOD_HEAD}\n{GOOD_BODY}".splitlines()) + 2
    assert str(found).startswith(f"{found.line}: warning: ")


def test_each_message_of_an_mbox_is_looked_at_and_lines_count_through() -> None:
    good = f"From x Thu Jan  1 00:00:00 1970\n{GOOD_HEAD}\n{GOOD_BODY}\n>From quoted\n\n"
    bad = good.replace("What pins the page here?", "word " * 20)
    raw = (good + bad + bad).encode()
    found = [x for x in lint_file(raw) if x.rule == "wide"]
    lines = raw.split(b"\n")
    assert len(found) == 2
    assert all(lines[x.line - 1].startswith(b"word word") for x in found)
    assert lint_file(good.encode()) == ()
    assert lint_file(b"") == ()


def test_code_urls_and_oopses_may_be_wide() -> None:
    wide = "x" * 90
    body = f"{GOOD_BODY}  {wide}\nhttps://example.org/{wide}\n[  1.0] {wide}\npage:{wide}\n"
    assert rules(body=body) == {}


def test_a_signature_is_nobodys_answer() -> None:
    assert rules(body=f"{GOOD_BODY}\n-- \n{'word ' * 30}\n") == {}


def test_tools_give_no_tags_and_bring_a_proof_a_path_and_a_question() -> None:
    head = GOOD_HEAD.replace("Rita <rita@", "review bot <bot@")
    assert "no-proof" in rules(head=head)
    flat = GOOD_BODY.replace("What pins the page here?", "The page is not pinned.")
    assert {"no-question", "no-path", "no-proof"} <= set(rules(head=head, body=flat))
    tagged = f"{GOOD_BODY}Reviewed-by: Bot <bot@example.org>\n"
    assert rules(head=head, body=tagged)["tool-tag"] is Level.ERROR
    assert "tool-tag" not in rules(body=tagged)


def test_a_reply_to_another_mail_and_an_altered_quote_are_seen(review: Review) -> None:
    assert review.series is not None
    (draft,) = draft_mails(review, sender=SENDER)
    other, mine = (p.mail for p in review.series.patches)
    found = {x.rule for x in lint_draft(render_eml(draft), parent=other)}
    assert {"other-parent", "altered-quote"} <= found
    changed = render_eml(draft).replace(b"> +\tif (!PageSlab", b"> +\tif (PageSlab")
    assert {x.rule for x in lint_draft(changed, parent=mine)} == {"altered-quote"}


def test_attributions_of_two_lines_and_other_languages_count() -> None:
    body = "On Tue, Oct 06, 2015 at 06:23:53PM +0300,\nAda Example wrote:\n> a\n\nWhy?\n"
    kinds = [x.kind for x in read_mail(f"{GOOD_HEAD}\n{body}".encode()).lines]
    assert kinds[:3] == [LineKind.ATTRIBUTION, LineKind.ATTRIBUTION, LineKind.QUOTE]
    assert "no-attribution" not in rules(body="Am 06.10.15 schrieb Ada:\n> a\n\nWhy?\n")


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\xff\xfe\n\n\xff", b"Content-Type: text/plain; charset=no\n\nx", b"A: b"]
)
def test_any_bytes_are_answered(raw: bytes) -> None:
    assert all(x.line >= 1 for x in lint_draft(raw))


def _sample_replies(archive: Path, number: int) -> list[bytes]:
    """Replies to patches from a public-inbox epoch, in an order that does not change."""
    log = subprocess.run(
        ["git", "-C", str(archive), "log", "--format=%H"], capture_output=True, text=True
    )
    commits = log.stdout.split()
    random.Random(1).shuffle(commits)
    replies: list[bytes] = []
    for commit in commits:
        done = subprocess.run(
            ["git", "-C", str(archive), "cat-file", "blob", f"{commit}:m"], capture_output=True
        )
        subject = re.search(rb"(?im)^subject:\s*re:.*\[.*patch", done.stdout[:20000])
        if done.returncode == 0 and subject is not None:
            replies.append(done.stdout)
        if len(replies) == number:
            break
    return replies


@pytest.mark.peer
def test_hard_errors_are_rare_in_what_people_write() -> None:
    archive = os.environ.get("MM_REVIEWER_INBOX", "")
    if not archive:
        pytest.skip("MM_REVIEWER_INBOX names no public-inbox epoch (a git directory)")
    replies = _sample_replies(Path(archive), 400)
    people = [raw for raw in replies if not is_tool(read_mail(raw))]
    faulty = [raw for raw in people if any(x.level is Level.ERROR for x in lint_draft(raw))]
    assert len(people) > 300
    assert len(faulty) < len(people) / 10
