"""Linux's own source, interpreted, against what real kernels answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.replay.histories.truth import iter_differences, make_source_engine
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.tables import runs, stored
from reviewer.replay.source.engine import SourceEngine

TRUTH = Path(__file__).parents[3] / "shared" / "truth" / "truth-6.1.json"


@pytest.mark.kernel
def test_a_fork_and_a_split_on_the_trees_own_rmap(kernel_code: Callable[[str], CodeBase]) -> None:
    engine = SourceEngine(kernel_code("6_1"), 0xCF800, 2, 8)
    for operation in (
        ("P", "mmap_anon", 0, 512, 1),
        ("P", "fault_write", 0, 1, 1),
        ("P", "fork", 1, 0, 0),
        ("C1", "mprotect_ro", 5, 1, 1),
        ("C1", "munmap", 0, 100, 1),
    ):
        engine.perform(operate(engine.world, *operation))
    assert runs(engine.kpagecount(0, 512)) == ((0, 100, 1), (100, 412, 2))
    assert engine.kpageflags(3, 1) == (0x411800,)
    raw = stored(engine.scheme.pages, 0, 512)
    assert (raw["compound_mapcount"], raw["double_map"]) == (0, 1)
    assert raw["mapcount"] == [[0, 100, 0], [100, 412, 1]]


@pytest.mark.kernel
def test_every_recorded_history_of_6_1(kernel_code: Callable[[str], CodeBase]) -> None:
    if not TRUTH.exists():
        pytest.skip("no recorded truth table beside the checkout")
    code = kernel_code("6_1")
    table = json.loads(TRUTH.read_text())
    assert [str(d) for d in iter_differences(table, lambda: make_source_engine(code))] == []
