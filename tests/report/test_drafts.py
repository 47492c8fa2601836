"""Reply drafts as a list expects them, read back with Python's email and with git."""

from __future__ import annotations

import email
import email.policy
import mailbox
import re
import shutil
import subprocess
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.model.finding import Finding, Origin, PatchRef
from reviewer.model.location import Location
from reviewer.model.review import Review
from reviewer.model.series import Mail
from reviewer.report.draftfiles import iter_draft_files
from reviewer.report.drafts import author_of, draft_mails
from reviewer.report.mailtext import iter_eml, iter_maildir, render_eml, render_mbox

SENDER = "Rita Reviewer <rita@example.org>"


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def first(review: Review, **changes: object) -> tuple[EmailMessage, str]:
    """The one draft of the review, its finding changed, as a receiver reads it."""
    findings = tuple(
        replace(f, **changes) if f.origin is Origin.INTRODUCED else f  # type: ignore[arg-type]  # by name
        for f in review.findings
    )
    (draft,) = draft_mails(replace(review, findings=findings), sender=SENDER)
    message = read(render_eml(draft))
    return message, message.get_content()


def own_lines(body: str) -> list[str]:
    """Lines that are neither blank, nor quoted, nor the attribution."""
    return [line for line in body.splitlines()[1:] if line and not line.startswith(">")]


def with_mail(review: Review, **changes: object) -> Review:
    assert review.series is not None
    patches = tuple(
        replace(p, mail=replace(p.mail, **changes)) if p.counter == 2 else p  # type: ignore[arg-type]  # by name
        for p in review.series.patches
    )
    return replace(review, series=replace(review.series, patches=patches))


def test_headers_are_those_of_a_reply_to_all(review: Review) -> None:
    message, _ = first(review)
    assert message["From"] == SENDER
    assert message["To"] == "Ada Example <ada@example.org>"
    assert [a.addr_spec for a in message["Cc"].addresses] == [
        "brian@example.org",
        "linux-mm@example.org",
        "linux-kernel@example.org",
        "asa@example.org",
    ]
    assert message["Cc"].addresses[-1].display_name == "Åsa Öberg"
    assert message["Subject"] == "Re: [PATCH v12 2/2] proc: count mappings"
    assert message["In-Reply-To"] == "<20151006.2-ada@example.org>"
    assert message["References"].split() == [
        "<20151006.0-ada@example.org>",
        "<20151006.2-ada@example.org>",
    ]
    assert message.get_content_type() == "text/plain"
    assert message["Content-Transfer-Encoding"] in ("7bit", "8bit")
    assert "format" not in message["Content-Type"].params
    assert not message.defects


def test_body_has_attribution_quote_question_chain_and_table_in_that_order(
    review: Review,
) -> None:
    _, body = first(review)
    marks = [
        "On Tue, 6 Oct 2015 18:23:53 +0300, Ada Example wrote:",
        "> @@ -102,9 +102,9 @@ u64 stable_page_flags(struct page *page)",
        "> +\tif (!PageSlab(page) && page_mapcount(page))",
        "What keeps the compound page from being freed",
        "kpageflags_read -> stable_page_flags -> page_mapcount",
        "CPU 0: kpageflags_read",
        "loses PG_head",
        "VM_BUG_ON_PAGE(!PageHead(page))",
    ]
    places = [body.index(mark) for mark in marks]
    assert places == sorted(places)
    assert body.startswith("On Tue")


def test_quotes_are_lines_of_the_patch_mail_and_none_follows_the_answer(review: Review) -> None:
    _, body = first(review)
    assert review.series is not None
    original = review.series.patches[1].mail.body.splitlines()
    quoted = [line[2:] for line in body.splitlines() if line.startswith(">")]
    assert quoted
    assert [line for line in quoted if line not in original] == []
    assert not body.rstrip().splitlines()[-1].startswith(">")


def test_own_text_is_short_narrow_and_asks(review: Review) -> None:
    _, body = first(review)
    own = own_lines(body)
    assert len(own) <= 10
    prose = [line for line in own if not line.startswith(" ")]
    assert max(map(len, prose)) <= 72
    assert "?" in body
    for tag in ("Reviewed-by", "Acked-by", "Signed-off-by"):
        assert tag not in body


