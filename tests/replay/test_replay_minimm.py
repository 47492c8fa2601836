"""Whole replays on the teaching tree with a demo series applied: the tree's code is the reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.errors import BadInputError
from reviewer.model.finding import PathStep
from reviewer.model.source import SourceTree
from reviewer.model.witness import Outcome, PageKind, Schedule, Witness
from reviewer.replay.explore.exploration import Limits
from reviewer.replay.run import ReplayRequest, replay
from reviewer.rulebook import find_data
from reviewer.series.read import read_series
from reviewer.tree.apply import apply_series
from reviewer.tree.recipes import build_series, find_recipe, load_recipe
from reviewer.tree.repo import open_tree

PAGE_C = "fs/proc/page.c"
FLAGS_H = "include/linux/page-flags.h"
READS = PathStep("kpageflags_read", PAGE_C, 0)
ASSERTS = PathStep("PageDoubleMap", FLAGS_H, 0)

MakeCode = Callable[[str], CodeBase]


@pytest.fixture(scope="session")
def after_series(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """Make the files of minimm as a recipe's series leaves them."""

    def make(recipe: str) -> dict[str, str]:
        directory = tmp_path_factory.mktemp(recipe)
        minimm = find_data("corpora") / "minimm"
        mbox = build_series(minimm, load_recipe(find_recipe(recipe)), directory)
        series = read_series(mbox)
        with open_tree(minimm, cache_dir=directory / "cache") as tree:
            applied = apply_series(tree, tree.resolve("HEAD"), series)
            end = applied.end
            return {path: end.read(path).decode() for path in end.iter_paths()}

    return make


@pytest.fixture(scope="session")
def code_after(
    after_series: Callable[[str], dict[str, str]], minimm: Callable[..., SourceTree]
) -> MakeCode:
    known: dict[str, CodeBase] = {}

    def make(recipe: str) -> CodeBase:
        if recipe not in known:
            files = after_series(recipe) if recipe else {}
            known[recipe] = CodeBase(minimm(files), default_config(), scope=("",))
        return known[recipe]

    return make


@pytest.fixture(scope="session")
def seed(code_after: MakeCode) -> Witness:
    return replay(code_after("minimm-seed"), ReplayRequest((READS, ASSERTS), "free-under-reader"))


def test_the_seeds_race_is_found_with_one_preemption(seed: Witness) -> None:
    assert seed.outcome is Outcome.SOMETIMES
    assert seed.preemptions == 1
    assert seed.scenario == "free-under-reader"
    assert "at most 2 preemptions" in seed.reason
    assert "kpageflags_read() and all it calls: the tree's own source" in seed.model
    assert "reference model" in seed.model


def test_the_oops_is_the_one_of_the_report(seed: Witness, code_after: MakeCode) -> None:
    text = code_after("minimm-seed").source.read(FLAGS_H).decode().splitlines()
    line = 1 + next(i for i, t in enumerate(text) if "VM_BUG_ON_PAGE(!PageHead(page), page)" in t)
    lines = seed.oops.splitlines()
    assert lines[:5] == [
        "page:ffffea00033e0000 count:0 mapcount:0 mapping:0000000000000000 index:0x700000200",
        "flags: 0x0()",
        "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))",
        "------------[ cut here ]------------",
        f"kernel BUG at {FLAGS_H}:{line}!",
    ]
    called = [text.split()[0] for text in lines if text.endswith(")") and text.startswith(" ")]
    assert called == [
        "PageDoubleMap",
        "__page_mapcount",
        "page_mapcount",
        "stable_page_flags",
        "kpageflags_read",
    ]


def test_the_trace_shows_both_cpus_and_what_the_pages_became(seed: Witness) -> None:
    assert {step.actor for step in seed.trace} == {"kpageflags_read", "munmap by P"}
    assert seed.trace[-1].actor == "kpageflags_read"
    assert seed.trace[-1].text == "load page[0].flags = 0x0"
    own = [step for step in seed.trace if step.thread == 0]
    assert own[0].text == "load page[397].flags = 0x0"
    assert all(step.path.startswith(("fs/", "include/", "mm/")) and step.line for step in own)
    texts = [step.text for step in seed.trace]
    assert "load page[397].compound_head = page[0]+1" in texts
    assert any(re.fullmatch(r"rmw page\[0\]\.flags: PG_head\S* -> 0x0", t) for t in texts)
    assert len(seed.trace) < 60, "steps nobody sees are folded"
    assert [(run.first, run.count, run.kind) for run in seed.pages] == [
        (0, 1, PageKind.HEAD),
        (1, 511, PageKind.TAIL),
    ]
    became = {state.first: state.kind for step in seed.trace for state in step.after}
    assert became[0] is PageKind.FREED
    assert became[397] is PageKind.FREED
    assert {source.function for source in seed.sources} >= {"stable_page_flags", "__page_mapcount"}


def test_the_schedule_replays_to_the_same_witness(seed: Witness, code_after: MakeCode) -> None:
    assert seed.schedule is not None
    again = replay(
        code_after("minimm-seed"),
        ReplayRequest((READS,), "free-under-reader", schedule=Schedule.parse(str(seed.schedule))),
    )
    assert again.outcome is Outcome.SOMETIMES
    assert (again.schedule, again.oops) == (seed.schedule, seed.oops)


