"""Processes that map a 2 MiB range, for the reference model: what each operation does.

Page tables and VMAs are plain Python here (nobody reads them concurrently: a process is moved
by one thread); everything in struct page goes through the scheme's steps. An operation is
one of the kernel's entry points as a test program calls them, on pages ``first`` to
``first + count`` of the range at 0x700000000000.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reviewer.replay.memory.pages import Pages, direct_map
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.scheme.lending import PageDriver
from reviewer.replay.scheme.processes import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Entry, Process
from reviewer.replay.stepping.thread import Body, Undecided

RANGE_INDEX = 0x700000000000 >> 12
ANON_VMA = direct_map(0x1000)
INODE_MAPPING = direct_map(0x2000)


@dataclass(slots=True)
class Compound:
    """A page the model allocated: its order, kind ("anon", "hugetlb", "shmem", "zero")."""

    order: int
    kind: str


class World:
    """All processes and pages of a history.

    ``blocks`` are the numbers of the aligned runs of 512 pages that compound pages come from,
    in the order they are used; ``small`` where order-0 pages come from. ``index`` is the page
    offset of the range within the address space.
    """

    def __init__(
        self, scheme: Scheme, blocks: tuple[int, ...], small: range, index: int = RANGE_INDEX
    ) -> None:
        self.scheme = scheme
        self.index = index
        self.pages: Pages = scheme.pages
        self.processes: dict[str, Process] = {}
        self.allocated: dict[int, Compound] = {}
        self._blocks = list(blocks)
        self._small = list(reversed(small))
        self._batch: list[int] = []
        self.zero_page: int | None = None
        self.huge_zero_page: int | None = None
        self.cache: dict[str, int] = {}
        self.written: set[int] = set()  # pages that hold more than zeros
        self.moved: set[int] = set()  # heads of pages that others were moved to
        self.driver: PageDriver | None = None

    def copy(self) -> World:
        """Return a world of its own on the same pages: a thread's private view."""
        other = copy.copy(self)
        other.processes = {name: process.copy() for name, process in self.processes.items()}
        other.allocated = dict(self.allocated)
        other._blocks = list(self._blocks)
        other._small = list(self._small)
        other._batch = list(self._batch)
        other.cache = dict(self.cache)
        other.written = set(self.written)
        other.moved = set(self.moved)
        return other

    # ---- pages -----------------------------------------------------------------------------

    def head_of(self, page: int) -> int:
        """Return the head of the allocated page this one is in."""
        block = page - page % HPAGE_PMD_NR
        found = self.allocated.get(block)
        return block if found is not None and found.order else page

    def kind_of(self, page: int) -> str:
        """Return what kind of memory the page is."""
        return self.allocated[self.head_of(page)].kind

    def alloc(self, order: int, kind: str) -> Body:
        """Take a page from the free ones; the answer is its number. One reference is held."""
        pool = self._blocks if order else self._small
        if not pool:
            raise Undecided(f"needs more free pages of order {order}")
        # the last freed comes first; the page of zeros is older than all of them
        page = pool.pop(0) if order or kind == "zero" else pool.pop()
        self.allocated[page] = Compound(order, kind)
        self.written.difference_update(range(page, page + (1 << order)))
        self.moved.discard(page)
        steps = self.scheme.steps
        yield steps.store("set_page_refcounted", page, "_refcount", 1)
        if order:
            yield from self.scheme.prep_compound_page(page, order, kind)
        on_lru = order and kind in ("anon", "shmem")
        flags = ("PG_uptodate", "PG_lru") if on_lru else ("PG_uptodate",)
        yield steps.set_bits("lru_cache_add", page, self.pages.mask(*flags))
        if not order and kind in ("anon", "shmem"):
            yield steps.add("folio_batch_add", page, "_refcount", 1)
            self._batch.append(page)
        return page

    def drain(self) -> Body:
        """``lru_add_drain``: what waits in the batch goes to the LRU and loses its reference."""
        batch, self._batch = self._batch, []
        for page in batch:
            yield self.scheme.steps.set_bits("lru_add_fn", page, self.pages.mask("PG_lru"))
            yield from self.put(page)
        return 0

    def put(self, page: int, count: int = 1) -> Body:
        """Drop references to the page's compound page, and free it with the last one."""
        head = self.head_of(page)
        info = self.allocated[head]
        if info.kind == "hugetlb":
            left = yield from self.scheme.put_page(head, count)
            if left == 0:
                yield from self._free_huge_page(head)
            return left
        left = yield from self.scheme.put_and_free(head, info.order, count)
        if left == 0:
            del self.allocated[head]
            if info.order == 0:
                self._small.append(head)
            else:
                self._blocks.insert(0, head)  # the allocator's lists: last in, first out
        return left

    def find_zero_page(self) -> Body:
        """Return the page of zeros that reads of untouched anonymous memory map."""
        if self.zero_page is None:
            self.zero_page = yield from self.alloc(0, "zero")
            reserved = self.pages.mask("PG_reserved")
            yield self.scheme.steps.set_bits("paging_init", self.zero_page, reserved)
        return self.zero_page

    def zero_pages(self) -> frozenset[int]:
        """Return the pages of zeros there are, by their heads."""
        return frozenset(p for p in (self.zero_page, self.huge_zero_page) if p is not None)

    def cached_whole(self, kind: str) -> bool:
        """Say whether the page cache holds, or would make, a huge page for this kind of file."""
        page = self.cache.get(kind)
        return page is None or self.allocated[page].order > 0

    def drop_files(self) -> Body:
        """Let go of the cached pages of a file that no VMA names any more."""
        named = {area.kind for table in self.tables() for area in table.vma.values()}
        for kind in [kind for kind in self.cache if kind not in named]:
            first = self.cache.pop(kind)
            whole = self.allocated[first].order > 0
            for page in (first,) if whole else range(first, first + HPAGE_PMD_NR):
                yield self.scheme.steps.store("__filemap_remove_folio", page, "mapping", 0)
                held = HPAGE_PMD_NR if whole and kind == "shmem" else 1
                yield from self.put(page, held)
        return 0

    def _free_huge_page(self, head: int) -> Body:
        """Back to the pool of huge pages: still compound, no longer anonymous."""
        steps = self.scheme.steps
        yield steps.store("free_huge_page", head, "mapping", 0)
        yield steps.clear_bits("free_huge_page", head, self.scheme.exclusive)
        return 0

    # ---- one mapping -----------------------------------------------------------------------

    def map_new_anon(self, page: int, order: int, index: int) -> Body:
        """First mapping of a page just allocated."""
        at = self.index + index
        yield from self.scheme.page_add_new_anon_rmap(page, order, ANON_VMA, at)
        return 0

    def split_pmd(self, process: Process, *, counted: bool = False) -> Body:
        """One process's PMD becomes PTEs (anonymous) or nothing (file: it faults again).

        ``counted``: the counters are those of PTEs already.
        """
        entry = process.pmd
        if entry is None:
            return 0
        kind = self.kind_of(entry.page)
        if kind == "hugetlb":
            raise Undecided("needs a split of a hugetlb mapping")
        process.pmd = None
        if kind == "shmem":
            yield from self.scheme.page_remove_rmap(entry.page, HPAGE_PMD_ORDER, anon=False)
            yield from self.put(entry.page)
            return 0
        if kind == "anon" and not counted:
            yield from self.scheme.split_huge_pmd(
                entry.page, HPAGE_PMD_ORDER, self.number_of(process)
            )
        process.page_table = True
        zero = (yield from self.find_zero_page()) if kind == "zero" else None
        for i in range(HPAGE_PMD_NR):
            process.ptes[i] = Entry(entry.page + i if zero is None else zero, entry.write)
        return 0

    def zap(self, process: Process, first: int, count: int) -> Body:
        """Unmap a range: a PMD as a whole if it lies in it, else split first."""
        if process.pmd is not None:
            if count < HPAGE_PMD_NR:
                yield from self.split_pmd(process)
            else:
                yield from self._zap_pmd(process)
        for i in range(first, first + count):
            entry = process.ptes.pop(i, None)
            if entry is not None and entry.page != self.zero_page:
                anon = self.kind_of(entry.page) == "anon"
                yield from self.scheme.page_remove_rmap(entry.page, 0, anon=anon)
                yield from self.put(entry.page)
        return 0

    def _zap_pmd(self, process: Process) -> Body:
        entry, process.pmd = process.pmd, None
        assert entry is not None
        kind = self.kind_of(entry.page)
        if kind == "hugetlb":
            yield from self.scheme.page_remove_rmap(
                entry.page, HPAGE_PMD_ORDER, anon=False, huge=True
            )
        elif kind != "zero":
            yield from self.scheme.zap_huge_pmd(
                entry.page, HPAGE_PMD_ORDER, self.number_of(process), anon=kind == "anon"
            )
        if kind != "zero":
            yield from self.put(entry.page)
        return 0

    # ---- what a tool can ask ---------------------------------------------------------------

    def tables(self) -> Iterator[Process]:
        """Yield the page tables there are: of each process, and of what it moved away."""
        for process in self.processes.values():
            yield process
            if process.away is not None:
                yield process.away

    def number_of(self, table: Process) -> int:
        """Return the number of page tables among all there are."""
        return next(i for i, each in enumerate(self.tables()) if each is table)

    def mappings(self, page: int) -> int:
        """Count the page-table entries that map this page: what kpagecount should say."""
        head = self.head_of(page)
        found = 0
        if head not in self.allocated or self.kind_of(head) == "zero":
            return 0
        for table in self.tables():
            if table.pmd is not None and table.pmd.page == head:
                found += 1
            found += sum(1 for entry in table.ptes.values() if entry.page == page)
        return found

    def count_mappings(self) -> Counter[int]:
        """Return ``mappings`` of every page that has any."""
        found: Counter[int] = Counter()
        for table in self.tables():
            if table.pmd is not None:
                found.update(range(table.pmd.page, table.pmd.page + HPAGE_PMD_NR))
            found.update(entry.page for entry in table.ptes.values())
        for page in [page for page in found if self.kind_of(page) == "zero"]:
            del found[page]
        return found

    def is_anon(self, page: int) -> bool:
        """Say whether the page belongs to no file."""
        kind = self.kind_of(page)
        private = kind == "hugetlb" and self.head_of(page) not in self.cache.values()
        return kind == "anon" or private

    def find_mapped(self, process: str, first: int, count: int) -> int:
        """Return the first page a process maps in a range.

        Raises:
            Undecided: it maps none.

        """
        found = (self.page_at(process, i) for i in range(first, first + max(count, 1)))
        page = next((page for page in found if page is not None), None)
        if page is None:
            raise Undecided(f"needs a page that {process} maps at {first}")
        return page

    def page_at(self, process: str, index: int) -> int | None:
        """Return the page a process maps at an index of the range."""
        table = self.processes.get(process)
        if table is None:
            return None
        if table.pmd is not None:
            return table.pmd.page + index
        entry = table.ptes.get(index)
        return entry.page if entry else None
