"""Lifecycle rows: what differs between two trees, and only that."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.model.witness import Outcome
from reviewer.replay.lifecycle import ENTRIES, LifecycleRow, compare_lifecycles, run_lifecycle

SCENARIO = "free-under-reader"
FINE = LifecycleRow(SCENARIO, "kpagecount_read", Outcome.NEVER, "", (0, 1))
DEAD = LifecycleRow(SCENARIO, "kpagecount_read", Outcome.SOMETIMES, "VM_BUG_ON(x)", (1,))


def test_equal_rows_say_nothing() -> None:
    assert compare_lifecycles((FINE,), (FINE,)) == ()


def test_a_row_that_differs_says_what_was_and_what_is() -> None:
    (row,) = compare_lifecycles((FINE,), (DEAD,))
    assert (row.before, row.after) == (Outcome.NEVER, Outcome.SOMETIMES)
    assert row.detail == "kpagecount_read: returns 0x0 0x1, then dies of VM_BUG_ON(x)"


def test_a_reader_that_comes_or_goes_is_a_row() -> None:
    (came,) = compare_lifecycles((), (FINE,))
    (went,) = compare_lifecycles((FINE,), ())
    assert "not in the tree before" in came.detail
    assert "not in the tree after" in went.detail


def test_a_change_of_the_reader_shows_in_the_rows(
    minimm: Callable[..., SourceTree],
) -> None:
    before = minimm()
    text = before.read("fs/proc/page.c").decode()
    line = "if (!PageSlab(page) && page_mapped(page))"
    assert line in text
    after = minimm({"fs/proc/page.c": text.replace(line, "VM_BUG_ON_PAGE(PageTail(page), page);")})
    rows = [
        run_lifecycle(
            CodeBase(tree, default_config(), scope=("",)),
            entries=ENTRIES[1:],
            scenarios=("unmap-under-reader", "free-under-reader"),
        )
        for tree in (before, after)
    ]
    changed = compare_lifecycles(*rows)
    assert {row.detail.split(":")[0] for row in changed} == {"kpageflags_read"}
    assert any("dies of VM_BUG_ON_PAGE(PageTail(page))" in row.detail for row in changed)
    assert compare_lifecycles(rows[0], rows[0]) == ()
