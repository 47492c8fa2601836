"""Small readers on the teaching tree: which of them hand a page wrongly to what asserts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.finding import Reason
from reviewer.rulebook import load_vocabulary

FILE = "fs/proc/example.c"
HEAD = (
    "#include <linux/mm.h>\n#include <linux/proc_fs.h>\n#include <linux/page-flags.h>\n"
    "#include <linux/page_ref.h>\n#include <linux/huge_mm.h>\n"
)
PAGE = (
    "struct page *page = pfn_to_online_page(pfn), *head;\n"
    "\tint n = 0;\n\tif (!page)\n\t\treturn 0;\n"
)

SILENT = {
    "pinned head, rechecked": """
	head = compound_head(page);
	if (!get_page_unless_zero(head))
		return 0;
	if (compound_head(page) == head)
		n = PageTransHuge(head);
	put_page(head);
	return n;""",
    "the recheck the other way round, with goto": """
retry:
	head = compound_head(page);
	if (!get_page_unless_zero(head))
		return 0;
	if (unlikely(compound_head(page) != head)) {
		put_page(head);
		goto retry;
	}
	n = PageTransHuge(compound_head(page));
	put_page(head);
	return n;""",
    "a second reference outlives the put of the first": """
	if (!get_page_unless_zero(page))
		return 0;
	get_page(page);
	put_page(page);
	n = PageTransHuge(page);
	put_page(page);
	return n;""",
    "the page itself, which a try-get says is no tail": """
	if (get_page_unless_zero(page)) {
		n = PageTransHuge(page);
		put_page(page);
	}
	return n;""",
    "a member of a structure, pinned": """
	struct { struct page *page; } walk;
	walk.page = page;
	if (!get_page_unless_zero(walk.page))
		return 0;
	n = PageTransHuge(walk.page);
	put_page(walk.page);
	return n;""",
    "a structure that somebody else was handed": """
	struct { struct page *page; } walk;
	walk.page = page;
	fill(&walk);
	return PageTransHuge(walk.page);""",
    "a flag that remembers the pin": """
	n = get_page_unless_zero(page);
	if (n)
		n = PageTransHuge(page);
	return n;""",
    "the same question, asked the other way round": """
	unsigned long mode = pfn >> 9;

	if (mode != 3 && !get_page_unless_zero(page))
		return 0;
	if (mode == 3)
		return 0;
	return PageTransHuge(page);""",
    "questions that assert nothing": """
	return PageAnon(page) + PageLRU(page) + PageTransCompound(page);""",
    "the next page of a pinned head is a tail, and its head is the head": """
	if (!get_page_unless_zero(page))
		return 0;
	if (PageHead(page))
		n = PageTransHuge(compound_head(&page[1]));
	put_page(page);
	return n;""",
    "an assertion on something else": """
	BUG_ON(pfn == 7);
	VM_BUG_ON_PAGE(page->index == 7, page);
	return 0;""",
}

STABILITY = {
    "head of an unpinned page": """
	if (!PageTail(page))
		return 0;
	return PageTransHuge(compound_head(page));""",
    "tested, then asserted": """
	if (PageTail(page))
		return 0;
	return PageTransHuge(page);""",
    "a member of a structure, tested": """
	struct { struct page *page; } walk;
	walk.page = page;
	if (PageTail(walk.page))
		return 0;
	return PageTransHuge(walk.page);""",
    "used after the put": """
	if (!get_page_unless_zero(page))
		return 0;
	n = PageTransHuge(page);
	put_page(page);
	return n + PageTransHuge(page);""",
    "a reference that was not tried for pins nothing": """
	if (PageTail(page))
		return 0;
	get_page(page);
	return PageTransHuge(page);""",
    "the head pinned, but another one used": """
	head = compound_head(page);
	if (!get_page_unless_zero(head))
		return 0;
	if (!PageTail(page))
		return 0;
	n = PageTransHuge(compound_head(page));
	put_page(head);
	return n;""",
    "the head pinned, but not looked at again": """
	head = compound_head(page);
	if (!get_page_unless_zero(head))
		return 0;
	if (PageTail(page))
		n = PageTransHuge(compound_head(page));
	put_page(head);
	return n;""",
    "the pin of one branch only": """
	if (PageTail(page))
		return 0;
	if (pfn & 1) {
		if (!get_page_unless_zero(page))
			return 0;
	}
	return PageTransHuge(page);""",
}

POSITION = {
    "any page": """
	return PageTransHuge(page);""",
    "a compound page, which may be a tail": """
	if (!PageCompound(page))
		return 0;
	return PageTransHuge(page);""",
    "pinned, then the next page": """
	if (!get_page_unless_zero(page))
		return 0;
	if (PageHead(page))
		n = PageTransHuge(&page[1]);
	put_page(page);
	return n;""",
    "through a loop over the memmap": """
	for (n = 0; n < 4; n++, page++)
		if (PageTransHuge(page))
			return 1;
	return 0;""",
}

CASES = [
    pytest.param(body, reason, id=f"{reason or 'silent'}: {name}")
    for cases, reason in (
        (SILENT, None),
        (STABILITY, Reason.STABILITY),
        (POSITION, Reason.POSITION),
    )
    for name, body in cases.items()
]


@pytest.mark.parametrize(("body", "reason"), CASES)
def test_a_reader_is_judged_as_a_reviewer_would(
    minimm: Callable[..., Any], body: str, reason: Reason | None
) -> None:
    text = f"{HEAD}\nint example(unsigned long pfn)\n{{\n\t{PAGE}{body}\n}}\n"
    knowledge = Knowledge(CodeBase(minimm({FILE: text}), default_config(), None), load_vocabulary())
    function = knowledge.code.find_function("example", FILE)
    assert function is not None
    hazards = knowledge.hazards(function)
    assert not knowledge.skipped()
    reasons = {hazard.reason for hazard in hazards}
    assert (reason in reasons) if reason else not reasons, hazards
    if reason is Reason.STABILITY:
        assert reasons == {reason}


def test_a_pin_through_a_function_of_ones_own(minimm: Callable[..., Any]) -> None:
    text = (
        HEAD
        + """
