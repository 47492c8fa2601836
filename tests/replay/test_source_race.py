"""6.1's own kpagecount_read while the huge page under it goes, a step at a time by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.replay.interpreter.entrypoints import make_reader
from reviewer.replay.interpreter.mixed import MixedThread
from reviewer.replay.scheme.operations import operate
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.stepping.thread import AssertionFired, Thread

TAIL = 397


def _mapped_huge_page(code: CodeBase) -> SourceEngine:
    engine = SourceEngine(code, 0xCF800, 1, 8)
    for operation in (("P", "mmap_anon", 0, 512, 1), ("P", "fault_write", 0, 1, 1)):
        engine.perform(operate(engine.world, *operation))
    return engine


def _run_until(thread: Thread, what: str) -> None:
    thread.start()
    while thread.kind is not None and thread.access().what != what:
        thread.step()
    assert thread.kind is not None, f"{thread.name} never reaches {what}"


def _finish(thread: Thread) -> None:
    while thread.kind is not None:
        thread.step()


@pytest.mark.kernel
def test_kpagecount_dies_in_page_double_map_when_the_page_is_freed(
    kernel_code: Callable[[str], CodeBase],
) -> None:
    engine = _mapped_huge_page(kernel_code("6_1"))
    pfn = engine.scheme.pages.first_pfn + TAIL
    reader = make_reader(engine.machine, "kpagecount_read", pfn, name="reader", cpu=1, near="")
    _run_until(reader.thread, "page[1].compound_mapcount")
    engine.perform(operate(engine.world, "P", "munmap", 0, 512, 1))
    with pytest.raises(AssertionFired) as caught:
        _finish(reader.thread)
    assert caught.value.condition == "VM_BUG_ON_PAGE(!PageHead(page))"
    assert caught.value.page == engine.scheme.pages.base
    assert [function for function, _path, _line in reader.thread.backtrace()] == [
        "PageDoubleMap",
        "__page_mapcount",
        "page_mapcount",
        "kpagecount_read",
    ]


@pytest.mark.kernel
def test_without_debug_vm_it_returns_the_upper_half_of_a_list_pointer_plus_one(
    kernel_code: Callable[[str], CodeBase],
) -> None:
    source = kernel_code("6_1").source
    config = default_config().with_options({"DEBUG_VM": "n", "DEBUG_VM_PGFLAGS": "n"})
    engine = _mapped_huge_page(CodeBase(source, config))
    pages = engine.scheme.pages
    pfn = pages.first_pfn + TAIL
    reader = make_reader(engine.machine, "kpagecount_read", pfn, name="reader", cpu=1, near="")
    _run_until(reader.thread, "page[1].compound_mapcount")
    engine.perform(operate(engine.world, "P", "munmap", 0, 512, 1))
    neighbour = pages.address(4, "lru.next")
    pages.poke(1, "lru.prev", neighbour)  # page[1] goes to a free list
    _finish(reader.thread)
    upper = (neighbour >> 32) - (1 << 32)
    answer = reader.answer(reader.thread.result)
    assert answer is not None
    assert answer - (1 << 64) == upper + 1


@pytest.mark.kernel
def test_a_pmd_split_never_shows_the_page_unmapped(kernel_code: Callable[[str], CodeBase]) -> None:
    """Between any two steps of the tree's split a reader sees one mapping or two."""
    engine = _mapped_huge_page(kernel_code("6_1"))
    machine, memory = engine.machine, engine.machine.memory
    split = MixedThread(machine, "split", lambda: engine.scheme.split_huge_pmd(0, 9), cpu=0)
    split.start()
    pfn = engine.scheme.pages.first_pfn + TAIL
    reader = make_reader(machine, "kpagecount_read", pfn, name="reader", cpu=1, near="")
    seen = set()
    while split.kind is not None:
        if split.access().what.startswith(("page[0]", "page[1]", f"page[{TAIL}]")):
            mark = memory.mark()
            reader.thread.start()
            _finish(reader.thread)
            seen.add(reader.answer(reader.thread.result))
            memory.rollback(mark)
        split.step()
    assert seen == {1, 2}
