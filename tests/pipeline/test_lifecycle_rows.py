"""The standard lifecycle before and after a change: what differs, and only where it can."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.model.witness import Outcome
from reviewer.pipeline.lifecycle import find_differences
from reviewer.pipeline.session import silent

Make = Callable[..., SourceTree]


def _codes(minimm: Make, path: str, old: str, new: str) -> tuple[CodeBase, CodeBase]:
    text = minimm().read(path).decode()
    assert old in text
    trees = minimm(), minimm({path: text.replace(old, new)})
    before, after = (CodeBase(tree, default_config(), scope=("",)) for tree in trees)
    return before, after


def test_a_statistic_no_longer_taken_back_is_a_row(minimm: Make) -> None:
    before, after = _codes(minimm, "mm/rmap.c", "mod_node_page_state(NR_ANON_MAPPED, -nr)", ";")
    changed = frozenset({("mm/rmap.c", "page_remove_rmap")})
    rows = find_differences(before, after, changed, silent)
    assert any(
        row.scenario == "accounting"
        and (row.before, row.after) == (Outcome.NEVER, Outcome.ALWAYS)
        and "NR_ANON_MAPPED is 512 with 0 such pages mapped" in row.detail
        for row in rows
    )
    (back,) = [
        r for r in find_differences(after, before, changed, silent) if "last PMD" in r.detail
    ][:1]
    assert (back.before, back.after) == (Outcome.ALWAYS, Outcome.NEVER)
    assert "no longer: NR_ANON_MAPPED is 512" in back.detail


def test_a_change_that_moves_no_counter_has_no_row(minimm: Make) -> None:
    before, after = _codes(
        minimm,
        "mm/rmap.c",
        "mod_node_page_state(NR_ANON_MAPPED, -nr)",
        "; mod_node_page_state(NR_ANON_MAPPED, -nr)",
    )
    changed = frozenset({("mm/rmap.c", "page_remove_rmap")})
    assert find_differences(before, after, changed, silent) == ()


def test_nothing_runs_for_a_change_elsewhere(minimm: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = _codes(minimm, "mm/rmap.c", "mod_node_page_state(NR_ANON_MAPPED, -nr)", ";")

    def run(*_args: object) -> None:
        raise AssertionError("the accounting runs")

    monkeypatch.setattr("reviewer.pipeline.lifecycle.run_accounting", run)
    changed = frozenset({("mm/mmap.c", "do_munmap")})
    assert find_differences(before, after, changed, silent) == ()
