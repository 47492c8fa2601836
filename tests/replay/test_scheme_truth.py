"""The reference model against what real kernels answered."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.replay.operations import operate
from reviewer.replay.scheme import perform
from reviewer.replay.tables import kpagecount, runs, stored
from reviewer.replay.truth import iter_differences, make_world

TRUTH = Path(__file__).parents[3] / "shared" / "truth" / "truth-6.1.json"

# Our own words for what Linux 6.1 does with one anonymous huge page: the operations so far,
# then kpagecount of the first pages and the stored counters (compound, DoubleMap, first
# _mapcount, references of the head).
P, C1, C2 = "P", "C1", "C2"
FAULT = [(P, "mmap_anon", 0, 512), (P, "fault_write", 0, 1)]
FORK = [*FAULT, (P, "fork", 1, 0)]
SPLIT = [*FORK, (C1, "mprotect_ro", 5, 1)]
FACTS = [
    (FAULT, ((0, 512, 1),), (0, 0, -1, 1)),
    (FORK, ((0, 512, 2),), (1, 0, -1, 2)),
    (SPLIT, ((0, 512, 2),), (0, 1, 1, 513)),
    ([*SPLIT, (C1, "munmap", 0, 100)], ((0, 100, 1), (100, 412, 2)), (0, 1, 0, 413)),
    ([*SPLIT, (C1, "exit", 0, 0)], ((0, 512, 1),), (0, 1, 0, 1)),
    ([*SPLIT, (P, "munmap", 0, 512)], ((0, 512, 1),), (-1, 0, 0, 512)),
    ([*SPLIT, (P, "mprotect_ro", 7, 1)], ((0, 512, 2),), (-1, 0, 1, 1024)),
    ([*FAULT, (P, "mprotect_ro", 7, 1)], ((0, 512, 1),), (-1, 0, 0, 512)),
    ([*FORK, (P, "fork", 2, 0)], ((0, 512, 3),), (2, 0, -1, 3)),
    ([*FORK, (P, "madv_dontneed", 0, 512)], ((0, 512, 1),), (0, 0, -1, 1)),
    ([*FORK, (P, "madv_dontneed", 8, 8)], ((0, 8, 2), (8, 8, 1), (16, 496, 2)), (0, 1, 1, 505)),
]


@pytest.mark.parametrize(("operations", "counts", "counters"), FACTS)
def test_a_history_leaves_the_counters_linux_6_1_has(
    operations: list[tuple[str, str, int, int]],
    counts: tuple[tuple[int, int, int], ...],
    counters: tuple[int, int, int, int],
) -> None:
    world = make_world()
    for process, name, first, count in operations:
        perform(operate(world, process, name, first, count, 1))
    assert runs(kpagecount(world.scheme, 0, 512)) == counts
    raw = stored(world.pages, 0, 512)
    first_run = raw["mapcount"]
    assert isinstance(first_run, list)
    assert (
        raw["compound_mapcount"],
        raw["double_map"],
        first_run[0][2],
        raw["head_refcount"],
    ) == counters
    for page in range(512):
        assert kpagecount(world.scheme, page, 1)[0] == world.mappings(page)


@pytest.mark.skipif(not TRUTH.exists(), reason="the recorded tables are not here")
def test_every_recorded_value_is_the_models() -> None:
    table = json.loads(TRUTH.read_text())
    assert table["steps"]
    assert [str(difference) for difference in iter_differences(table)] == []


def small_table() -> dict[str, object]:
    return {
        "steps": [
            {
                "scn": "A",
                "step": "P faults",
                "ops": [["P", "mmap_anon", 0, 512, 1, 0], ["P", "fault_write", 0, 1, 1, 0]],
                "kpagecount": [[0, 512, 1]],
                "kpageflags": [[0, 1, "0x40040d828"], [1, 511, "0x411800"]],
                "raw": {"compound_mapcount": 0, "double_map": 0, "head_refcount": 1, "order": 9},
            }
        ]
    }


def test_a_wrong_value_is_named() -> None:
    table = small_table()
    assert list(iter_differences(table)) == []
    wrong = copy.deepcopy(table)
    step = wrong["steps"][0]  # type: ignore[index] # JSON
    step["kpagecount"] = [[0, 512, 2]]
    step["raw"]["head_refcount"] = 7
    assert [(d.value, d.expected, d.got) for d in iter_differences(wrong)] == [
        ("kpagecount", "0-511:2", "0-511:1"),
        ("head_refcount", "7", "1"),
    ]


def test_an_operation_the_model_does_not_know_is_said() -> None:
    table = small_table()
    table["steps"][0]["ops"].append(["P", "frobnicate", 0, 1, 0, 0])  # type: ignore[index] # JSON
    assert [d.got for d in iter_differences(table)] == ["needs operation frobnicate"]


def test_what_is_no_table_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="steps"):
        list(iter_differences({}))
