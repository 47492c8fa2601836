"""b4's review files: who, a note, and comments between the quoted lines of the diff."""

from __future__ import annotations

from dataclasses import replace

from reviewer.model.review import Review
from reviewer.report.b4review import iter_b4_review

SENDER = "Rita Reviewer <rita@example.org>"


def test_comments_stand_under_the_line_meant_and_every_diff_line_is_kept(review: Review) -> None:
    files = dict(iter_b4_review(review, sender=SENDER))
    assert set(files) == {"identity.txt", "0002.txt"}
    assert files["identity.txt"] == b"Rita Reviewer <rita@example.org>\n"
    text = files["0002.txt"].decode()
    lines = text.splitlines()
    assert lines[0] == "1 finding: unpinned-compound-head"
    assert lines[1] == ""
    assert review.series is not None
    quoted = [line[2:] for line in lines if line.startswith(">")]
    assert "\n".join(quoted) + "\n" == review.series.patches[1].diff.decode()
    meant = lines.index("> +\tif (!PageSlab(page) && page_mapcount(page))")
    assert lines[meant + 1] == ""
    assert lines[meant + 2].startswith("What keeps the compound page")
    assert "CPU 0: kpageflags_read" in text


def test_nothing_to_say_is_no_file(clean_review: Review) -> None:
    assert list(iter_b4_review(clean_review, sender=SENDER)) == []


def test_a_diff_without_hunks_gets_the_comment_as_its_note(review: Review) -> None:
    assert review.series is not None
    patches = tuple(replace(p, diff=b"") for p in review.series.patches)
    bare = replace(review, series=replace(review.series, patches=patches))
    text = dict(iter_b4_review(bare, sender=SENDER))["0002.txt"].decode()
    assert "What keeps the compound page" in text
    assert ">" not in text.replace("->", "")
