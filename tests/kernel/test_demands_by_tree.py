"""What the page helpers of real trees demand: the table that the analysis is held against."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.pipeline.options import Options
from reviewer.pipeline.session import Session
from reviewer.tree.repo import open_tree

pytestmark = pytest.mark.kernel

ANY, NO_TAIL, COMPOUND, HEAD = "order0 head tail", "order0 head", "head tail", "head"
PAGE, PGFLAGS = "CONFIG_DEBUG_VM", "CONFIG_DEBUG_VM_PGFLAGS"
Row = tuple[str, str] | None
NONE: Row = ("", "")  # it exists and asserts nothing
ABSENT: Row = None

# name: (where the first page argument may point, the strictest option it takes), 6.1 and 6.12
TABLE: dict[str, tuple[Row, Row]] = {
    "PageDoubleMap": ((HEAD, PGFLAGS), ABSENT),
    "SetPageDoubleMap": ((HEAD, PGFLAGS), ABSENT),
    "page_mapcount": ((ANY, PGFLAGS), ABSENT),
    "__page_mapcount": ((COMPOUND, PGFLAGS), ABSENT),
    "compound_mapcount": ((COMPOUND, PAGE), ABSENT),
    "compound_mapcount_ptr": (NONE, ABSENT),
    "total_mapcount": ((ANY, PAGE), ABSENT),
    "page_mapped": ((ANY, PGFLAGS), (ANY, PGFLAGS)),
    "folio_entire_mapcount": ((HEAD, PAGE), (HEAD, PAGE)),
    "folio_precise_page_mapcount": (ABSENT, (NO_TAIL, PGFLAGS)),
    "folio_mapcount": ((NO_TAIL, PGFLAGS), (NO_TAIL, PGFLAGS)),
    "PageTransHuge": ((NO_TAIL, PAGE), (NO_TAIL, PAGE)),
    "thp_nr_pages": ((NO_TAIL, PGFLAGS), (NO_TAIL, PGFLAGS)),
    "folio_test_large": ((NO_TAIL, PGFLAGS), (NO_TAIL, PGFLAGS)),
    "folio_flags": ((NO_TAIL, PGFLAGS), (NO_TAIL, PGFLAGS)),
    "PageHead": (NONE, NONE),
    "PageTail": (NONE, NONE),
}


@pytest.fixture(scope="module")
def know(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Knowledge]:
    @cache
    def make(root: Path) -> Knowledge:
        kept = os.environ.get("MM_REVIEWER_TEST_CACHE")
        cache_dir = Path(kept) / "mm-reviewer" if kept else tmp_path_factory.mktemp("cache")
        options = Options(tree=root, cache_dir=cache_dir)
        tree = open_tree(root, cache_dir=options.cache_dir)
        return Session(options, tree).know(tree.snapshot("HEAD"))

    return make


def _check(knowledge: Knowledge, name: str, expected: Row) -> None:
    function = knowledge.code.find_function(name)
    if expected is None:
        assert function is None
        return
    assert function is not None
    places, option = expected
    demands = tuple(demand for demand in knowledge.demands(function) if demand.fatal)
    if not places:
        assert demands == ()
        return
    (demand,) = demands
    assert " ".join(map(str, demand.positions)) == places
    assert demand.stability == "pinned"
    assert (PGFLAGS if PGFLAGS in demand.needs else PAGE) == option
    text = knowledge.code.source.read(demand.evidence.path).decode().splitlines()
    assert "BUG_ON" in text[demand.evidence.line - 1]


@pytest.mark.parametrize("name", TABLE)
def test_demands_on_6_1(know: Callable[[Path], Knowledge], kernel_6_1: Path, name: str) -> None:
    _check(know(kernel_6_1), name, TABLE[name][0])


@pytest.mark.parametrize("name", TABLE)
def test_demands_on_6_12(know: Callable[[Path], Knowledge], kernel_6_12: Path, name: str) -> None:
    _check(know(kernel_6_12), name, TABLE[name][1])
