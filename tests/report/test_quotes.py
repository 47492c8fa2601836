"""Which changed line of a patch an answer stands under."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reviewer.model.finding import Finding, Origin
from reviewer.model.location import Location
from reviewer.model.review import Review
from reviewer.report.quotes import find_quote

READER = "fs/proc/page.c"
HELPER = "include/linux/page-flags.h"


def _hunk(section: str, line: int, added: str) -> str:
    return f"@@ -{line},2 +{line},3 @@ {section}\n \tint a;\n+\t{added}\n \tint b;\n"


def _file(path: str, *hunks: str) -> str:
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{''.join(hunks)}"


def _quoted(review: Review, finding: Finding, diff: str) -> tuple[str, str]:
    """The section and the line that are meant."""
    assert review.series is not None
    quote = find_quote(review.series.patches[1], finding, text=diff)
    assert quote is not None
    return quote.hunk.section, quote.hunk.lines[quote.best].strip("+\t")


@pytest.fixture
def finding(review: Review) -> Finding:
    """The seed's finding, at a line that no hunk has."""
    found = next(f for f in review.findings if f.origin is Origin.INTRODUCED)
    return replace(found, primary=Location(READER, 9000, "stable_page_flags"))


def test_of_two_calls_of_a_helper_the_one_in_the_function_of_the_path(
    review: Review, finding: Finding
) -> None:
    call = "n = page_mapcount(page);"
    other = _hunk("int beside(struct page *page)", 10, call)
    mine = _hunk("u64 stable_page_flags(struct page *page)", 100, call)
    for hunks in ((other, mine), (mine, other)):
        section, _ = _quoted(review, finding, _file(READER, *hunks))
        assert section.startswith("u64 stable_page_flags")


@pytest.mark.parametrize(
    ("origin", "meant"),
    [
        (Origin.EXPOSED, "VM_BUG_ON_PAGE(!PageHead(page), page);"),
        (Origin.INTRODUCED, "n = page_mapcount(page);"),
    ],
)
def test_an_old_caller_is_told_of_the_assertion_and_a_new_one_of_the_call(
    review: Review, finding: Finding, origin: Origin, meant: str
) -> None:
    asserting = _hunk("int PageDoubleMap(struct page *page)", 540, finding.evidence[0].text)
    calling = _hunk("u64 stable_page_flags(struct page *page)", 100, "n = page_mapcount(page);")
    diff = _file(READER, calling) + _file(HELPER, asserting)
    _, line = _quoted(review, replace(finding, origin=origin), diff)
    assert line == meant
