"""Rules on pages in spellings their pages do not show: what fires, and what looks alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.checks.registry import Checking
from reviewer.rulebook import load_rules, load_vocabulary

FILE = "mm/example.c"
HEAD = "".join(
    f"#include <linux/{name}.h>\n" for name in ("mm", "page-flags", "page_ref", "huge_mm")
)
PFN = (
    "int example(unsigned long pfn)\n{\n"
    "\tstruct page *page = pfn_to_page(pfn), *head;\n\tint n = 0;\n"
)
PTE = (
    "int example(struct vm_area_struct *vma, unsigned long addr, pte_t *pte)\n{\n"
    "\tstruct page *page = vm_normal_page(vma, addr, *pte), *head;\n\tint n = 0;\n"
    "\tif (!page)\n\t\treturn 0;\n"
)
LOCKED = (
    "int example(struct vm_area_struct *vma, unsigned long addr, pte_t *pte, spinlock_t *ptl)\n{\n"
    "\tstruct page *page, *head;\n\tpte_t entry = *pte;\n\tint n = 0;\n\tspin_lock(ptl);\n"
    "\tpage = vm_normal_page(vma, addr, entry);\n\tif (!page)\n\t\treturn 0;\n"
)
ANY = "int example(struct page *page)\n{\n\tstruct page *head;\n\tint n = 0;\n"
FIELD, CAST, PIN, STALE = (
    "tail-field-read",
    "folio-cast-of-page",
    "folio-before-pin",
    "stale-head-after-split-or-retry",
)

FIRES = {
    "index in arithmetic": (FIELD, PTE + "n = page->index + 1;\n\treturn n;\n}"),
    "mapping compared as a whole": (FIELD, PTE + "return page->mapping == (void *)vma;\n}"),
    "mapping of an unpinned page, kept": (
        FIELD,
        PFN + "void *mapping = READ_ONCE(page->mapping);\n\treturn mapping != 0;\n}",
    ),
    "private of a pinned tail": (
        FIELD,
        PTE + "if (PageTail(page))\n\tn = page->private;\nreturn n;\n}",
    ),
    "a walk over the pages of a head": (
        FIELD,
        PTE + "if (PageHead(page))\n\tfor (n = 1; n < 8; n++)\n\t\tif (page[n].index)\n"
        "\t\t\treturn n;\n\treturn 0;\n}",
    ),
    "a cast in an argument": (
        CAST,
        "int order_of(const struct folio *folio);\n"
        + PTE
        + "return order_of((const struct folio *)page);\n}",
    ),
    "a cast behind PageCompound()": (
        CAST,
        PTE + "if (PageCompound(page))\n\tn = ((struct folio *)page)->flags & 1;\nreturn n;\n}",
    ),
    "the page goes on after a pin of its head": (
        PIN,
        "int ask(struct page *page);\n"
        + PFN
        + "head = compound_head(page);\nif (!get_page_unless_zero(head))\n\treturn 0;\n"
        "n = ask(page);\nput_page(head);\nreturn n;\n}",
    ),
    "the head goes on, and nobody said where the page is from": (
        PIN,
        "void keep(struct page *page);\n"
        + ANY
        + "head = compound_head(page);\nif (get_page_unless_zero(head)) {\n"
        "\tkeep(head);\n\tput_page(head);\n}\nreturn 0;\n}",
    ),
    "handed out unchecked": (
        PIN,
        "struct page *example(struct page *page)\n{\n\tstruct page *head = compound_head(page);\n"
        "\tif (!get_page_unless_zero(head))\n\t\treturn NULL;\n\treturn head;\n}\n"
        "struct page *user(struct page *page)\n{\n\treturn example(page);\n}",
    ),
    "the old head unlocked after a split of its page": (
        STALE,
        ANY + "head = compound_head(page);\nif (PageTail(page) && !split_huge_page(page))\n"
        "\tput_page(head);\nreturn n;\n}",
    ),
    "the head that was pinned asked where it is": (
        PIN,
        PFN + "head = compound_head(page);\nif (!get_page_unless_zero(head))\n\treturn 0;\n"
        "n = PageTransHuge(head);\nput_page(head);\nreturn n;\n}",
    ),
    "the page-table lock dropped before the page is asked": (
        "unpinned-compound-head",
        LOCKED + "spin_unlock(ptl);\n\treturn PageTransHuge(compound_head(page));\n}",
    ),
    "the lock taken again, and the entry not looked at": (
        "unpinned-compound-head",
        LOCKED + "spin_unlock(ptl);\nspin_lock(ptl);\n"
        "n = PageTransHuge(compound_head(page));\nspin_unlock(ptl);\n\treturn n;\n}",
    ),
    "a poisoned page can be split between two looks at its head": (
        "unpinned-compound-head",
        "int PageHWPoison(struct page *page);\n" + PFN + "head = compound_head(page);\n"
        "if (!PageHWPoison(page) || !PageHead(head))\n\treturn 0;\n"
        "VM_BUG_ON_PAGE(!PageHead(head), head);\nreturn n;\n}",
    ),
    "a hugetlb page is kept out of one way only": (
        FIELD,
        "int PageHuge(struct page *page);\n" + PTE + "if (PageHuge(page))\n\tn = 1;\n"
        "if (!PageHuge(page) && PageTail(page))\n\treturn 0;\n"
        "return n ? page->index : 0;\n}",
    ),
}

SILENT = {
    "a reference taken before the page-table lock is dropped": LOCKED + "get_page(page);\n"
    "spin_unlock(ptl);\nn = PageTransHuge(compound_head(page));\nput_page(page);\nreturn n;\n}",
    "the lock taken again, and the entry the same": "int pte_same(pte_t a, pte_t b);\n"
    + LOCKED
    + "spin_unlock(ptl);\nspin_lock(ptl);\nif (pte_same(*pte, entry))\n"
    "\tn = PageTransHuge(compound_head(page));\nspin_unlock(ptl);\nreturn n;\n}",
    "the reference of the entry that was taken away": (
        "pte_t ptep_get_and_clear(pte_t *pte);\n" + LOCKED + "ptep_get_and_clear(pte);\n"
        "spin_unlock(ptl);\nn = PageTransHuge(compound_head(page));\nput_page(page);\nreturn n;\n}"
    ),
    "the head of a poisoned page becomes no tail": "int PageHWPoison(struct page *page);\n"
    + PFN
    + "head = compound_head(page);\nif (!PageHWPoison(page))\n\treturn 0;\n"
    "return PageTransHuge(head);\n}",
    "a reference after the mark": "int TestSetPageHWPoison(struct page *page);\n"
    "int get_hwpoison_page(struct page *page);\n"
    + PFN
    + "head = compound_head(page);\nif (TestSetPageHWPoison(page) || !get_hwpoison_page(page))\n"
    "\treturn 0;\nif (!PageHead(head))\n\treturn 0;\n"
    "VM_BUG_ON_PAGE(!PageHead(head), head);\nreturn n;\n}",
    "a page that is held stays a hugetlb page, or none": "int PageHuge(struct page *page);\n"
    + PTE
    + "if (!PageHuge(page) && PageTail(page))\n\treturn 0;\nif (PageHuge(page))\n\treturn 0;\n"
    "return page->index;\n}",
    "a hugetlb page has a head": "int PageHuge(struct page *page);\n"
    + PTE
    + "if (!PageHuge(page))\n\treturn 0;\nhead = compound_head(page);\n"
    "VM_BUG_ON_PAGE(!PageHead(head), head);\nreturn n;\n}",
    "tails that are no tails yet": (
        "void __free_one_page(struct page *page);\n"
        + PFN
        + "__free_one_page(page);\n__set_bit(PG_head, &page->flags);\n"
        "for (n = 1; n < 8; n++)\n\tVM_BUG_ON_PAGE(PageTail(page + n), page);\nreturn n;\n}"
    ),
    "no compound page is allowed, and who holds it may know": PTE
    + "VM_BUG_ON_PAGE(PageCompound(page), page);\nreturn n;\n}",
    "isolated, or free where nothing is handed out": (
        "int isolate_or_dissolve_huge_page(struct page *page);\n"
        + PFN
        + "if (isolate_or_dissolve_huge_page(page) < 0)\n\treturn 0;\nif (PageTail(page))\n"
        "\treturn 0;\nreturn PageTransHuge(page);\n}"
    ),
    "flags, count and map count of any page": PTE
    + "return page->flags & 1 || atomic_read(&page->_mapcount) >= 0;\n}",
    "index behind a test for tails": PTE
    + "if (PageTail(page))\n\treturn 0;\n\treturn page->index;\n}",
    "index of the head": PTE + "head = compound_head(page);\n\treturn head->index;\n}",
    "a look before the pin": PFN + "if (!page->mapping)\n\treturn 0;\n\treturn 1;\n}",
    "a cast of the head": PTE + "return ((struct folio *)compound_head(page))->flags & 1;\n}",
    "a cast after a test": PTE
    + "if (PageTail(page))\n\treturn 0;\n\treturn ((struct folio *)page)->flags & 1;\n}",
    "looked at again, spelled the other way": "int ask(struct page *page);\n"
    + PFN
    + "head = compound_head(page);\nif (!get_page_unless_zero(head))\n\treturn 0;\n"
    "if (likely(head == compound_head(page)))\n\tn = ask(page);\nput_page(head);\nreturn n;\n}",
    "a flag asked before the second look": "int ask(struct page *page);\n"
    + PFN
    + "head = compound_head(page);\nif (!get_page_unless_zero(head))\n\treturn 0;\n"
    "if (!PageLRU(head) || compound_head(page) != head) {\n\tput_page(head);\n\treturn 0;\n}\n"
    "n = ask(page);\nput_page(head);\nreturn n;\n}",
    "handed out, and looked at by the caller": "static struct page *hold(struct page *page)\n{\n"
    "\tstruct page *head = compound_head(page);\n\tif (!get_page_unless_zero(head))\n"
    "\t\treturn NULL;\n\treturn head;\n}\nint ask(struct page *page);\n"
    + ANY
    + "head = hold(page);\nif (!head)\n\treturn 0;\nif (compound_head(page) == head)\n"
    "\tn = ask(page);\nput_page(head);\nreturn n;\n}",
    "the slot looked up again": "int ask(struct page *page);\n"
    "struct page *slot(unsigned long pfn);\n"
    + PFN
    + "head = compound_head(page);\nif (!get_page_unless_zero(head))\n\treturn 0;\n"
    "if (page != slot(pfn)) {\n\tput_page(head);\n\treturn 0;\n}\n"
    "n = ask(page);\nput_page(head);\nreturn n;\n}",
    "the page itself after the split": ANY + "head = compound_head(page);\n"
    "if (!split_huge_page(page))\n\tput_page(page);\nelse\n\tput_page(head);\nreturn n;\n}",
    "the head anew after the split": ANY + "head = compound_head(page);\n"
    "if (PageTail(page)) {\n\tif (split_huge_page(page))\n\t\treturn 0;\n"
    "\thead = compound_head(page);\n}\nput_page(head);\nreturn n;\n}",
}


def _rules_that_fire(
    minimm: Callable[..., Any], body: str, *, without: str | None = None
) -> set[str]:
    emptied = {without: ""} if without else {}
    tree = minimm({FILE: HEAD + body + "\n", **emptied})
    knowledge = Knowledge(CodeBase(tree, default_config(), None), load_vocabulary())
    checking = Checking(knowledge, load_rules())
    mine = [f for f in checking.subjects() if f.path == FILE]
    return {finding.rule for function in mine for finding in checking.find(function)}


@pytest.mark.parametrize(("rule", "body"), FIRES.values(), ids=FIRES)
def test_it_fires_alone(minimm: Callable[..., Any], rule: str, body: str) -> None:
    assert _rules_that_fire(minimm, body) == {rule}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_what_looks_alike_is_silent(minimm: Callable[..., Any], body: str) -> None:
    assert _rules_that_fire(minimm, body) == set()


SPLIT = """
int example(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn), *head = compound_head(page);

	if (!get_page_unless_zero(head) || compound_head(page) != head)
		return 0;
	if (split_huge_page(head) || PageTail(page))
		return 0;
	return PageTransHuge(page);
}
"""


def test_a_split_leaves_each_page_its_references_where_tails_have_their_own(
    minimm: Callable[..., Any],
) -> None:
    """In a tree that splits PMDs without their page, only the page that was named stays held."""
    assert _rules_that_fire(minimm, SPLIT, without="mm/huge_memory.c") == set()
    assert _rules_that_fire(minimm, SPLIT) == {"check-then-assert"}


ADDRESS = """
int example(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmd)
{
	struct page *page = pmd_page(*pmd);

	page += %s;
	return page->index;
}
"""


@pytest.mark.parametrize("offset", ["(addr & ~HPAGE_PMD_MASK) >> PAGE_SHIFT", "1"])
def test_who_is_handed_an_address_may_know_that_it_names_no_tail(
    minimm: Callable[..., Any], offset: str
) -> None:
    tree = minimm({FILE: HEAD + ADDRESS % offset})
    knowledge = Knowledge(CodeBase(tree, default_config(), None), load_vocabulary())
    example = knowledge.code.find_function("example", FILE)
    assert example is not None
    hazards = knowledge.hazards(example)
    assert {hazard.guarded for hazard in hazards} == {offset != "1"}