static struct page *hold(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	if (!page || !get_page_unless_zero(page))
		return NULL;
	return page;
}

static struct page *look(unsigned long pfn)
{
	return pfn_to_online_page(pfn);
}

int held(unsigned long pfn)
{
	struct page *page = hold(pfn);

	return page ? PageTransHuge(page) : 0;
}

int loose(unsigned long pfn)
{
	struct page *page = look(pfn);

	return page ? PageTransHuge(page) : 0;
}
"""
    )
    knowledge = Knowledge(CodeBase(minimm({FILE: text}), default_config(), None), load_vocabulary())
    found = {}
    for name in ("held", "loose"):
        function = knowledge.code.find_function(name, FILE)
        assert function is not None
        found[name] = {h.reason for h in knowledge.hazards(function)}
    assert found == {"held": set(), "loose": {Reason.POSITION}}


def test_a_function_that_never_ends_is_cut_off_and_said(minimm: Callable[..., Any]) -> None:
    calls = "\n".join(f"\tif (PageTail(p{n})) x += {n};" for n in range(14))
    parameters = "\n".join(f"\tstruct page *p{n} = pfn_to_page(pfn + {n});" for n in range(14))
    text = f"{HEAD}\nint example(unsigned long pfn)\n{{\n\tint x = 0;\n{parameters}\n{calls}\n"
    text += "\n".join(f"\tx += PageTail(p{n});" for n in range(14)) + "\n\treturn x;\n}\n"
    knowledge = Knowledge(CodeBase(minimm({FILE: text}), default_config(), None), load_vocabulary())
    function = knowledge.code.find_function("example", FILE)
    assert function is not None
    knowledge.hazards(function)
    assert [s for s in knowledge.skipped() if s.function == "example"]
