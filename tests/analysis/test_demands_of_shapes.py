"""What a helper demands of its page, in the shapes that trees from before 4.4 to today have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reviewer.analysis.demands import ParameterDemand
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.rulebook import load_vocabulary

FLAGS = "include/linux/page-flags.h"
ANY = ["order0", "head", "tail"]
NO_TAIL = ["order0", "head"]

# A tree from before the head word: a tail has a flag, and a pointer to its head.
OLD_TYPES = """
struct page { unsigned long flags; int _count; int _mapcount; struct page *first_page; };
enum pageflags { PG_locked, PG_head, PG_tail, PG_slab };
"""
OLD_FLAGS = """
#include <linux/mm_types.h>
#include <linux/mmdebug.h>
#define BUG_ON(condition) do { if (unlikely(condition)) BUG(); } while (0)
#define TESTPAGEFLAG(uname, lname) \\
static inline int Page##uname(const struct page *page) \\
	{ return test_bit(PG_##lname, &page->flags); }
TESTPAGEFLAG(Head, head)
TESTPAGEFLAG(Tail, tail)
static inline int PageCompound(struct page *page)
{
	return page->flags & ((1L << PG_head) | (1L << PG_tail));
}
static inline struct page *compound_head(struct page *page)
{
	if (unlikely(PageTail(page))) {
		struct page *head = page->first_page;
		smp_rmb();
		if (likely(PageTail(page)))
			return head;
	}
	return page;
}
static inline int whole(struct page *page)
{
	VM_BUG_ON_PAGE(PageTail(page), page);
	return PageHead(page);
}
static inline int whole_of_any(struct page *page) { return whole(compound_head(page)); }
static inline void split_it(struct page *page) { BUG_ON(!PageHead(page)); }
static inline int raw(struct page *page) { return atomic_read(&page->_mapcount) + 1; }
static inline int of_second(struct page *page) { return PageTail(&page[1]); }
"""


@pytest.fixture
def demands(minimm: Callable[..., Any]) -> Callable[..., list[ParameterDemand]]:
    """Ask for the demands of a function of minimm with some files replaced."""

    def ask(name: str, files: Mapping[str, str]) -> list[ParameterDemand]:
        code = CodeBase(minimm(files), default_config(), scope=("",))
        function = code.find_function(name)
        assert function is not None
        knowledge = Knowledge(code, load_vocabulary())
        found = knowledge.demands(function) or knowledge.other_demands(function)
        stopping = [demand for demand in knowledge.demands(function) if demand.fatal]
        assert knowledge.stops(function) == bool(stopping)
        return list(found)

    return ask


def _places(demand: ParameterDemand) -> list[str]:
    return [str(position) for position in demand.positions]


@pytest.mark.parametrize(
    ("name", "places", "needs", "text"),
    [
        ("whole", NO_TAIL, ("CONFIG_DEBUG_VM",), "VM_BUG_ON_PAGE(PageTail(page))"),
        ("whole_of_any", ANY, ("CONFIG_DEBUG_VM",), "VM_BUG_ON_PAGE(PageTail(page))"),
        ("split_it", ["head"], (), "BUG_ON(!PageHead(page))"),
    ],
)
def test_a_tail_told_by_a_flag_and_a_pointer_to_its_head(
    demands: Callable[..., list[ParameterDemand]],
    name: str,
    places: list[str],
    needs: tuple[str, ...],
    text: str,
) -> None:
    (demand,) = demands(name, {FLAGS: OLD_FLAGS, "include/linux/mm_types.h": OLD_TYPES})
    assert _places(demand) == places
    assert demand.stability == "pinned"
    assert demand.needs == needs
    assert text in demand.evidence.text
    assert demand.evidence.path == FLAGS


@pytest.mark.parametrize("name", ["compound_head", "PageTail", "PageCompound", "raw", "of_second"])
def test_a_reader_that_asserts_nothing_demands_nothing(
    demands: Callable[..., list[ParameterDemand]], name: str
) -> None:
    assert demands(name, {FLAGS: OLD_FLAGS, "include/linux/mm_types.h": OLD_TYPES}) == []


TOLERANT = """
static inline int PageDoubleMap(struct page *page)
{
	return PageHead(page) && test_bit(PG_double_map, &page[1].flags);
}
"""
STRICT = """
static inline int PageDoubleMap(struct page *page)
{
	VM_BUG_ON_PAGE(!PageHead(page), page);
	return test_bit(PG_double_map, &page[1].flags);
}
"""
POLICY = """
#define PF_SECOND(page, enforce) ({ \\
		VM_BUG_ON_PGFLAGS(!PageHead(page), page); &page[1]; })
PAGEFLAG(DoubleMap, double_map, PF_SECOND)
"""
IGNORED = """
#define PF_SECOND(page, enforce) ({ \\
		VM_BUG_ON_PGFLAGS(enforce && !PageHead(page), page); &page[1]; })
