"""Whole replays on Linux 6.1's own source: the seed's race, its look-alikes, and its repair."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome, Witness
from reviewer.replay.run import ReplayRequest, replay

pytestmark = pytest.mark.kernel

PAGE_C = "fs/proc/page.c"
FLAGS_H = "include/linux/page-flags.h"
MAPCOUNT = PathStep("page_mapcount", "include/linux/mm.h", 0)
DOUBLE_MAP = PathStep("PageDoubleMap", FLAGS_H, 0)

Edits = Mapping[str, tuple[str, str]]
MakeCode = Callable[..., CodeBase]


class EditedTree:
    """A kernel's source directory with a few texts replaced."""

    def __init__(self, root: Path, edits: Edits) -> None:
        self._root = root
        self._edits = edits
        self.name = f"{root.name}+{sorted(edits.items())}"

    def read(self, path: str) -> bytes:
        if not self.exists(path):
            raise KeyError(path)
        data = (self._root / path).read_bytes()
        if path in self._edits:
            old, new = self._edits[path]
            assert old.encode() in data, f"{path} has no {old!r}"
            data = data.replace(old.encode(), new.encode())
        return data

    def exists(self, path: str) -> bool:
        return (self._root / path).is_file()

    def blob_id(self, path: str) -> str:
        data = self.read(path)
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        found: set[str] = set()
        for prefix in prefixes or [""]:
            start = self._root / prefix
            under = start.rglob("*") if start.is_dir() else start.parent.glob(start.name + "*")
            found.update(str(p.relative_to(self._root)) for p in under if p.is_file())
        yield from sorted(found)

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        wanted = [word.encode() for word in words]
        return tuple(
            path
            for path in self.iter_paths(prefixes)
            if path.endswith((".c", ".h")) and any(word in self.read(path) for word in wanted)
        )


SEED = {PAGE_C: ("page_mapped(page)", "page_mapcount(page)")}
TOLERANT = {
    **SEED,
    FLAGS_H: (
        "PAGEFLAG(DoubleMap, double_map, PF_SECOND)\n\tTESTSCFLAG",
        "static inline int PageDoubleMap(struct page *page)\n"
        "{\n\treturn PageHead(page) && test_bit(PG_double_map, &page[1].flags);\n}\n"
        "SETPAGEFLAG(DoubleMap, double_map, PF_SECOND)\n"
        "CLEARPAGEFLAG(DoubleMap, double_map, PF_SECOND)\n\tTESTSCFLAG",
    ),
}


@pytest.fixture(scope="module")
def code(kernel_6_1: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeCode:
    cache = tmp_path_factory.mktemp("facts")

    def make(edits: Edits, **options: str) -> CodeBase:
        config = default_config().with_options(options) if options else default_config()
        return CodeBase(EditedTree(kernel_6_1, edits), config, cache)

    return make


def run(code: CodeBase, entry: str, scenario: str) -> Witness:
    path = (PathStep(entry, PAGE_C, 0), MAPCOUNT, DOUBLE_MAP)
    return replay(code, ReplayRequest(path, scenario))


@pytest.mark.parametrize(
    ("edits", "entry"), [(SEED, "kpageflags_read"), ({}, "kpagecount_read")], ids=["seed", "live"]
)
def test_a_free_under_the_reader_kills_page_double_map(
    code: MakeCode, edits: Edits, entry: str
) -> None:
    found = run(code(edits), entry, "free-under-reader")
    assert found.outcome is Outcome.SOMETIMES
    assert found.preemptions == 1
    lines = found.oops.splitlines()
    assert lines[0] == (
        "page:ffffea00033e0000 refcount:0 mapcount:0 mapping:0000000000000000 "
        "index:0x700000200 pfn:0xcf800"
    )
    assert lines[1] == "flags: 0x0()"
    assert lines[2].startswith("raw: ")
    assert lines[4] == "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))"
    assert lines[6] == "kernel BUG at include/linux/page-flags.h:897!"
    assert lines[8] == "RIP: 0010:PageDoubleMap" or lines[9] == "RIP: 0010:PageDoubleMap"
    assert found.trace[0].text.startswith("load page[397].")


def test_the_trees_own_unmap_and_free_kill_the_reader_too(code: MakeCode) -> None:
    path = (PathStep("kpagecount_read", PAGE_C, 0), DOUBLE_MAP)
    found = replay(code({}), ReplayRequest(path, "free-under-reader", source_actors=True))
    assert found.outcome is Outcome.SOMETIMES
    assert "kernel BUG at include/linux/page-flags.h:897!" in found.oops
    assert "the tree's own rmap and allocator functions" in found.model
    assert any(step.function == "free_pages_prepare" for step in found.trace)


def test_a_helper_that_tests_the_head_itself_is_never_killed(code: MakeCode) -> None:
    found = run(code(TOLERANT), "kpageflags_read", "free-under-reader")
    assert found.outcome is Outcome.NEVER
    assert "at most 2 preemptions" in found.reason
    assert "page_mapcount() can answer " in found.reason
    assert "where the page is mapped 0 to 1 times" in found.reason


def test_unmodified_kpageflags_dies_at_page_tail_in_folio_flags(code: MakeCode) -> None:
    found = run(code({}), "kpageflags_read", "reuse-under-reader")
    assert found.outcome is Outcome.SOMETIMES
    assert "VM_BUG_ON_PAGE(PageTail(page))" in found.oops
    assert "RIP: 0010:folio_flags" in found.oops


def test_without_debug_vm_the_count_is_the_upper_half_of_a_list_pointer(code: MakeCode) -> None:
    quiet = code({}, DEBUG_VM="n", DEBUG_VM_PGFLAGS="n")
    found = run(quiet, "kpagecount_read", "garbage-under-reader")
    assert found.outcome is Outcome.NEVER
    told = {value for value, _ in found.returns}
    wrong = told - {0, 1}
    assert len(wrong) == 1
    high = (wrong.pop() - 1) & 0xFFFFFFFF
    assert high == 0xFFFF8881  # of the free list's address in the direct map
    assert "where the page is mapped 0 to 1 times" in found.reason


def test_while_a_pmd_is_split_the_count_is_what_real_kernels_were_seen_to_say(
    code: MakeCode,
) -> None:
    found = run(code({}), "kpagecount_read", "split-pmd-under-reader")
    assert found.outcome is Outcome.NEVER
    assert {value for value, _ in found.returns} >= {1, 2}
