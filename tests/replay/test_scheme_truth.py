"""The reference model against what real kernels answered."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.replay.histories.truth import iter_differences, make_world
from reviewer.replay.scheme.operations import operate
from reviewer.replay.scheme.steps import perform
from reviewer.replay.scheme.tables import kpagecount, runs, stored
from reviewer.replay.scheme.world import World
from reviewer.replay.stepping.thread import Undecided

RECORDED = Path(__file__).parent / "recorded"
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


def test_every_history_we_recorded_on_6_1_is_the_models() -> None:
    table = json.loads((RECORDED / "histories-6.1.json").read_text())
    assert len(table["steps"]) > 200
    assert [str(difference) for difference in iter_differences(table)] == []


@pytest.mark.parametrize(
    "steps",
    [
        [{"ops": [["P", "mmap_anon", "x", 1, 1]]}],
        [{"ops": [["P", "mmap_anon"]]}],
        [{"ops": [["P", "mmap_anon", 0, 512, 1]], "kpagecount": [[0, 512]]}],
        [{"ops": [["P", "mmap_anon", 0, 512, 1]], "kpagecount": [[0, 1 << 40, 1]]}],
        [{"ops": [["P", "mmap_anon", 0, 512, 1]], "kpagecount": [[5, 10, 1]]}],
        [{"ops": [["P", "mmap_anon", 0, 512, 1]], "kpageflags": "0x0"}],
        [{"ops": {"P": "mmap_anon"}}],
        ["step"],
        "steps",
    ],
)
def test_a_table_that_is_none_is_bad_input(steps: object) -> None:
    with pytest.raises(BadInputError):
        list(iter_differences({"steps": steps}))


def run(*operations: tuple[str, str, int, int]) -> World:
    world = make_world()
    for process, name, first, count in operations:
        perform(operate(world, process, name, first, count, 1))
    for page in range(512):
        if world.head_of(page) in world.allocated:
            assert kpagecount(world.scheme, page, 1)[0] == world.mappings(page)
    return world


def test_a_split_page_is_512_small_ones_mapped_as_before() -> None:
    world = run(*SPLIT, (C1, "munmap", 0, 100), (P, "split", 0, 0))
    assert runs(kpagecount(world.scheme, 0, 512)) == ((0, 100, 1), (100, 412, 2))
    raw = stored(world.pages, 0, 512)
    assert (raw["order"], raw["head_refcount"]) == (0, 1)
    assert raw["mapcount"] == [[0, 100, 0], [100, 412, 1]]


def test_a_split_frees_what_nobody_maps() -> None:
    world = run(*FAULT, (P, "munmap", 256, 256), (P, "split", 0, 0))
    assert runs(kpagecount(world.scheme, 0, 512)) == ((0, 256, 1), (256, 256, 0))
    assert world.pages.peek(300, "_refcount") == 0
    assert world.pages.peek(300, "mapping") == 0


def test_what_is_moved_stays_mapped_and_goes_with_its_process() -> None:
    moved = (*FAULT, (P, "mremap", 8, 8))
    assert runs(kpagecount(run(*moved).scheme, 0, 512)) == ((0, 512, 1),)
    assert runs(kpagecount(run(*moved, (P, "munmap", 0, 512)).scheme, 0, 512)) == (
        (0, 8, 0),
        (8, 8, 1),
        (16, 496, 0),
    )
    assert run(*moved, (P, "exit", 0, 0)).allocated == {}


def test_a_shared_huge_page_of_a_file_counts_in_each_page() -> None:
    world = run((P, "mmap_shmem", 0, 512), (P, "fault_write", 0, 1))
    raw = stored(world.pages, 0, 512)
    assert (raw["compound_mapcount"], raw["mapcount"]) == (0, [[0, 512, 0]])
    assert raw["head_refcount"] == 512 + 1  # the page cache's, and the mapping's
    assert raw["total_mapcount"] == 1
    perform(operate(world, P, "munmap", 0, 512))
    assert runs(kpagecount(world.scheme, 0, 512)) == ((0, 512, 0),)


def test_memory_given_back_comes_back_small_where_a_page_table_stands() -> None:
    world = run(
        *FAULT, (P, "mprotect_ro", 7, 1), (P, "madv_dontneed", 0, 512), (P, "fault_write", 3, 1)
    )
    page = world.page_at(P, 3)
    assert page is not None
    assert world.allocated[page].order == 0


def test_a_page_that_moves_takes_its_mappings_with_it() -> None:
    world = run(*SPLIT, (C1, "munmap", 0, 100), (P, "migrate", 0, 1))
    assert 0 not in world.allocated
    assert runs(kpagecount(world.scheme, 0, 512)) == ((0, 512, 0),)
    assert runs(kpagecount(world.scheme, 512, 512)) == ((0, 100, 1), (100, 412, 2))
    raw = stored(world.pages, 512, 512)
    assert (raw["compound_mapcount"], raw["head_refcount"]) == (0, 1 + 412)
    assert world.pages.peek(512, "index") == world.index
    perform(operate(world, C1, "exit", 0, 0))
    perform(operate(world, P, "munmap", 0, 512))
    assert world.allocated == {}


def test_only_pages_that_can_move_do() -> None:
    with pytest.raises(Undecided, match="maps at 3"):
        run((P, "mmap_anon", 0, 512), (P, "migrate", 3, 1))
    with pytest.raises(Undecided, match="page of zeros"):
        run((P, "mmap_anon", 0, 512), (P, "fault_read", 0, 1), (P, "migrate", 0, 1))


def test_a_shared_huge_page_mapped_by_ptes_has_the_offset_flag() -> None:
    mapped = (
        (P, "mmap_shmem", 0, 512),
        (P, "fault_write", 0, 1),
        (P, "mprotect_ro", 5, 1),
        (P, "fault_read", 0, 1),
    )
    assert stored(run(*mapped).pages, 0, 512)["double_map"] == 1


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


@pytest.mark.parametrize(
    ("operation", "needed"),
    [
        (["P", "munmap", -5, 10, 0, 0], "needs pages -5 to 5 of a range of 512"),
        (["P", "mmap_anon", 0, 1 << 40, 1, 0], "of a range of 512"),
        (["C7", "munmap", 0, 512, 0, 0], "needs a process C7"),
        (["P", "mmap_driver", 0, 5, 0, 0], "needs a driver"),
        (["K", "reuse_small", 0, 90, 0, 0], "order 90, which are not there"),
        (["K", "reuse_compound", 99999, 9, 0, 0], "needs pages from 99999 on"),
    ],
)
def test_an_operation_that_cannot_be_done_is_said(operation: list[object], needed: str) -> None:
    table = small_table()
    table["steps"][0]["ops"].append(operation)  # type: ignore[index] # JSON
    assert [needed in d.got for d in iter_differences(table)] == [True]


def test_a_child_gets_a_number_of_its_own() -> None:
    with pytest.raises(Undecided, match="C1"):
        run(*FORK, (P, "fork", 1, 0))


def test_a_step_compares_what_it_holds() -> None:
    step = {"scn": "A", "ops": [["P", "mmap_anon", 0, 512, 1, 0]]}
    more = {"scn": "A", "ops": [["P", "fault_write", 0, 1, 1, 0]], "kpagecount": [[0, 512, 1]]}
    again = {"scn": "A", "ops": [["P", "mmap_shmem", 0, 100, 1, 0]], "kpagecount": [[0, 512, 0]]}
    assert [(d.value, d.got) for d in iter_differences({"steps": [step, more, again]})] == [
        ("kpagecount", "0-99:0 100-511:1")
    ]


def test_what_is_no_table_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="steps"):
        list(iter_differences({}))
