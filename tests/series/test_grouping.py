from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.series.ledger import Ledger
from reviewer.series.listing import LedgerFilter, SeriesEntry
from reviewer.series.rawmessage import RawMessage
from reviewer.series.reroll import Group
from reviewer.series.store import LedgerStore

SOME_DAY = 1_740_000_000
DIFF = """---
 mm/{file} | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/mm/{file} b/mm/{file}
index 1111111..2222222 100644
--- a/mm/{file}
+++ b/mm/{file}
@@ -1,3 +1,3 @@ int {word}(void)
 {{
-\treturn {word}_old;
+\treturn {word}_new;
 }}
"""


@dataclass(frozen=True)
class Message:
    """A mail to be written: everything that grouping looks at."""

    msgid: str
    subject: str
    date: int = SOME_DAY
    sender: str = "David Tester <david@example.org>"
    parents: tuple[str, ...] = ()
    body: str = "Text.\n"
    diff: str = ""
    header: str = ""

    def raw(self, footer: str = "") -> bytes:
        lines = [f"From: {self.sender}", f"Date: {formatdate(self.date)}"]
        lines += [f"Subject: {self.subject}"]
        lines += [f"Message-ID: <{self.msgid}>"] if self.msgid else []
        lines += [self.header] if self.header else []
        if self.parents:
            lines += [f"In-Reply-To: <{self.parents[-1]}>"]
            lines += ["References: " + " ".join(f"<{p}>" for p in self.parents)]
        text = "\n".join(lines) + "\n\n" + self.body + self.diff + footer
        return text.encode()


@dataclass
class Sending:
    """One series to be sent, and the mails it makes."""

    name: str
    count: int = 3
    revision: int = 1
    cover: bool = True
    threading: str = "shallow"
    date: int = SOME_DAY
    prefix: str = "PATCH"
    sender: str = "David Tester <david@example.org>"
    under: tuple[str, ...] = ()
    replies: int = 1
    drop: frozenset[int] = field(default_factory=frozenset)

    def msgid(self, counter: int) -> str:
        return f"{self.name}.r{self.revision}.{counter}.x@example.org"

    def subject(self, counter: int) -> str:
        version = f" v{self.revision}" if self.revision > 1 else ""
        numbers = f" {counter}/{self.count}" if self.count > 1 or self.cover else ""
        title = f"mm: {self.name} step {counter}" if counter else f"mm: {self.name}"
        return f"[{self.prefix}{version}{numbers}] {title}"

    def mails(self) -> list[Message]:
        made: list[Message] = []
        first = 0 if self.cover else 1
        chain = self.under
        for counter in range(first, self.count + 1):
            parents = self.under if counter == first else chain
            if self.threading == "none":
                parents = self.under
            word = f"{self.name}_{counter}"
            made.append(
                Message(
                    self.msgid(counter),
                    self.subject(counter),
                    self.date + counter,
                    self.sender,
                    parents,
                    diff=DIFF.format(file=f"{self.name}.c", word=word) if counter else "",
                )
            )
            if self.threading == "deep" or counter == first:
                chain = (*chain, self.msgid(counter))
        for number in range(self.replies):
            target = made[number % len(made)]
            made.append(answer(target, f"reply{number}", self.date + 1000 + number))
        return [m for n, m in enumerate(made) if n + first not in self.drop]


def answer(
    to: Message, tag: str, date: int, body: str = "> Text.\nNo.\n", sender: str = ""
) -> Message:
    return Message(
        f"{tag}.{to.msgid}",
        f"Re: {to.subject}",
        date,
        sender or "Vera Reviewer <vera@example.net>",
        (*to.parents, to.msgid),
        body,
    )


def ledger_of(raws: Sequence[bytes]) -> list[tuple[Group, SeriesEntry]]:
    messages = [RawMessage(f"{place}", raw) for place, raw in enumerate(raws)]
    ledger = Ledger(LedgerStore(None))
    ledger.update(lambda known: [m for m in messages if m.origin not in known])
    try:
        return list(ledger.iter_groups())
    finally:
        ledger.store.close()


def entries_of(mails: Sequence[Message]) -> list[SeriesEntry]:
    return [entry for _, entry in ledger_of([mail.raw() for mail in mails])]


def sendings() -> st.SearchStrategy[Sending]:
    return st.builds(
        Sending,
        name=st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]),
        count=st.integers(1, 4),
        revision=st.integers(1, 3),
        cover=st.booleans(),
        threading=st.sampled_from(["shallow", "deep", "none"]),
        date=st.integers(0, 5).map(lambda n: SOME_DAY + n * 40_000),
        prefix=st.sampled_from(["PATCH", "RFC PATCH", "PATCH mm-unstable"]),
        sender=st.sampled_from(["David Tester <david@example.org>", "Eva Other <eva@x.org>"]),
        replies=st.integers(0, 3),
    )


