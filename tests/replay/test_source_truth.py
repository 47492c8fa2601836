"""Linux's own source, interpreted, against what real kernels answered."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.cfacts.codebase import CodeBase
from reviewer.replay.histories.truth import iter_differences, make_model_engine, make_source_engine
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.tables import runs, stored
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.stepping.thread import Undecided

RECORDED = Path(__file__).parent / "recorded"

Operation = tuple[str, str, int, int, int]

BEGIN: tuple[Operation, ...] = (
    ("P", "mmap_anon", 0, 512, 1),
    ("P", "fault_write", 0, 1, 1),
    ("P", "fork", 1, 0, 0),
)
MOVES: tuple[Operation, ...] = (
    ("P", "fork", 2, 0, 0),
    *((who, "exit", 0, 0, 0) for who in ("C1", "C2")),
    *((who, "migrate", at, 1, 0) for who in ("P", "C1") for at in (0, 40)),
    *(
        (who, name, first, count, 1)
        for who in ("P", "C1", "C2")
        for name in ("munmap", "madv_dontneed", "mprotect_ro", "fault_write", "mlock")
        for first, count in ((0, 512), (0, 100), (37, 20))
    ),
)

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


@pytest.mark.kernel
@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_histories_we_recorded_run_the_same_on_the_source(
    kernel_code: Callable[[str], CodeBase], version: str
) -> None:
    table = json.loads((RECORDED / f"histories-{version}.json").read_text())
    table["steps"] = [s for s in table["steps"] if not re.match(r"r\d", s["scn"])]
    code = kernel_code(version.replace(".", "_"))
    assert [str(d) for d in iter_differences(table, lambda: make_source_engine(code))] == []


MOVED = {
    "anon": (*BEGIN, ("C1", "mprotect_ro", 5, 1, 0), ("C1", "munmap", 0, 100, 0)),
    "shmem": (
        ("P", "mmap_shmem", 0, 512, 1),
        ("P", "fault_write", 0, 1, 0),
        ("P", "fork", 1, 0, 0),
        ("C1", "fault_read", 0, 1, 0),
        ("C1", "mprotect_ro", 5, 1, 0),
        ("C1", "fault_read", 0, 1, 0),
    ),
    "hugetlb": (("P", "mmap_hugetlb", 0, 512, 0), *BEGIN[1:]),
    "hugetlb-shared": (
        ("P", "mmap_hugetlb", 0, 512, 1),
        *BEGIN[1:],
        ("C1", "fault_read", 0, 1, 0),
    ),
}


@pytest.mark.kernel
@pytest.mark.parametrize("version", ["6_1", "6_12"])
@pytest.mark.parametrize("kind", MOVED)
def test_a_page_that_moves_is_counted_as_before(
    kernel_code: Callable[[str], CodeBase], version: str, kind: str
) -> None:
    code = kernel_code(version)
    model, source = make_model_engine(code), make_source_engine(code)
    for engine in (model, source):
        for operation in MOVED[kind]:
            engine.perform(operate(engine.world, *operation))
        before = engine.kpagecount(0, 512)
        engine.perform(operate(engine.world, "P", "migrate", 0, 1, 0))
        assert engine.kpagecount(512, 512) == before
        assert not any(engine.kpagecount(0, 512))
    assert stored(model.world.pages, 512, 512) == stored(source.world.pages, 512, 512)
    ran = {name for _, name in source.machine.functions()}
    assert ("remove_migration_pte" in ran) == (not kind.startswith("hugetlb"))
    assert source.scheme.by_model <= {"try_to_migrate_one", "remove_migration_pte"}
    assert bool(source.scheme.by_model) == kind.startswith("hugetlb")


@pytest.mark.kernel
@pytest.mark.parametrize("version", ["6_1", "6_12"])
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=st.lists(st.sampled_from(MOVES), min_size=1, max_size=8))
def test_the_model_counts_as_the_source_does(
    kernel_code: Callable[[str], CodeBase], version: str, operations: list[Operation]
) -> None:
    """On any history: kpagecount, and what is stored where, under the tree's own layout."""
    code = kernel_code(version)
    engines = (make_model_engine(code), make_source_engine(code))
    for operation in (*BEGIN, *operations):
        for engine in engines:
            with contextlib.suppress(Undecided):  # a process that is not, or is no more
                engine.perform(operate(engine.world, *operation))
    model, source = engines
    assert model.kpagecount(0, 512) == source.kpagecount(0, 512)
    assert stored(model.world.pages, 0, 512) == stored(source.world.pages, 0, 512)
