"""Laws that hold for any text: what comes from mail cannot break out of where it is put."""

from __future__ import annotations

import email
import email.policy
import json
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reviewer.model.finding import Finding, Origin
from reviewer.model.review import Review
from reviewer.model.witness import Outcome, Schedule, Step, Witness
from reviewer.report.draftlint import lint_draft
from reviewer.report.drafts import draft_mails
from reviewer.report.formats import FORMATS
from reviewer.report.interleaving import cpu_order, render_columns, select_steps
from reviewer.report.jsondoc import render_json
from reviewer.report.mailtext import Address, Draft, parse_addresses, render_eml, render_mbox
from reviewer.report.outputs import render
from reviewer.report.printable import printable, printable_block
from reviewer.report.quotes import iter_hunks
from reviewer.report.text import render_text

ANY = st.text(st.characters(), max_size=60)  # surrogates and controls too
SENDER = "Rita Reviewer <rita@example.org>"


@given(ANY)
def test_printable_text_is_printable_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert printable_block(text).count("\n") == text.replace("\r\n", "\n").count("\n")


@given(subject=ANY, name=ANY, body=ANY, msgid=ANY)
def test_no_header_can_be_added_and_the_body_arrives(
    subject: str, name: str, body: str, msgid: str
) -> None:
    draft = Draft(
        sender=Address(name, "a@example.org"),
        to=(Address(name, "b@example.org"),),
        cc=(),
        subject=subject,
        msgid="x@example.org",
        in_reply_to=msgid,
        references=(msgid, "y@example.org"),
        body=f"{body}\n",
        counter=1,
    )
    raw = render_eml(draft)
    head, _, rest = raw.partition(b"\n\n")
    assert rest == draft.body.encode("utf-8", "replace")
    message = email.message_from_bytes(head + b"\n\n", policy=email.policy.compat32)
    assert set(message.keys()) <= {
        "From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding",
    }  # fmt: skip
    assert len(message.keys()) == len(set(message.keys()))
    assert head.isascii()


@given(st.lists(ANY, max_size=4))
def test_addresses_read_are_plain_addresses(values: list[str]) -> None:
    for address in parse_addresses(values):
        assert address.address.count("@") == 1
        assert address.address.isascii()
        assert not set(address.address) & set(" \r\n\t<>,;")


@given(st.lists(st.text(max_size=40), max_size=3))
def test_an_mbox_has_as_many_from_lines_as_drafts(bodies: list[str]) -> None:
    drafts = [
        Draft(Address("", "a@b.org"), (Address("", "c@b.org"),), (), "s", f"{n}@b.org", "", (),
              f"From {body}\nFrom here\n>From there\n", n)
        for n, body in enumerate(bodies)
    ]  # fmt: skip
    raw = render_mbox(drafts)
    assert sum(line.startswith(b"From ") for line in raw.split(b"\n")) == len(drafts)


@given(st.binary(max_size=300))
def test_lint_answers_any_bytes(raw: bytes) -> None:
    assert all(objection.line >= 1 for objection in lint_draft(raw))


@given(st.text(st.sampled_from("@ -+,0123\n\\ab/"), max_size=200))
def test_hunks_are_lines_of_the_text(text: str) -> None:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    for hunk in iter_hunks(text):
        assert lines[hunk.at].startswith(hunk.header)
        assert tuple(lines[hunk.at + 1 : hunk.at + 1 + len(hunk.lines)]) == hunk.lines
        assert len(hunk.numbers) == len(hunk.lines)


STEPS = st.builds(
    Step,
    thread=st.integers(0, 3),
    actor=ANY,
    function=ANY,
    path=ANY,
    line=st.integers(0, 999),
    text=ANY,
    access=st.sampled_from(["load", "store", "rmw", "wait", ""]),
    place=st.sampled_from(["page[0].flags", "page[1].mapping", "page[397]._mapcount", ""]),
    page=st.none() | st.integers(0, 511),
)


def witness_of(steps: list[Step]) -> Witness:
    schedule = Schedule(tuple(step.thread for step in steps))
    return Witness(Outcome.SOMETIMES, "s", schedule, tuple(steps), "", 1, 1)


@given(st.lists(STEPS, max_size=25), st.integers(0, 12))
def test_selected_steps_are_few_in_order_and_end_in_the_failure(
    steps: list[Step], most: int
) -> None:
    chosen = select_steps(witness_of(steps), most=most)
    assert len(chosen) <= most
    assert list(chosen) == sorted(set(chosen))
    if steps and most:
        assert chosen[-1] == len(steps) - 1


@given(st.lists(STEPS, min_size=1, max_size=12), st.integers(60, 120), st.booleans())
def test_columns_keep_to_their_width_and_lines(
    steps: list[Step], width: int, functions: bool
) -> None:
    witness = witness_of(steps)
    rows = render_columns(witness, range(len(steps)), width=width, functions=functions)
    assert all(len(row) <= width for row in rows)
    assert len(rows) > len(steps)
    assert cpu_order(witness)[0] == steps[-1].thread


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(message=ANY, question=ANY, names=st.lists(ANY, min_size=1, max_size=9))
@example(message="", question="", names=["\udcff"])  # a path that is not UTF-8 is read so
def test_reports_of_any_text_keep_their_form(
    review: Review, message: str, question: str, names: list[str]
) -> None:
    review = _review_with(review, message, question, names)
    for form in FORMATS:
        render(review, form).encode()
    assert json.loads(render_json(review))["schema"] == 1
    assert render_text(review, verbose=True).replace("\n", "").replace("\t", "").isprintable()
    for draft in draft_mails(review, sender=SENDER):
        own = [x for x in draft.body.split("\n")[1:] if x.strip() and not x.startswith(">")]
        assert len(own) <= 10
        assert not {x.rule for x in lint_draft(render_eml(draft)) if x.level == "error"}


def _review_with(review: Review, message: str, question: str, names: list[str]) -> Review:
    finding: Finding = next(f for f in review.findings if f.origin is Origin.INTRODUCED)
    # as a path of any bytes is read
    file = names[0].encode(errors="surrogatepass").decode(errors="surrogateescape")
    path = tuple(replace(finding.call_path[0], path=file, function=name) for name in names)
    primary = replace(finding.primary, path=file)
    changed = replace(finding, message=message, question=question, call_path=path, primary=primary)
    return replace(review, findings=(changed,))