def same_work(sending: Sending) -> tuple[str, int]:
    return (sending.name, sending.revision)


@settings(max_examples=40, deadline=None)
@given(
    sets=st.lists(sendings(), min_size=1, max_size=5, unique_by=same_work),
    seed=st.randoms(use_true_random=False),
    data=st.data(),
)
def test_any_order_copies_and_mixture_give_the_same_ledger(
    sets: list[Sending], seed: random.Random, data: st.DataObject
) -> None:
    mails = [mail for sending in sets for mail in sending.mails()]
    fixed = mails[0]
    mails.append(
        Message("fix@x", f"[PATCH] {fixed.subject}-fix", SOME_DAY + 9, parents=(fixed.msgid,))
    )
    patch = next(mail for mail in mails if mail.diff)
    other = DIFF.format(file="again.c", word="again")
    ids = (*patch.parents, patch.msgid)
    title = patch.subject.partition("] ")[2]
    mails += data.draw(
        st.lists(
            st.sampled_from(
                [
                    Message("lost@x", f"Re: {patch.subject}", SOME_DAY + 90),
                    Message(
                        "reroll@x", f"[PATCH v9] {title}", SOME_DAY + 91, parents=ids, diff=other
                    ),
                    Message("same@x", patch.subject, SOME_DAY + 92, parents=ids, diff=other),
                    Message("", f"[PATCH 1/2] {title}", SOME_DAY, diff=other),
                    Message("", f"[PATCH 2/2] {title}", SOME_DAY, diff=other),
                    Message("loose@x", f"[PATCH] {title}-fix", SOME_DAY + 93, diff=other),
                    Message(patch.msgid, "Forged", SOME_DAY),
                ]
            ),
            unique=True,
        )
    )
    raws = [mail.raw() for mail in mails]
    footers = ["", "_______________________________________________\nlinux-mm mailing list\n"]
    raws += [mail.raw(footers[1]) for mail in mails if data.draw(st.booleans())]
    shuffled = [raw for raw in raws for _ in range(seed.choice([1, 1, 2]))]
    seed.shuffle(shuffled)
    assert ledger_of(shuffled) == ledger_of(raws)


@settings(max_examples=25, deadline=None)
@given(
    ours=st.lists(sendings(), min_size=1, max_size=3, unique_by=same_work),
    others=st.lists(sendings(), min_size=1, max_size=3, unique_by=same_work),
    seed=st.randoms(use_true_random=False),
)
def test_mails_of_others_change_nothing(
    ours: list[Sending], others: list[Sending], seed: random.Random
) -> None:
    strangers = [
        replace(sending, name=f"{sending.name}s", sender="Ada Stranger <ada@example.com>")
        for sending in others
    ]
    raws = [mail.raw() for sending in ours for mail in sending.mails()]
    mixed = raws + [mail.raw() for sending in strangers for mail in sending.mails()]
    seed.shuffle(mixed)
    found = [row for row in ledger_of(mixed) if "Ada Stranger" not in row[1].author]
    assert found == ledger_of(raws)


def test_sixty_interleaved_threads_are_sixty_series() -> None:
    shapes = ["shallow", "deep", "none"]
    sets = [
        Sending(
            f"work{number}",
            count=number % 7 + 1,
            cover=number % 3 != 0,
            threading=shapes[number % 3],
            date=SOME_DAY + 3 * (number % 5),
            sender=f"Sender {number} <s{number}@example.org>",
            replies=number % 4,
        )
        for number in range(60)
    ]
    mails = [mail for sending in sets for mail in sending.mails()]
    random.Random(7).shuffle(mails)
    found = ledger_of([mail.raw() for mail in mails])
    assert len(found) == 60
    by_sender = {entry.author: (group, entry) for group, entry in found}
    for sending in sets:
        group, entry = by_sender[sending.sender]
        first = 0 if sending.cover else 1
        wanted = [(n, sending.msgid(n)) for n in range(first, sending.count + 1)]
        assert [(n, key.partition(" ")[0]) for n, key in group.slots] == wanted
        assert (entry.missing, entry.replies) == ((), sending.replies)