@pytest.mark.parametrize("words", [1, 40, 80, 300])
@pytest.mark.parametrize("depth", [1, 5, 30])
def test_ten_own_lines_hold_for_any_length_of_question_and_path(
    review: Review, words: int, depth: int
) -> None:
    finding = review.findings[2]
    path = (*finding.call_path[:1] * depth, *finding.call_path[1:])
    _, body = first(review, question="why " * words + "?", call_path=path)
    assert len(own_lines(body)) <= 10
    assert "kpageflags_read" in body
    assert "PageDoubleMap" in body
    assert all(len(line) <= 78 for line in own_lines(body))


def test_without_a_witness_it_says_unverified(review: Review) -> None:
    _, body = first(review, witness=None)
    assert "nverified" in body
    assert "CPU 0" not in body


def test_says_nothing_when_there_is_nothing(review: Review, clean_review: Review) -> None:
    assert draft_mails(clean_review, sender=SENDER) == ()
    assert render_mbox(()) == b""
    old = tuple(f for f in review.findings if f.origin is not Origin.INTRODUCED)
    assert {f.origin for f in old} == {Origin.PREEXISTING, Origin.FIXED_LATER}
    assert draft_mails(replace(review, findings=old), sender=SENDER) == ()


def test_an_exposed_finding_is_answered_under_the_assertion_of_its_patch(review: Review) -> None:
    message, body = first(
        review,
        origin=Origin.EXPOSED,
        patch=PatchRef(1, "20151006.1-ada@example.org", "thp: add PageDoubleMap()"),
    )
    assert message["Subject"] == "Re: [PATCH v12 1/2] thp: add PageDoubleMap()"
    assert "> +\tVM_BUG_ON_PAGE(!PageHead(page), page);" in body
    assert "> +++ b/include/linux/page-flags.h" in body


def test_two_findings_of_one_patch_make_one_mail_in_the_order_of_the_patch(
    review: Review,
) -> None:
    other = replace(
        review.findings[2],
        rule="reader-asserts",
        question="Is this other thing meant?",
        witness=None,
    )
    both = replace(review, findings=(*review.findings, other))
    (draft,) = draft_mails(both, sender=SENDER)
    assert draft.body.count("> @@") == 1
    assert "Is this other thing meant?" in draft.body
    assert len(draft.fingerprints) == 2
    assert len(own_lines(draft.body)) <= 20


def test_callers_that_share_a_place_share_an_answer(review: Review) -> None:
    finding: Finding = review.findings[2]
    path = (replace(finding.call_path[0], function="another_read"), *finding.call_path[1:])
    both = replace(review, findings=(finding, replace(finding, call_path=path, witness=None)))
    (draft,) = draft_mails(both, sender=SENDER)
    assert draft.body.count("What keeps") == 1
    assert "another_read()" in draft.body


def test_same_review_same_bytes_and_msgids_differ_by_content(review: Review) -> None:
    once = draft_mails(review, sender=SENDER)
    assert render_mbox(once) == render_mbox(draft_mails(review, sender=SENDER))
    other, _ = first(review, question="Something else?")
    assert other["Message-ID"] != f"<{once[0].msgid}>"


def test_author_behind_the_relay_gets_the_reply(review: Review) -> None:
    relayed = with_mail(
        review,
        author="Ada Example via B4 Relay <devnull+ada.example.org@kernel.org>",
        headers=(
            ("X-Original-From", "Ada Example <ada@example.org>"),
            ("Reply-To", "ada@example.org"),
        ),
    )
    message, body = first(relayed)
    assert message["To"] == "Ada Example <ada@example.org>"
    assert "devnull" not in str(message)
    assert ", Ada Example wrote:" in body.splitlines()[0]


def test_relay_without_headers_is_answered_through_the_in_body_from() -> None:
    mail = Mail(
        "m@e",
        "[PATCH] x",
        "Ada via B4 Relay <devnull+ada.example.org@kernel.org>",
        0,
        (),
        (),
        "",
        (),
        "From: Ada <ada@example.org>\n\ntext\n",
    )
    author = author_of(mail)
    assert author is not None
    assert author.address == "ada@example.org"


