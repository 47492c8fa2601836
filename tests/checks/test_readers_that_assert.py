"""Readers' findings: one for all callers, none for what changes a page, in any order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.checks.registry import Checking
from reviewer.model.finding import Finding
from reviewer.rulebook import load_rules, load_vocabulary

FILE = "mm/peek.c"
TEXT = """
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>

static inline int is_first(struct page *page)
{
	VM_BUG_ON_PAGE(!PageHead(page), page);
	return test_bit(PG_uptodate, &page->flags);
}

static int ask(struct page *page) { return is_first(compound_head(page)); }

int one(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	return PageTail(page) ? is_first(compound_head(page)) : 0;
}

int two(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	return PageTail(page) && ask(page);
}

int three(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	int first = 0;

	if (get_page_unless_zero(page)) {
		first = PageHead(page) && is_first(page);
		put_page(page);
	}
	return first;
}

static void write_first(struct page *page)
{
	VM_BUG_ON_PAGE(!PageHead(page), page);
	set_bit(PG_uptodate, &page->flags);
}

void four(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	if (PageTail(page))
		write_first(compound_head(page));
}
"""


@pytest.fixture
def peek(minimm: Callable[..., Any]) -> tuple[Checking, list[Finding]]:
    knowledge = Knowledge(CodeBase(minimm({FILE: TEXT}), default_config(), None), load_vocabulary())
    checking = Checking(knowledge, load_rules())
    subjects = [f for f in checking.subjects() if f.path == FILE]
    return checking, [finding for f in subjects for finding in checking.find(f)]


def test_one_finding_lists_the_callers_that_hold_nothing(
    peek: tuple[Checking, list[Finding]],
) -> None:
    checking, findings = peek
    (mine,) = checking.overlook(findings)
    assert mine.primary.function == "is_first"
    assert {place.function for place in mine.related} == {"one", "ask"}


def test_what_changes_the_page_is_no_reader(peek: tuple[Checking, list[Finding]]) -> None:
    checking, findings = peek
    others = [f for f in findings if f.call_path[0].function == "four"]
    assert others
    assert checking.overlook(others) == []


def test_the_order_of_findings_does_not_matter(peek: tuple[Checking, list[Finding]]) -> None:
    checking, findings = peek
    expected = checking.overlook(findings)
    for seed in range(5):
        random.Random(seed).shuffle(findings)
        assert checking.overlook(findings) == expected