def test_one_sender_sending_many_series_in_one_minute_keeps_them_apart() -> None:
    sets = [Sending(f"work{n}", count=2, date=SOME_DAY + 10 * n) for n in range(20)]
    entries = entries_of([mail for sending in sets for mail in sending.mails()])
    assert sorted(e.title for e in entries) == sorted(f"mm: work{n}" for n in range(20))
    assert all(entry.complete for entry in entries)


def test_patches_without_in_reply_to_are_joined_by_sender_count_and_time() -> None:
    sending = Sending("alone", count=3, cover=False, threading="none", replies=0)
    [entry] = entries_of(sending.mails())
    assert (entry.patches, entry.missing) == (3, ())
    assert "time (no In-Reply-To)" in entry.grouped_because


def test_two_such_series_a_week_apart_are_two() -> None:
    one = Sending("one", cover=False, threading="none", replies=0)
    two = Sending("two", cover=False, threading="none", replies=0, date=SOME_DAY + 7 * 86_400)
    assert [e.patches for e in entries_of([*one.mails(), *two.mails()])] == [3, 3]


def test_a_hole_is_said_and_a_lost_cover_does_not_split() -> None:
    sending = Sending("holes", count=4, drop=frozenset({0, 2}), replies=0)
    [entry] = entries_of(sending.mails())
    assert (entry.missing, entry.cover, entry.complete) == ((2,), False, False)
    assert entry.grouped_because.endswith("by thread, sender and count")


def test_revisions_in_one_thread_stay_apart_and_know_each_other() -> None:
    old = Sending("work", revision=1)
    new = Sending("work", revision=2, date=SOME_DAY + 86_400, under=(old.msgid(0),))
    first, second = entries_of([*new.mails(), *old.mails()])
    assert (first.revision, first.patches, second.revision, second.patches) == (1, 3, 2, 3)
    assert first.superseded_by == second.msgid and second.supersedes == first.msgid
    assert second.in_reply_to == first.msgid and first.work == second.work


def test_a_partial_reroll_takes_the_other_patches_from_the_older_revision() -> None:
    old = Sending("work", count=3, replies=0)
    patch = old.mails()[2]
    reroll = Message(
        "reroll@x",
        "[PATCH v2 2/3] mm: work step 2",
        SOME_DAY + 500,
        parents=(*patch.parents, patch.msgid),
        diff=DIFF.format(file="work.c", word="rerolled"),
    )
    (_, first), (group, second) = ledger_of([m.raw() for m in [reroll, *old.mails()]])
    assert (first.revision, first.patches, first.fixups) == (1, 3, 0)
    assert (second.revision, second.patches, second.missing) == (2, 3, ())
    assert second.completed_from == first.msgid
    assert [n for n, _ in group.slots] == [2]
    assert "partial reroll: 2 of 3 patches are those of v1" in second.grouped_because


def test_a_rerolled_patch_without_its_number_finds_its_place() -> None:
    old = Sending("work", count=3, replies=0)
    patch = old.mails()[2]
    reroll = Message(
        "reroll@x",
        "[PATCH v2] mm: work step 2",
        SOME_DAY + 500,
        parents=(*patch.parents, patch.msgid),
        diff=DIFF.format(file="work.c", word="rerolled"),
    )
    (_, _first), (group, second) = ledger_of([m.raw() for m in [reroll, *old.mails()]])
    assert [n for n, _ in group.slots] == [2]
    assert (second.revision, second.expected, second.patches) == (2, 3, 3)


def test_a_point_revision_replaces_one_patch() -> None:
    old = Sending("work", count=3, revision=5, replies=0)
    point = Message(
        "point@x",
        "[PATCH v5.1 2/3] mm: work step 2",
        SOME_DAY + 500,
        diff=DIFF.format(file="work.c", word="pointed"),
    )
    first, second = entries_of([point, *old.mails()])
    assert (first.label, second.label) == ("v5 3/3", "v5.1 3/3")
    assert second.completed_from == first.msgid


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("[PATCH] mm-work-step-2-fix", "a fix-up sent in reply"),
        ("[PATCH mm-unstable fix] mm: work step 2", "a fix-up sent in reply"),
        ("[PATCH] fixup! mm: work step 2", "a fix-up sent in reply"),
        ("[PATCH 2/3 fix] mm: work step 2", "a fix-up sent in reply"),
        ("[PATCH 2/3] mm: work step 2 (fix)", "a fix-up sent in reply"),
        ("Re: [PATCH 2/3] mm: work step 2", "a diff in a reply"),
        ("[PATCH 2/3] mm: work step 2", "the patch sent again under the same revision"),
    ],
)
def test_a_fixup_in_reply_leaves_the_revision_as_it_was(subject: str, why: str) -> None:
    sending = Sending("work", replies=0)
    patch = sending.mails()[2]
    sender = "Andrew Tester <akpm@example.com>" if subject.startswith("[PATCH]") else patch.sender
    fix = Message(
        "fix@x",
        subject,
        SOME_DAY + 400,
        sender,
        (*patch.parents, patch.msgid),
        diff=DIFF.format(file="work.c", word="fixed"),
    )
    [(group, entry)] = ledger_of([m.raw() for m in [fix, *sending.mails()]])
    assert [key.partition(" ")[0] for _, key in group.slots] == [sending.msgid(n) for n in range(4)]
    assert [(f.key.partition(" ")[0], f.counter, f.why) for f in group.fixups] == [
        ("fix@x", 2, why)
    ]
    assert entry.fixups == 1


