"""What is found does not hang on what was walked before: recursion, bounds, order of files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.analysis import summaries
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.rulebook import load_vocabulary

Trees = Callable[..., Any]

CYCLES = """
#include <linux/mm.h>
#include <linux/mmzone.h>

static int up(struct page *page, int left);

static int down(struct page *page, int left)
{
	if (left > 1)
		return up(page, left - 1);
	return page_mapcount(compound_head(page));
}

static int up(struct page *page, int left)
{
	VM_BUG_ON_PAGE(PageTail(page), page);
	if (left > 2)
		return down(page, left - 1);
	return 0;
}

static int self(struct page *page, int left)
{
	if (!left)
		return PageTail(page);
	return self(page, left - 1);
}

int enter_up(unsigned long pfn, int left)
{
	return up(pfn_to_page(pfn), left);
}

int enter_down(unsigned long pfn, int left)
{
	return down(pfn_to_page(pfn), left);
}

static int grow(struct page *page, int left)
{
	if (!left)
		return 0;
	return grow(page, left - 1) ? 0 : 1;
}

int enter_no_tail_up(unsigned long pfn, int left)
{
	struct page *page = pfn_to_page(pfn);

	return PageTail(page) ? 0 : up(page, left);
}

int enter_no_tail_down(unsigned long pfn, int left)
{
	struct page *page = pfn_to_page(pfn);

	return PageTail(page) ? 0 : down(page, left);
}

int enter_grow(unsigned long pfn, int left)
{
	struct page *page = pfn_to_page(pfn);

	if (grow(page, left))
		VM_BUG_ON_PAGE(PageTail(page), page);
	return 0;
}

int enter_self(unsigned long pfn, int left)
{
	struct page *page = pfn_to_page(pfn);

	if (self(page, left))
		return 0;
	VM_BUG_ON_PAGE(PageTail(page), page);
	return 1;
}
"""


def _know(tree: Any) -> Knowledge:
    return Knowledge(CodeBase(tree, default_config(), scope=("",)), load_vocabulary())


def _found(knowledge: Knowledge, order: random.Random | None) -> dict[tuple[str, str], object]:
    """Return the hazards of every root, walked in this order, and what was noted on the way."""
    roots = list(knowledge.roots())
    if order is not None:
        order.shuffle(roots)
    hazards = {(f.path, f.name): frozenset(map(repr, knowledge.hazards(f))) for f in roots}
    return {**hazards, ("", "skipped"): knowledge.skipped(), ("", "sites"): knowledge.sites()}


@pytest.fixture(scope="module")
def cycles(minimm: Trees) -> Any:
    return minimm({"mm/cycles.c": CYCLES})


@pytest.fixture(scope="module")
def in_order(cycles: Any) -> dict[tuple[str, str], object]:
    return _found(_know(cycles), None)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers())
def test_hazards_do_not_hang_on_the_order_of_functions(
    cycles: Any, in_order: dict[tuple[str, str], object], seed: int
) -> None:
    assert _found(_know(cycles), random.Random(seed)) == in_order


def test_functions_that_call_each_other_are_followed_from_both_ends(cycles: Any) -> None:
    knowledge = _know(cycles)
    for name in ("enter_up", "enter_down", "enter_no_tail_up", "enter_no_tail_down"):
        function = knowledge.code.find_function(name)
        assert function is not None
        chains = {tuple(s.function for s in h.chain) for h in knowledge.hazards(function)}
        assert any("up" in chain for chain in chains)
        # with the same page a call back asserts nothing that was not told where it is walked
        again = [chain for chain in chains if len(set(chain)) < len(chain)]
        assert not again or "no_tail" not in name


def test_a_function_that_calls_itself_returns_what_its_last_call_does(cycles: Any) -> None:
    """After ``self()`` said that it is no tail, an unpinned page may be one by now."""
    knowledge = _know(cycles)
    function = knowledge.code.find_function("enter_self")
    assert function is not None
    (hazard,) = knowledge.hazards(function)
    assert (str(hazard.reason), sorted(hazard.claimed)) == ("stability", ["head", "order0"])


def test_what_a_call_back_returns_makes_new_ways_out(cycles: Any) -> None:
    """``grow()`` returns 1 only where the call back into it returned 0."""
    knowledge = _know(cycles)
    function = knowledge.code.find_function("enter_grow")
    assert function is not None
    assert [h.demand.text for h in knowledge.hazards(function)] == [
        "VM_BUG_ON_PAGE(PageTail(page))"
    ]


COUNTED_UP = """
#include <linux/mm.h>
#include <linux/mmzone.h>
int look(unsigned long pfn) { return PageTail(pfn_to_page(pfn)); }
int look_at_each(unsigned long start, int left)
{
	unsigned long pfn = start, next;

	while (left--) {
		look(pfn);
		next = pfn + 1;
		pfn = next;
	}
	return 0;
}
"""


def test_a_number_counted_up_is_traced_to_an_end(minimm: Trees) -> None:
    knowledge = _know(minimm({"mm/up.c": COUNTED_UP}))
    function = knowledge.code.find_function("look")
    assert function is not None
    assert knowledge.hazards(function) == ()
    assert [s for s in knowledge.skipped() if s.path == "mm/up.c"] == []


class Shuffled:
    """A tree that lists its files in another order."""

    def __init__(self, tree: Any, order: random.Random) -> None:
        self._tree, self._order = tree, order

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tree, name)

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        paths = list(self._tree.iter_paths(prefixes))
        self._order.shuffle(paths)
        yield from paths


@settings(max_examples=6, deadline=None)
@given(seed=st.integers())
def test_hazards_do_not_hang_on_the_order_of_files(
    cycles: Any, in_order: dict[tuple[str, str], object], seed: int
) -> None:
    assert _found(_know(Shuffled(cycles, random.Random(seed))), None) == in_order


@pytest.mark.parametrize("bound", ["STEPS", "DEPTH"])
@pytest.mark.parametrize("value", [3, 40])
def test_nor_do_they_where_a_bound_is_hit(
    cycles: Any, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(summaries, bound, value)
    monkeypatch.setattr("reviewer.analysis.engine.DEPTH", summaries.DEPTH)
    first = _found(_know(cycles), None)
    for seed in range(4):
        assert _found(_know(cycles), random.Random(seed)) == first
