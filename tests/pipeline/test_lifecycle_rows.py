"""The standard lifecycle before and after a change: what differs, and only where it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.finding import Finding, Origin, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.rule import Confidence, Severity
from reviewer.model.source import SourceTree
from reviewer.model.witness import Outcome
from reviewer.pipeline.accounts import Accounts
from reviewer.pipeline.confirm import confirm
from reviewer.pipeline.lifecycle import find_differences
from reviewer.pipeline.options import silent
from reviewer.rulebook import load_rules, load_vocabulary

WORDS = load_vocabulary().counting
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
    rows = find_differences(before, after, changed, silent, Accounts(silent), WORDS)
    assert any(
        row.scenario == "accounting"
        and (row.before, row.after) == (Outcome.NEVER, Outcome.ALWAYS)
        and "NR_ANON_MAPPED is 512 with 0 such pages mapped" in row.detail
        for row in rows
    )
    again = find_differences(after, before, changed, silent, Accounts(silent), WORDS)
    back = next(row for row in again if "last PMD" in row.detail)
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
    assert find_differences(before, after, changed, silent, Accounts(silent), WORDS) == ()


def test_nothing_runs_for_a_change_elsewhere(minimm: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = _codes(minimm, "mm/rmap.c", "mod_node_page_state(NR_ANON_MAPPED, -nr)", ";")

    def run(*_args: object) -> None:
        raise AssertionError("the accounting runs")

    monkeypatch.setattr("reviewer.pipeline.accounts.run_accounting", run)
    changed = frozenset({("mm/mmap.c", "do_munmap")})
    assert find_differences(before, after, changed, silent, Accounts(silent), WORDS) == ()


def _counting(function: str) -> Finding:
    place = Location("mm/rmap.c", 1, function)
    return Finding(
        rule="unpinned-compound-head",
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        origin=Origin.INTRODUCED,
        reason=Reason.ACCOUNTING,
        message="",
        question="",
        primary=place,
        call_path=(PathStep(function, place.path, 1),),
    )


@pytest.mark.parametrize(
    ("function", "outcome", "confidence", "said"),
    [
        ("page_remove_rmap", Outcome.ALWAYS, Confidence.HIGH, "NR_ANON_MAPPED is 512 with 412"),
        ("do_munmap", Outcome.UNDECIDED, Confidence.MEDIUM, "no history runs do_munmap"),
    ],
)
def test_a_history_confirms_what_it_runs(
    minimm: Make, function: str, outcome: Outcome, confidence: Confidence, said: str
) -> None:
    before, after = _codes(minimm, "mm/rmap.c", "mod_node_page_state(NR_ANON_MAPPED, -nr)", ";")
    rules = {r.id: replace(r, scenario="accounting") for r in load_rules()}
    found = confirm([_counting(function)], rules, before=before, after=after, progress=silent)
    witness = found.findings[0].witness
    assert witness is not None
    assert (witness.outcome, found.findings[0].confidence) == (outcome, confidence)
    assert said in witness.reason
    # what was broken before the series is no witness of it
    found = confirm([_counting(function)], rules, before=after, after=after, progress=silent)
    assert found.findings[0].confidence is Confidence.MEDIUM
