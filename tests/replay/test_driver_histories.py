"""Drivers that lend pages of hugetlb files, run on the trees' own source: wrong, refused, right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome
from reviewer.replay.histories.accounting import AccountingRow, run_accounting
from reviewer.replay.histories.verdict import find_driver, replay_histories
from reviewer.replay.scenarios.scenario import find_scenarios, load_scenario
from reviewer.replay.source.driver import Driver

pytestmark = pytest.mark.kernel

PATH = "drivers/dma-buf/udmabuf.c"
DRIVER = Driver(PATH, ("udmabuf_ioctl", "udmabuf_ioctl_create", "udmabuf_create"))
ENTRY = (PathStep("udmabuf_create", PATH, 0),)
ACCOUNTING = load_scenario(find_scenarios(), "accounting")


def _rows(code: CodeBase) -> tuple[AccountingRow, ...]:
    rows = run_accounting(code, ACCOUNTING.histories, DRIVER).rows
    assert rows
    assert [row.undecided for row in rows if row.undecided] == []
    return rows


def _answer(row: AccountingRow) -> str:
    return dict(row.values)["the driver's answer"]


def test_tails_that_udmabuf_lends_are_counted_where_no_counter_is(
    kernel_code: Callable[[str], CodeBase],
) -> None:
    code = kernel_code("6_1")
    faulted, unmapped = _rows(code)[3:5]
    assert int(_answer(faulted)) >= 0
    assert "NR_FILE_MAPPED is 1 with 0 such pages mapped" in faulted.broken
    assert "page[9], a tail of page[0], has a compound_mapcount: -1" in unmapped.broken
    witness = replay_histories(code, ACCOUNTING, ENTRY)
    assert witness.outcome is Outcome.ALWAYS
    assert PATH in witness.model
    assert [step.function for step in witness.trace][-2:] == ["mmap_driver", "fault_read"]


def test_without_its_hugetlb_support_the_file_is_refused(
    recipe_code: Callable[[str, str], CodeBase],
) -> None:
    code = recipe_code("6_1", "fix-udmabuf-hugetlb")
    rows = _rows(code)
    assert [row.broken for row in rows if row.broken] == []
    assert int(_answer(rows[-1])) < 0
    assert replay_histories(code, ACCOUNTING, ENTRY).outcome is Outcome.NEVER


def test_6_12_maps_pages_of_hugetlb_files_without_counting_them(
    kernel_code: Callable[[str], CodeBase],
) -> None:
    rows = _rows(kernel_code("6_12"))
    assert [row.broken for row in rows if row.broken] == []
    assert int(_answer(rows[-1])) >= 0


def test_what_mm_does_itself_is_no_drivers(kernel_code: Callable[[str], CodeBase]) -> None:
    code = kernel_code("6_1")
    assert find_driver(code, (PathStep("page_remove_rmap", "mm/rmap.c", 0),)) is None
    assert find_driver(code, ENTRY) == Driver(PATH, ("udmabuf_create",))
    witness = replay_histories(code, ACCOUNTING, (PathStep("udmabuf_ioctl", PATH, 0),))
    assert witness.outcome is Outcome.UNDECIDED
    assert "needs the parameters of udmabuf_ioctl()" in witness.reason