def test_the_same_request_gives_the_same_witness(seed: Witness, code_after: MakeCode) -> None:
    request = ReplayRequest((READS, ASSERTS), "free-under-reader")
    assert replay(code_after("minimm-seed"), request) == seed


def test_the_trees_own_free_kills_the_reader_as_the_models_does(code_after: MakeCode) -> None:
    request = ReplayRequest((READS, ASSERTS), "free-under-reader", source_actors=True)
    found = replay(code_after("minimm-seed"), request, Limits(preemptions=1))
    assert found.outcome is Outcome.SOMETIMES
    assert "the tree's own rmap and allocator functions" in found.model
    functions = {step.function for step in found.trace if step.thread == 1}
    assert {"free_pages_prepare", "free_tail_pages_check", "page_remove_rmap"} & functions
    assert "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))" in found.oops
    assert len(found.trace) < 120


def test_another_tail_is_another_walk(code_after: MakeCode) -> None:
    request = ReplayRequest((READS, ASSERTS), "free-under-reader", page=3)
    found = replay(code_after("minimm-seed"), request)
    assert found.outcome is Outcome.SOMETIMES
    assert found.trace[0].text == "load page[3].flags = 0x0"


@pytest.mark.parametrize("entry", ["kpageflags_read", "kpagecount_read"])
def test_the_tree_before_the_series_is_never_wrong(entry: str, code_after: MakeCode) -> None:
    request = ReplayRequest((PathStep(entry, PAGE_C, 0),), "free-under-reader")
    found = replay(code_after(""), request, Limits(states=400))
    if found.outcome is Outcome.UNDECIDED:
        assert "needs " in found.reason or "400 states" in found.reason
    else:
        assert found.outcome is Outcome.NEVER
    assert found.oops == ""
    assert found.schedule is None


def test_a_tail_handed_in_fails_always_and_alone(code_after: MakeCode) -> None:
    path = (PathStep("kpagesize_read", PAGE_C, 0), PathStep("PageTransHuge", FLAGS_H, 0))
    found = replay(code_after("minimm-tail-reader"), ReplayRequest(path, "tail-in-helper"))
    assert found.outcome is Outcome.ALWAYS
    assert {step.thread for step in found.trace} == {0}
    assert found.oops.splitlines()[0].startswith("page:ffffea00033e6340 ")


@pytest.mark.parametrize("recipe", ["minimm-pinned-reader"])
def test_a_reader_that_pins_and_looks_again_is_not_refuted(
    recipe: str, code_after: MakeCode
) -> None:
    code = code_after(recipe)
    entries = [f.name for f in code.functions_in(PAGE_C) if f.name.endswith("_read")]
    for entry in entries:
        request = ReplayRequest((PathStep(entry, PAGE_C, 0),), "free-under-reader")
        found = replay(code, request, Limits(states=400))
        assert found.outcome in (Outcome.NEVER, Outcome.UNDECIDED)


def test_an_entry_nobody_can_set_up_is_undecided_and_named(code_after: MakeCode) -> None:
    path = (PathStep("__split_huge_pmd_locked", "mm/huge_memory.c", 0),)
    found = replay(code_after(""), ReplayRequest(path, "free-under-reader"))
    assert found.outcome is Outcome.UNDECIDED
    assert "needs a set-up for __split_huge_pmd_locked()" in found.reason


def test_a_limit_that_stops_the_search_is_named(code_after: MakeCode) -> None:
    request = ReplayRequest((READS,), "free-under-reader")
    found = replay(code_after(""), request, Limits(states=10))
    assert found.outcome is Outcome.UNDECIDED
    assert "10 states" in found.reason


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_a_random_strategy_says_how_often_it_looked(strategy: str, code_after: MakeCode) -> None:
    request = ReplayRequest((READS, ASSERTS), "free-under-reader", strategy=strategy, seed=5)
    found = replay(code_after("minimm-seed"), request)
    assert f"({strategy}, seeds from 5)" in found.reason
    assert found.outcome in (Outcome.SOMETIMES, Outcome.UNDECIDED)
    if found.outcome is Outcome.SOMETIMES:
        assert "VM_BUG_ON_PAGE(!PageHead(page))" in found.oops


def test_an_unknown_strategy_is_bad_input(code_after: MakeCode) -> None:
    with pytest.raises(BadInputError, match="exhaustive, random, pct"):
        replay(code_after(""), ReplayRequest((READS,), "free-under-reader", strategy="luck"))


def test_a_request_without_a_path_is_bad_input(code_after: MakeCode) -> None:
    with pytest.raises(BadInputError, match="entry function"):
        replay(code_after(""), ReplayRequest((), "free-under-reader"))


def test_progress_is_told(code_after: MakeCode) -> None:
    told: list[int] = []
    request = ReplayRequest((READS,), "free-under-reader")
    replay(code_after("minimm-seed"), request, Limits(), told.append)
    assert told == sorted(told)
    assert told


def test_files_are_where_the_tests_think() -> None:
    assert (Path(find_data("corpora")) / "scenarios" / "free-under-reader.toml").is_file()
