"""The accounting of 6.1's own source: clean as it is, and not once a counter rule is undone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.replay.histories.accounting import AccountingRow, compare, run_accounting
from reviewer.replay.scenarios.scenario import find_scenarios, load_scenario


def _rows(code: CodeBase, history: str = "") -> tuple[AccountingRow, ...]:
    """Run all histories, or the one of that name."""
    histories = load_scenario(find_scenarios(), "accounting").histories
    wanted = [h for h in histories if history in ("", h.name)]
    assert wanted, history
    return run_accounting(code, wanted).rows


@pytest.fixture(scope="module")
def clean(request: pytest.FixtureRequest) -> dict[str, tuple[AccountingRow, ...]]:
    return {}


BOTH = "anonymous huge page, by PMD and by PTE"
LIVE = "pagemap tells P that page[100], mapped 2 times, is exclusive"
UNDONE = [
    (
        "6_1",
        "undo-deferred-split",
        "the last PMD goes, nothing is left",
        "queued for a deferred split",
    ),
    (
        "6_1",
        "undo-file-rmap-exit",
        "shared memory, two go at once",
        "NR_FILE_MAPPED is 512 with 0 such pages mapped, if",
    ),
    ("6_1", "undo-subpage-mapcount", BOTH, "page[100] is mapped 2 times, kpagecount says 1"),
    (
        "6_1",
        "double-map-order",
        BOTH,
        "mapped 2 times before and 2 times after, is seen mapped once",
    ),
    (
        "6_1",
        "counter-not-initialised",
        "shared memory, by PMD and by PTE",
        "NR_SHMEM_PMDMAPPED is 0",
    ),
    (
        "6_1",
        "undo-write-fault-mapcount",
        "write to what was shared",
        "P may write to page[100], which is mapped 2 times",
    ),
    (
        "6_1",
        "compound-flag-mismatch",
        "the last PMD goes, nothing is left",
        "page[1] is mapped 0 times, kpagecount says 1",
    ),
    ("6_12", "undo-pagemap-exclusive", BOTH, LIVE),
]


@pytest.mark.kernel
@pytest.mark.parametrize(("version", "recipe", "history", "rule"), UNDONE)
def test_undoing_a_counter_rule_makes_a_row_differ(
    kernel_code: Callable[[str], CodeBase],
    recipe_code: Callable[[str, str], CodeBase],
    clean: dict[str, tuple[AccountingRow, ...]],
    version: str,
    recipe: str,
    history: str,
    rule: str,
) -> None:
    code = kernel_code(version)
    before = clean.get(version)
    if before is None:
        before = clean[version] = _rows(code)
    assert [row for row in before if row.undecided] == []
    if version == "6_1":  # what 2c1f057e5be6 mended later
        assert {rule for row in before for rule in row.broken} == {LIVE}
    same = [row for row in before if row.history == history]
    pairs = compare(same, _rows(recipe_code(version, recipe), history))
    assert any(rule in text for _, row in pairs if row is not None for text in row.broken)


@pytest.mark.kernel
def test_a_fix_makes_6_1_keep_all_its_counts(
    recipe_code: Callable[[str, str], CodeBase],
) -> None:
    rows = _rows(recipe_code("6_1", "fix-pagemap-exclusive"))
    assert [row for row in rows if row.undecided or row.broken] == []


@pytest.mark.kernel
def test_6_12_keeps_its_counts(kernel_code: Callable[[str], CodeBase]) -> None:
    rows = _rows(kernel_code("6_12"))
    assert [row for row in rows if row.undecided or row.broken] == []


def test_equal_rows_say_nothing_and_others_are_paired() -> None:
    one = AccountingRow("h", "1. P exit 0 0", (("kpagecount", "0-511:1"),))
    other = AccountingRow("h", "1. P exit 0 0", (("kpagecount", "0-511:0"),))
    assert compare((one,), (one,)) == ()
    assert compare((one,), (other,)) == ((one, other),)
    assert compare((one,), ()) == ((one, None),)