PAGEFLAG(DoubleMap, double_map, PF_SECOND)
"""
PGFLAGS = ("CONFIG_DEBUG_VM", "CONFIG_DEBUG_VM_PGFLAGS")


@pytest.mark.parametrize(
    ("text", "name", "needs"),
    [
        pytest.param(TOLERANT, "PageDoubleMap", None, id="test before the bit"),
        pytest.param(STRICT, "PageDoubleMap", ("CONFIG_DEBUG_VM",), id="assertion in the reader"),
        pytest.param(POLICY, "PageDoubleMap", PGFLAGS, id="policy, readers too"),
        pytest.param(POLICY, "SetPageDoubleMap", PGFLAGS, id="policy, setters"),
        pytest.param(IGNORED, "PageDoubleMap", None, id="policy that heeds enforce, reader"),
        pytest.param(IGNORED, "SetPageDoubleMap", PGFLAGS, id="policy that heeds enforce, setter"),
    ],
)
def test_a_flag_of_the_second_page(
    demands: Callable[..., list[ParameterDemand]],
    minimm: Callable[..., Any],
    text: str,
    name: str,
    needs: tuple[str, ...] | None,
) -> None:
    flags = minimm().read(FLAGS).decode()
    place = flags.rindex("#endif")
    found = demands(name, {FLAGS: flags[:place] + text + flags[place:]})
    if needs is None:
        assert found == []
        return
    (demand,) = found
    assert (demand.parameter, _places(demand)) == ("page", ["head"])
    assert demand.stability == "pinned"
    assert demand.needs == needs


WARNING = """
#define WARN_ON_ONCE(condition) ({ \
	int __ret = !!(condition); \
	if (unlikely(__ret)) __WARN(); \
	unlikely(__ret); })
#define VM_WARN_ON_ONCE_PAGE(cond, page) ({ int __once = !!(cond); \
	if (unlikely(__once)) { dump_page(page, "VM_WARN_ON_ONCE_PAGE(" #cond ")"); WARN_ON_ONCE(1); } \
	unlikely(__once); })
static inline int warns(struct page *page)
{
	VM_WARN_ON_ONCE_PAGE(PageTail(page), page);
	return 1;
}
static inline int warns_plainly(struct page *page)
{
	return WARN_ON_ONCE(PageTail(page));
}
static inline int warns_and_stops(struct page *page)
{
	VM_WARN_ON_ONCE_PAGE(PageTail(page), page);
	BUG_ON(!PageHead(page));
	return 1;
}
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("warns", [(False, NO_TAIL)]),
        ("warns_and_stops", [(True, ["head"]), (False, NO_TAIL)]),
    ],
)
def test_a_warning_is_a_demand_of_its_own(
    demands: Callable[..., list[ParameterDemand]], name: str, expected: list[Any]
) -> None:
    found = demands(name, {FLAGS: OLD_FLAGS + WARNING, "include/linux/mm_types.h": OLD_TYPES})
    assert [(demand.fatal, _places(demand)) for demand in found] == expected


def test_a_warning_is_shown_as_its_user_wrote_it(
    demands: Callable[..., list[ParameterDemand]],
) -> None:
    files = {FLAGS: OLD_FLAGS + WARNING, "include/linux/mm_types.h": OLD_TYPES}
    (demand,) = demands("warns_plainly", files)
    assert demand.evidence.text == "return WARN_ON_ONCE(PageTail(page));"
    assert demand.evidence.path == FLAGS


def test_what_no_page_satisfies_allows_no_position(
    demands: Callable[..., list[ParameterDemand]],
) -> None:
    never = "\nstatic inline void never(struct page *page)\n{\n\tBUG_ON(PageHead(page));\n"
    never += "\tBUG_ON(!PageHead(page));\n}\n"
    (demand,) = demands("never", {FLAGS: OLD_FLAGS + never, "include/linux/mm_types.h": OLD_TYPES})
    assert demand.positions == ()
    assert demand.stability == "pinned"


FOLIO = """
struct folio { struct page page; };
static inline int whole_folio(const struct folio *one)
{
	VM_BUG_ON_PAGE(PageTail(&one->page), &one->page);
	return 1;
}
"""


def test_a_folio_is_asked_about_as_a_page_is(
    demands: Callable[..., list[ParameterDemand]],
) -> None:
    files = {FLAGS: OLD_FLAGS + FOLIO, "include/linux/mm_types.h": OLD_TYPES}
    (demand,) = demands("whole_folio", files)
    assert (demand.parameter, _places(demand)) == ("one", NO_TAIL)


STATE = """
TESTPAGEFLAG(Slab, slab)
static inline int no_slab(struct page *page)
{
	BUG_ON(PageSlab(page));
	return 1;
}
static inline int warns_of_slab(struct page *page)
{
	return WARN_ON_ONCE(PageSlab(page));
}
static inline int never_stops(struct page *page)
{
	BUG_ON(0 && PageSlab(page));
	return 1;
}
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [("no_slab", [(True, ANY)]), ("warns_of_slab", [(False, ANY)]), ("never_stops", [])],
)
def test_what_else_is_asserted_of_a_page_allows_every_position(
    demands: Callable[..., list[ParameterDemand]], name: str, expected: list[Any]
) -> None:
    files = {FLAGS: OLD_FLAGS + WARNING + STATE, "include/linux/mm_types.h": OLD_TYPES}
    found = demands(name, files)
    assert [(demand.fatal, _places(demand)) for demand in found] == expected
    assert all("PageSlab(page)" in demand.evidence.text for demand in found)