def test_a_numbered_patch_that_is_called_a_fix_is_a_patch() -> None:
    mails = [
        Message("f0@x", "[PATCH 0/2] mm: fixes", SOME_DAY),
        *(
            Message(
                f"f{n}@x",
                f"[PATCH {n}/2] mm-file{n}-fix",
                SOME_DAY + n,
                parents=("f0@x",),
                diff=DIFF.format(file="a.c", word=f"w{n}"),
            )
            for n in (1, 2)
        ),
    ]
    [entry] = entries_of(mails)
    assert (entry.patches, entry.missing, entry.fixups) == (2, (), 0)


def test_a_fixup_that_answers_nothing_is_known_by_the_name_of_its_patch() -> None:
    sending = Sending("work", replies=0)
    fix = Message(
        "fix@x",
        "[PATCH] mm-work-step-2-fix",
        SOME_DAY + 400,
        "Andrew Tester <akpm@example.com>",
        diff=DIFF.format(file="work.c", word="fixed"),
    )
    [(group, _)] = ledger_of([m.raw() for m in [fix, *sending.mails()]])
    assert [(f.counter, f.why) for f in group.fixups] == [(2, "a fix-up by its title")]


def test_someone_elses_patch_in_reply_is_a_series_of_its_own() -> None:
    sending = Sending("work", replies=0)
    other = Message(
        "other@x",
        "[PATCH] mm: do it another way",
        SOME_DAY + 400,
        "Eva Other <eva@x.org>",
        (sending.msgid(0),),
        diff=DIFF.format(file="other.c", word="other"),
    )
    first, second = entries_of([other, *sending.mails()])
    assert (first.patches, second.patches) == (3, 1)
    assert second.in_reply_to == first.msgid and second.work != first.work


def test_a_reply_without_ids_finds_its_patch_by_subject_and_time() -> None:
    sending = Sending("work", replies=0)
    lost = Message("lost@x", f"Re: {sending.subject(2)}", SOME_DAY + 600, "V <v@x.org>")
    other = Message("other@x", f"Re: {sending.subject(2)}", SOME_DAY + 900 * 86_400, "V <v@x.org>")
    [(group, _)] = ledger_of([m.raw() for m in [lost, other, *sending.mails()]])
    assert [(a.key.partition(" ")[0], a.counter, a.why) for a in group.followups] == [
        ("lost@x", 2, "by subject and time")
    ]


def test_a_cover_whose_numbers_are_stale_still_heads_its_run() -> None:
    mails = [
        Message("20250101000000.77777-1-d@x.org", "[PATCH v3 0/8] mm: work", SOME_DAY),
        *(
            Message(
                f"20250101000000.77777-{n + 1}-d@x.org",
                f"[PATCH v4 {n}/2] mm: step {n}",
                SOME_DAY + n,
                parents=("20250101000000.77777-1-d@x.org",),
                diff=DIFF.format(file="a.c", word=f"w{n}"),
            )
            for n in (1, 2)
        ),
    ]
    [entry] = entries_of(mails)
    assert (entry.label, entry.cover, entry.missing) == ("v4 2/2", True, ())


@pytest.mark.parametrize(("tag", "covers"), [("0", True), ("report", False)])
def test_a_cover_without_a_bracket_is_one_if_sent_in_the_same_run(tag: str, covers: bool) -> None:
    first = Message(f"20250220-work-v1-{tag}-abcdef123456@x.org", "mm: count maps", SOME_DAY)
    patch = Message(
        "20250220-work-v1-1-abcdef123456@x.org",
        "[PATCH] mm: count maps once",
        SOME_DAY + 1,
        parents=(first.msgid,),
        diff=DIFF.format(file="a.c", word="w"),
    )
    [entry] = entries_of([first, patch])
    assert (entry.cover, entry.patches, entry.missing) == (covers, 1, ())


