from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.model.series import Trailer
from reviewer.series.trailers import (
    BaseInfo,
    parse_base,
    parse_followup_trailers,
    parse_trailers,
    trailer_matches,
)

MESSAGES = [
    "mm: a\n\nBody.\n\nSigned-off-by: A <a@x.org>\nCc: B <b@x.org>\n",
    "mm: a\n\nBody.\n\nReviewed-by: A <a@x.org>\n[b: fixed a typo]\nSigned-off-by: B <b@x.org>\n",
    "mm: a\n\nNote: this is prose that\ngoes on.\n",
    'mm: a\n\nLink: https://x.org/a\nFixes: 0123456789ab ("mm: b")\n',
    "mm: a\n\nOne line: of prose\nand: another\nplain\nplain\nplain\nplain\nplain\n",
    "mm: a\n\nCc: A <a@x.org>,\n  B <b@x.org>\nSigned-off-by: C <c@x.org>\n",
    "mm: a\n\nBody only.\n",
    "mm: a\n\nSigned-off-by: A <a@x.org>\n\nA last paragraph.\n",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_the_block_is_the_one_git_finds(message: str) -> None:
    git = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=message,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = [line.partition(": ")[::2] for line in git.stdout.splitlines()]
    assert [(t.key, t.value) for t in parse_trailers(message)] == wanted


def test_trailers_end_before_the_diffstat() -> None:
    message = "Body.\n\nSigned-off-by: A <a@x.org>\n---\nv2: Acked-by: nobody\n"
    assert parse_trailers(message, "id@x") == (Trailer("Signed-off-by", "A <a@x.org>", "id@x"),)


def test_a_reply_gives_trailers_outside_its_quotes_only() -> None:
    body = (
        "On Monday A wrote:\n> Signed-off-by: A <a@x.org>\n\n"
        "Looks good.\n\nReviewed-by: Very Long Name\n<long@x.org>\n"
        'Fixes: 0123456789ab ("mm: b")\nFixes: the build here\nCc: everyone\n'
        "-- \nAcked-by: Signature <s@x.org>\n"
    )
    assert parse_followup_trailers(body) == (
        Trailer("Reviewed-by", "Very Long Name <long@x.org>"),
        Trailer("Fixes", '0123456789ab ("mm: b")'),
    )


def test_a_link_counts_only_behind_a_trailer_that_does() -> None:
    body = "Link: https://x.org/talk\n\nTested-by: A <a@x.org>\nCloses: https://x.org/bug\n"
    assert [t.key for t in parse_followup_trailers(body)] == ["Tested-by", "Closes"]


@pytest.mark.parametrize(
    ("value", "author", "matches"),
    [
        ("A B <a@x.org>", "A B <a@x.org>", True),
        ("A B <a+kernel@x.org>", "Somebody <A@X.org>", True),
        ("A B <other@y.org>", '"B, A" <a@x.org>', True),
        ("A B <other@y.org>", "A B (Company) <a@x.org>", True),
        ("A B <a@linux.x.org>", "Somebody <a@x.org>", True),
        ("A B <a@a.linux.x.org>", "Somebody <a@x.org>", False),
        ("A B <a@org>", "Somebody <a@x.org>", False),
        ("A C. B <other@y.org>", '"B, A" <a@x.org>', True),
        ("Alexander Smithson <o@y.org>", '"Smith, Alex" <a@x.org>', False),
        ("C D <c@x.org>", "A B <a@x.org>", False),
        ("<c@x.org>", "A B <a@x.org>", False),
    ],
)
def test_a_persons_trailer_must_name_its_sender(value: str, author: str, matches: bool) -> None:
    assert trailer_matches(Trailer("Reviewed-by", value), author) is matches
    assert trailer_matches(Trailer("Fixes", value), author)


def test_the_base_is_read_from_own_lines() -> None:
    sha, patch_id = "0" * 39 + "1", "2" * 40
    body = (
        f"> base-commit: {'9' * 40}\nblurb\n\n---\nbase-commit: {sha}\n"
        f"change-id: 20260412-mapcount-abc\nprerequisite-patch-id: {patch_id}\n"
        "prerequisite-message-id: <a@x.org>\n"
    )
    assert parse_base(body) == BaseInfo(
        sha,
        "20260412-mapcount-abc",
        (f"prerequisite-patch-id: {patch_id}", "prerequisite-message-id: a@x.org"),
    )


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_is_read_without_an_error(body: str, author: str) -> None:
    parse_base(body)
    for trailer in (*parse_followup_trailers(body), *parse_trailers(body)):
        trailer_matches(trailer, author)
