"""Origin and patch of a finding, from what each tree of the series has."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reviewer.checks.origin import TreeFindings, place_findings
from reviewer.model.finding import Finding, Origin, PatchRef, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.rule import Confidence, Severity

FINDING = Finding(
    rule="unpinned-compound-head",
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    origin=Origin.PREEXISTING,
    reason=Reason.STABILITY,
    message="",
    question="",
    primary=Location("fs/proc/page.c", 70, "stable_page_flags"),
    call_path=(PathStep("reader", "fs/proc/page.c", 9), PathStep("PageDoubleMap", "p.h", 5)),
    key=("pfn_to_page", "reader", "stable_page_flags", "page_mapcount"),
)
KEY = FINDING.fingerprint


def _trees(present: list[bool], *, edges: bool) -> list[TreeFindings]:
    return [
        TreeFindings(
            PatchRef(n, f"p{n}@example.org", f"patch {n}") if n else None,
            {KEY: FINDING} if there else {},
            lambda _caller, _callee: edges,
        )
        for n, there in enumerate(present)
    ]


def test_new_code_is_introduced_by_its_patch() -> None:
    (placed,) = place_findings(_trees([False, False, True, True], edges=False))
    assert placed.origin is Origin.INTRODUCED
    assert placed.patch is not None
    assert placed.patch.counter == 2


def test_an_old_caller_of_a_stricter_helper_is_exposed() -> None:
    (placed,) = place_findings(_trees([False, True], edges=True))
    assert placed.origin is Origin.EXPOSED


def test_what_a_later_patch_takes_back_is_fixed_later() -> None:
    (placed,) = place_findings(_trees([False, False, True, True, False], edges=False))
    assert placed.origin is Origin.FIXED_LATER
    assert placed.patch is not None
    assert placed.fixed_by is not None
    assert (placed.patch.counter, placed.fixed_by.counter) == (2, 4)


def test_what_stood_before_is_preexisting() -> None:
    (placed,) = place_findings(_trees([True, True], edges=True))
    assert placed.origin is Origin.PREEXISTING
    assert placed.patch is None


def test_a_function_that_changed_files_has_moved() -> None:
    moved = replace(FINDING, primary=Location("mm/page.c", 7, "stable_page_flags"))
    trees = _trees([True, False], edges=False)
    trees[1] = replace(trees[1], findings={moved.fingerprint: moved})
    (placed,) = place_findings(trees)
    assert placed.origin is Origin.MOVED


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_each_finding_is_placed_once_or_was_removed(present: list[bool]) -> None:
    placed = place_findings(_trees(present, edges=False))
    expected = 1 if (present[0] and present[-1]) or (not present[0] and any(present)) else 0
    if present[0] and not present[-1]:
        expected = 0
    assert len(placed) == expected
    if placed and not present[-1]:
        assert placed[0].origin is Origin.FIXED_LATER