def test_one_reply_to_the_cover_letter_speaks_of_each_patch(review: Review) -> None:
    other = replace(
        review.findings[2],
        rule="reader-asserts",
        origin=Origin.EXPOSED,
        patch=PatchRef(1, "20151006.1-ada@example.org", "thp: add PageDoubleMap()"),
        question="And this?",
    )
    both = replace(review, findings=(*review.findings, other))
    (draft,) = draft_mails(both, sender=SENDER, to_cover=True)
    assert draft.subject == "Re: [PATCH v12 0/2] thp: count mappings per page"
    assert draft.in_reply_to == "20151006.0-ada@example.org"
    marks = [">   thp: add PageDoubleMap()", "And this?", ">   proc: count", "What keeps"]
    places = [draft.body.index(mark) for mark in marks]
    assert places == sorted(places)
    assert len(draft.fingerprints) == 2


def test_a_cover_letter_that_lists_no_patch_is_answered_by_name(review: Review) -> None:
    assert review.series is not None
    assert review.series.cover is not None
    cover = replace(review.series.cover, body="Please review.\n")
    series = replace(review.series, cover=cover)
    (draft,) = draft_mails(replace(review, series=series), sender=SENDER, to_cover=True)
    assert "Patch 2, proc: count mappings:" in draft.body
    assert len(own_lines(draft.body)) <= 10


def test_without_a_cover_letter_each_patch_gets_its_reply(review: Review) -> None:
    assert review.series is not None
    series = replace(review.series, cover=None)
    (draft,) = draft_mails(replace(review, series=series), sender=SENDER, to_cover=True)
    assert draft.counter == 2


def test_ones_own_patch_goes_to_the_lists(review: Review) -> None:
    (draft,) = draft_mails(review, sender="Ada Example <ada@example.org>")
    assert draft.to
    assert all(a.address != "ada@example.org" for a in (*draft.to, *draft.cc))


@pytest.mark.parametrize("sender", ["", "nobody", "a@b\r\nBcc: x@y", "<>"])
def test_a_sender_that_is_no_mailbox_is_refused(review: Review, sender: str) -> None:
    with pytest.raises(BadInputError) as caught:
        draft_mails(review, sender=sender)
    assert "\n" not in str(caught.value)


def test_headers_cannot_be_injected(review: Review) -> None:
    hostile = "x\r\nBcc: evil@example.org\r\n\r\nbody"
    broken = with_mail(
        review,
        subject=f"[PATCH 2/2] {hostile}",
        author=f'"{hostile}" <ada@example.org>',
        to=(f"{hostile} <brian@example.org>", "a@b\nBcc: c@d"),
        cc=('"Doe, \\"J\\"" <doe@example.org>', "Doe, John <john@example.org>"),
        msgid="20151006.2-ada@example.org",
        references=("ok@example.org", "bad>\r\nBcc: e@f", "two words@x"),
        in_reply_to="x\nBcc: e@f",
    )
    (draft,) = draft_mails(broken, sender=SENDER)
    raw = render_eml(draft)
    message = read(raw)
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "From",
        "To",
        "Cc",
        "Subject",
        "Message-ID",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    }
    assert message["References"] == "<ok@example.org> <20151006.2-ada@example.org>"
    assert {a.addr_spec for a in message["Cc"].addresses} >= {
        "doe@example.org",
        "john@example.org",
        "brian@example.org",
    }


def test_a_subject_that_only_looks_encoded_arrives_as_it_is(review: Review) -> None:
    subject = "[PATCH 2/2] =?utf-8?q?=0d=0aBcc:_x?= done"
    message, _ = first(with_mail(review, subject=subject))
    assert message["Subject"] == f"Re: {subject}"


def test_long_and_foreign_subjects_arrive_exactly(review: Review) -> None:
    subject = "[PATCH 2/2] " + "страница " * 30
    message, _ = first(with_mail(review, subject=subject.strip()))
    assert message["Subject"] == f"Re: {subject.strip()}"


def test_non_ascii_body_is_8bit_utf8(review: Review) -> None:
    message, body = first(review, question="Does naïve code hold here?")
    assert message["Content-Transfer-Encoding"] == "8bit"
    assert "naïve" in body


def test_template_syntax_in_data_stays_text(review: Review) -> None:
    _, body = first(review, question="Is {{ 7 * 7 }} {% raw %} meant?")
    assert "{{ 7 * 7 }} {% raw %}" in body


def test_own_text_cannot_pass_for_a_quote(review: Review) -> None:
    _, body = first(review, question="> quoted?")
    assert "\n > quoted?" in body