def test_a_forged_copy_of_an_id_does_not_take_the_place_of_the_patch() -> None:
    sending = Sending("work", replies=0)
    forged = Message(sending.msgid(2), "Buy now", SOME_DAY + 1, "X <x@spam.example>")
    [entry] = entries_of([forged, *sending.mails()])
    assert entry.complete


def test_a_series_sent_through_a_relay_is_its_authors() -> None:
    relay = "David Tester via B4 Relay <devnull+david.example.org@kernel.org>"
    mails = [
        Message(
            mail.msgid,
            mail.subject,
            mail.date,
            relay,
            mail.parents,
            diff=mail.diff,
            header="X-Original-From: David Tester <david@example.org>",
        )
        for mail in Sending("work", replies=0).mails()
    ]
    later = Sending("work", revision=2, date=SOME_DAY + 86_400, replies=0)
    first, second = entries_of([*mails, *later.mails()])
    assert first.author == second.author == "David Tester <david@example.org>"
    assert first.superseded_by == second.msgid


def test_circles_of_references_end() -> None:
    mails = [
        Message(f"c{n}@x", "Re: round", SOME_DAY + n, parents=(f"c{(n + 1) % 5}@x",))
        for n in range(5)
    ]
    assert entries_of(mails) == []


def test_notices_of_trees_are_no_series() -> None:
    diff = DIFF.format(file="a.c", word="w")
    mails = [
        Message("a@x", "+ mm-work.patch added to mm-unstable branch", diff=diff),
        Message("b@x", "[tip: sched/core] sched: a", diff=diff),
        Message("c@x", "[merged mm-stable] mm-work.patch removed from -mm tree", diff=diff),
    ]
    assert entries_of(mails) == []


def test_a_crash_in_a_reply_is_counted_and_talk_of_one_is_not() -> None:
    sending = Sending("work", replies=0)
    patch = sending.mails()[2]
    crash = (
        "> Text.\nThis crashed:\n\n[  268.0] kernel BUG at mm/rmap.c:12!\n"
        "[  268.0] Call Trace:\n[  268.0]  page_mapcount+0x1/0x2\n"
    )
    mails = [
        answer(patch, "crash", SOME_DAY + 900, crash),
        answer(patch, "talk", SOME_DAY + 901, "Is this the kernel BUG at mm/rmap.c:12?\n"),
        answer(patch, "quote", SOME_DAY + 902, "> BUG: bad page\n> Call Trace:\nSeen.\n"),
    ]
    [entry] = entries_of([*mails, *sending.mails()])
    assert (entry.replies, entry.crashes) == (3, 1)


def test_the_filters_hold_together() -> None:
    sets = [
        Sending("early", date=SOME_DAY - 86_400, replies=0),
        Sending("late", sender="Eva Other <eva@x.org>", drop=frozenset({2}), replies=0),
    ]
    messages = [
        RawMessage(str(n), mail.raw())
        for n, mail in enumerate(mail for sending in sets for mail in sending.mails())
    ]
    ledger = Ledger(LedgerStore(None))
    ledger.update(lambda known: [m for m in messages if m.origin not in known])

    def titles(wanted: LedgerFilter) -> list[str]:
        return [entry.title for _, entry in ledger.iter_groups(wanted)]

    assert titles(LedgerFilter()) == ["mm: early", "mm: late"]
    assert titles(LedgerFilter(since=SOME_DAY)) == ["mm: late"]
    assert titles(LedgerFilter(author="EVA@")) == ["mm: late"]
    assert titles(LedgerFilter(touching="mm/early.c")) == ["mm: early"]
    assert titles(LedgerFilter(touching="mm/")) == ["mm: early", "mm: late"]
    assert titles(LedgerFilter(touching="m")) == []
    assert titles(LedgerFilter(uses="early_1_new")) == ["mm: early"]
    assert titles(LedgerFilter(uses="early_1")) == []
    assert titles(LedgerFilter(incomplete=True)) == ["mm: late"]
    assert titles(LedgerFilter(incomplete=True, author="david")) == []


@pytest.mark.parametrize(("hours", "series"), [(16, 1), (25, 3)])
def test_what_is_sent_unthreaded_over_two_days_is_one_series_if_no_day_passes_between(
    hours: int, series: int
) -> None:
    sending = Sending("work", cover=False, threading="none", replies=0)
    mails = [
        replace(mail, date=SOME_DAY + number * hours * 3600)
        for number, mail in enumerate(sending.mails())
    ]
    assert len(entries_of(mails)) == series
