"""Whom a patch reaches: as far as what a changed function does differs, and no farther."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reviewer.analysis import effects
from reviewer.analysis.impact import find_affected, find_changed
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.rulebook import load_vocabulary

PLACE = "mm/reached.c"
HELPER = """#include <linux/mm.h>
#include <linux/mmzone.h>
static int helper(struct page *page)
{{
	{line}
	return 0;
}}
"""
READERS = """static int middle(struct page *page) { return helper(page); }
int reader(unsigned long pfn)
{
	return middle(pfn_to_page(pfn));
}
int stranger(unsigned long pfn)
{
	return PageTail(pfn_to_page(pfn));
}
"""
Names = set[str]


def _know(minimm: Callable[..., Any], line: str) -> Knowledge:
    tree = minimm({PLACE: HELPER.format(line=line) + READERS})
    return Knowledge(CodeBase(tree, default_config(), scope=("",)), load_vocabulary())


def _changed(minimm: Callable[..., Any], old: str, new: str) -> frozenset[tuple[str, str]]:
    return find_changed(_know(minimm, old), _know(minimm, new), [PLACE])


@pytest.fixture
def reached(minimm: Callable[..., Any]) -> Callable[[str, str], Names]:
    """Say whom a change of the helper's one line reaches."""

    def ask(old: str, new: str) -> Names:
        before, after = (_know(minimm, line) for line in (old, new))
        changed = find_changed(before, after, [PLACE])
        assert changed == {(PLACE, "helper")}
        return {name for _, name in find_affected(before, after, changed)}

    return ask


def test_a_new_assertion_reaches_who_brings_the_page(
    reached: Callable[[str, str], Names],
) -> None:
    assert reached(";", "VM_BUG_ON_PAGE(PageTail(page), page);") == {"reader"}


def test_a_change_that_does_nothing_with_the_page_reaches_nobody(
    reached: Callable[[str, str], Names],
) -> None:
    assert reached(";", "int unused = 7;") == set()


def test_a_comment_changes_nothing(minimm: Callable[..., Any]) -> None:
    assert _changed(minimm, ";", "; /* a remark */") == set()
    assert _changed(minimm, 'say("/*");', 'say("/* */");') == {(PLACE, "helper")}


def test_a_function_that_takes_too_long_to_walk_may_differ(
    reached: Callable[[str, str], Names], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "EFFECT_STEPS", 1)
    assert reached(";", "int unused = 7;") == {"reader"}