def test_a_users_template_is_used_and_kept_in_the_sandbox(review: Review, tmp_path: Path) -> None:
    template = tmp_path / "draft.txt.j2"
    template.write_text("Hi,\n{% for a in answers %}{{ a.question | join(' ') }}\n{% endfor %}")
    (draft,) = draft_mails(review, sender=SENDER, template_dir=tmp_path)
    assert draft.body.startswith("Hi,\nWhat keeps")
    for wrong in ("{{ nothing }}", "{% if %}", "{{ ''.__class__.__mro__ }}"):
        template.write_text(wrong)
        with pytest.raises(BadInputError) as caught:
            draft_mails(review, sender=SENDER, template_dir=tmp_path)
        assert "\n" not in str(caught.value)


def test_mbox_reads_back_message_by_message(review: Review, tmp_path: Path) -> None:
    other = replace(
        review.findings[2],
        origin=Origin.EXPOSED,
        primary=Location("mm/util.c", 410, "page_mapcount"),
        patch=PatchRef(1, "20151006.1-ada@example.org", "thp: add PageDoubleMap()"),
        question="From here on, what holds?",
    )
    drafts = draft_mails(replace(review, findings=(*review.findings, other)), sender=SENDER)
    path = tmp_path / "drafts.mbox"
    path.write_bytes(render_mbox(drafts))
    box = mailbox.mbox(path)
    assert [m["Subject"] for m in box] == [f"Re: {d.subject[4:]}" for d in drafts]
    assert [d.counter for d in drafts] == [1, 2]
    box.close()


def test_maildir_and_eml_names_follow_from_the_content(review: Review) -> None:
    drafts = draft_mails(review, sender=SENDER)
    assert list(iter_eml(drafts)) == list(iter_eml(drafts))
    ((name, raw),) = iter_maildir(drafts)
    assert name.startswith("cur/")
    assert name.endswith(":2,D")
    assert raw == render_eml(drafts[0])


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("mbox", [r""]),
        ("eml", [r"0002-[0-9a-f]+-mm-review\.eml"]),
        ("maildir", [r"cur/0002\.[0-9a-f]+-mm-review\.mm-review:2,D"]),
        ("b4", [r"identity\.txt", r"0002\.txt"]),
    ],
)
def test_every_form_has_its_files(
    review: Review, clean_review: Review, form: str, names: list[str]
) -> None:
    files = list(iter_draft_files(review, form, sender=SENDER))
    assert len(files) == len(names)
    for (name, raw), pattern in zip(files, names, strict=True):
        assert re.fullmatch(pattern, name), name
        assert raw
    assert list(iter_draft_files(clean_review, form, sender=SENDER)) == []


def test_an_unknown_form_is_refused(review: Review) -> None:
    with pytest.raises(BadInputError, match="mbox, eml, maildir, b4"):
        list(iter_draft_files(review, "pst", sender=SENDER))


def test_git_mailinfo_reads_the_body_and_subject(review: Review, tmp_path: Path) -> None:
    (draft,) = draft_mails(review, sender=SENDER)
    done = subprocess.run(
        ["git", "mailinfo", "-k", str(tmp_path / "msg"), str(tmp_path / "patch")],
        input=render_eml(draft),
        capture_output=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert b"Author: Rita Reviewer\nEmail: rita@example.org\n" in done.stdout
    assert b"Subject: Re: [PATCH v12 2/2] proc: count mappings\n" in done.stdout
    assert (tmp_path / "msg").read_text() == draft.body


def test_git_send_email_takes_a_draft_as_it_is(review: Review, tmp_path: Path) -> None:
    if shutil.which("git-send-email", path=_git_exec_path()) is None:
        pytest.skip("git send-email is not installed (Debian: git-email)")
    ((name, raw),) = iter_eml(draft_mails(review, sender=SENDER))
    (tmp_path / name).write_bytes(raw)
    done = subprocess.run(
        ["git", "send-email", "--dry-run", "--quiet", "--confirm=never", "--suppress-cc=self",
         "--no-validate", f"--from={SENDER}", "--to=ada@example.org", name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"},
    )  # fmt: skip
    if "module is not here" in done.stderr:
        pytest.skip("git send-email lacks a Perl module (Debian: libmailtools-perl)")
    assert done.returncode == 0, done.stderr
    assert "Dry-Sent Re: [PATCH v12 2/2] proc: count mappings" in done.stdout


def _git_exec_path() -> str:
    done = subprocess.run(["git", "--exec-path"], capture_output=True, text=True)
    return done.stdout.strip()
