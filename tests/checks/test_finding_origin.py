"""Origin and patch of a finding, from what each tree of the series has."""

from __future__ import annotations

from dataclasses import replace

import pytest
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
    related=(Location("fs/proc/page.c", 8, "reader"),),
    call_path=(
        PathStep("entry", "fs/proc/page.c", 30),
        PathStep("reader", "fs/proc/page.c", 9),
        PathStep("stable_page_flags", "fs/proc/page.c", 70),
        PathStep("PageDoubleMap", "p.h", 5),
    ),
    key=("pfn_to_page", "reader", "stable_page_flags", "page_mapcount"),
)
KEY = FINDING.fingerprint
HERE = ("fs/proc/page.c", "stable_page_flags")


def _trees(present: list[bool], changed: tuple[str, str] = HERE) -> list[TreeFindings]:
    return [
        TreeFindings(
            PatchRef(n, f"p{n}@example.org", f"patch {n}") if n else None,
            {KEY: FINDING} if there else {},
            frozenset({changed}),
        )
        for n, there in enumerate(present)
    ]


def test_new_code_is_introduced_by_its_patch() -> None:
    (placed,) = place_findings(_trees([False, False, True, True]))
    assert placed.origin is Origin.INTRODUCED
    assert placed.patch is not None
    assert placed.patch.counter == 2


@pytest.mark.parametrize(
    ("changed", "origin"),
    [
        (("p.h", "PageDoubleMap"), Origin.EXPOSED),
        (("fs/proc/page.c", "stable_page_flags"), Origin.INTRODUCED),
        (("fs/proc/page.c", "reader"), Origin.INTRODUCED),
        (("fs/proc/page.c", "entry"), Origin.INTRODUCED),
    ],
)
def test_a_patch_exposes_what_it_leaves_alone_and_asks_more_of(
    changed: tuple[str, str], origin: Origin
) -> None:
    """From where the page comes from to where it is handed on is the code at fault."""
    (placed,) = place_findings(_trees([False, True], changed))
    assert placed.origin is origin


@pytest.mark.parametrize("mine", [True, False])
def test_a_count_is_exposed_where_its_own_function_was_left_alone(*, mine: bool) -> None:
    counted = replace(FINDING, reason=Reason.ACCOUNTING)
    changed = HERE if mine else ("p.h", "PageDoubleMap")
    trees = _trees([False, True], changed)
    trees[1] = replace(trees[1], findings={counted.fingerprint: counted})
    (placed,) = place_findings(trees)
    assert placed.origin is (Origin.INTRODUCED if mine else Origin.EXPOSED)


def test_what_a_later_patch_takes_back_is_fixed_later() -> None:
    (placed,) = place_findings(_trees([False, False, True, True, False]))
    assert placed.origin is Origin.FIXED_LATER
    assert placed.patch is not None
    assert placed.fixed_by is not None
    assert (placed.patch.counter, placed.fixed_by.counter) == (2, 4)


def test_what_stood_before_is_preexisting() -> None:
    (placed,) = place_findings(_trees([True, True]))
    assert placed.origin is Origin.PREEXISTING
    assert placed.patch is None


def test_a_function_that_changed_files_has_moved() -> None:
    moved = replace(FINDING, primary=Location("mm/page.c", 7, "stable_page_flags"))
    trees = _trees([True, False])
    trees[1] = replace(trees[1], findings={moved.fingerprint: moved})
    (placed,) = place_findings(trees)
    assert placed.origin is Origin.MOVED


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_each_finding_is_placed_once_or_was_removed(present: list[bool]) -> None:
    placed = place_findings(_trees(present))
    expected = 1 if (present[0] and present[-1]) or (not present[0] and any(present)) else 0
    if present[0] and not present[-1]:
        expected = 0
    assert len(placed) == expected
    if placed and not present[-1]:
        assert placed[0].origin is Origin.FIXED_LATER
