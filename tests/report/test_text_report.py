"""The terminal report: short, in words, harmless."""

from __future__ import annotations

from dataclasses import replace

from reviewer.model.review import Review
from reviewer.model.series import CrashReply
from reviewer.model.witness import Outcome
from reviewer.report.interleaving import select_steps
from reviewer.report.text import render_text


def test_says_verdict_path_patch_and_interleaving(review: Review) -> None:
    text = render_text(review)
    first = text.splitlines()[0]
    assert "1 finding" in first
    assert "1 reproduced" in first
    assert (
        "kpageflags_read -> stable_page_flags -> page_mapcount -> __page_mapcount"
        " -> PageDoubleMap" in text
    )
    assert "2: proc: count mappings" in text
    assert "include/linux/page-flags.h:545: VM_BUG_ON_PAGE(!PageHead(page), page);" in " ".join(
        text.split()
    )
    assert "CPU 0: kpageflags_read" in text
    assert "CPU 1: munmap" in text
    assert text.index("loses PG_head") < text.rindex("VM_BUG_ON_PAGE(!PageHead(page))")
    assert "kernel BUG at include/linux/page-flags.h:545!" in text


def test_old_and_repaired_findings_take_one_line_each(review: Review) -> None:
    lines = render_text(review).splitlines()
    start = lines.index("not of this series:")
    assert lines[start + 1].startswith("  preexisting [unpinned-compound-head] kpagecount_read ->")
    assert lines[start + 2].startswith("  fixed-later (patch 2) [unpinned-compound-head] example_")
    assert lines[start + 3] == ""


def test_counts_what_was_not_analysed_and_lists_it_when_asked(review: Review) -> None:
    short, long = render_text(review), render_text(review, verbose=True)
    assert "  2 x parse: the parser met text it could not read" in short
    assert "mm/odd.c: even()" not in short
    assert "  parse: mm/odd.c: even(): the parser met text it could not read" in long


def test_uses_of_page_helpers_are_counted_and_listed_when_asked(review: Review) -> None:
    assert "2 uses of page helpers in what the series touches, 1 undecided" in render_text(review)
    long = render_text(review, verbose=True)
    assert "  fs/proc/page.c:108: stable_page_flags() -> page_mapcount()\n" in long
    assert "mm/table.c:9: via_table() -> PageDoubleMap() (undecided: no walk" in long
    alone = render_text(replace(review, series=None))
    assert "\n2 uses of page helpers, 1 undecided" in alone


def test_verbose_shows_every_step_and_oops_line(review: Review) -> None:
    witness = next(f.witness for f in review.findings if f.witness)
    long = render_text(review, verbose=True)
    for step in witness.trace:
        assert step.text[:20] in long
    assert "invalid opcode" in long
    assert "-v)" not in long


def test_says_so_when_there_is_nothing(clean_review: Review) -> None:
    text = render_text(clean_review)
    assert text.startswith("mm-review: no finding in thp: count mappings per page\n")
    assert "not analysed" not in text
    assert "812 functions" in text


def test_before_and_after_marks_the_row_that_differs(review: Review) -> None:
    text = render_text(review)
    assert "! kpageflags-against-munmap: never -> sometimes" in text
    assert "  map-unmap: never -> never" in text


def test_a_finding_without_witness_says_unverified(review: Review) -> None:
    found = tuple(replace(f, witness=None) for f in review.findings)
    assert "unverified" in render_text(replace(review, findings=found))


def test_steps_chosen_hold_the_racing_store_and_the_accesses_around_it(review: Review) -> None:
    witness = next(f.witness for f in review.findings if f.witness)
    assert select_steps(witness, most=1) == (8,)
    assert select_steps(witness, most=3) == (2, 5, 8)
    assert {2, 4, 5, 7, 8} <= set(select_steps(witness, most=6))


def test_escape_sequences_and_overrides_are_spelled_out(review: Review) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07 \u202egnol"
    finding = replace(
        review.findings[2],
        message=f"message {hostile}",
        guards=(hostile,),
        remedies=(f"a\nb{hostile}",),
    )
    witness = finding.witness
    assert witness is not None
    finding = replace(finding, witness=replace(witness, oops=hostile, scenario=hostile))
    series = replace(review.series, title=hostile) if review.series else None
    text = render_text(replace(review, findings=(finding,), series=series), verbose=True)
    assert text.replace("\n", "").isprintable()
    assert "\\x1b[2J" in text
    assert "\\u202e" in text


def test_a_tree_without_a_series_lists_every_finding(review: Review) -> None:
    text = render_text(replace(review, series=None, scope=("kpagecount_read",)))
    assert text.startswith("mm-review: 3 findings in kpagecount_read")
    assert "not of this series" not in text
    assert "series   " not in text


def test_what_the_thread_says_of_the_series_is_passed_on(review: Review) -> None:
    assert review.series is not None
    series = replace(
        review.series,
        patches=review.series.patches[:1],
        missing=(2,),
        superseded_by="v13@example.org",
        crashes=(CrashReply("r@example.org", 1, "kernel BUG at mm/example.c:1!"),),
    )
    text = render_text(replace(review, series=series))
    assert "  series   v12, 1 patch of 2; missing: 2\n" in text
    assert "a newer revision exists: v13@example.org" in text
    assert "reported in reply to patch 1: kernel BUG at mm/example.c:1!" in text


def test_an_undecided_and_a_silent_replay_say_how_far_they_looked(review: Review) -> None:
    finding = review.findings[2]
    assert finding.witness is not None
    for outcome, words in (
        (Outcome.UNDECIDED, "undecided: inline assembly (37 executions, 412 states explored)"),
        (Outcome.NEVER, "does not fail (37 executions, 412 states explored; bound: inline"),
    ):
        witness = replace(finding.witness, outcome=outcome, reason="inline assembly", oops="")
        text = render_text(replace(review, findings=(replace(finding, witness=witness),)))
        assert words in " ".join(text.split())
        assert "CPU 0" not in text
        assert "reproduced" not in text.splitlines()[0]
