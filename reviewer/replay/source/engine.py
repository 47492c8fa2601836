"""A world of processes on a tree's own source: its rmap moves the counters, its readers answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reviewer.replay.interpreter.entrypoints import ENTRY_SIZE, Reader, make_reader
from reviewer.replay.interpreter.interp import call, make_machine
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.pages import Pages, extract_layout
from reviewer.replay.memory.valuetype import LONG, wrap
from reviewer.replay.scheme.processes import HPAGE_PMD_NR
from reviewer.replay.scheme.steps import perform
from reviewer.replay.scheme.tables import CLAIMED
from reviewer.replay.scheme.world import RANGE_INDEX, World
from reviewer.replay.source.driver import Driver, TreeDriver
from reviewer.replay.source.migration import SourceScheme
from reviewer.replay.stepping.thread import Body, Oops, TreeCall, Undecided


class SourceEngine:
    """Runs the world's bodies and reads the /proc/kpage* files; nothing moves beside them.

    One world; the code is lowered once for as many engines as share ``machine``'s code.
    """

    def __init__(self, code: CodeSource, first_pfn: int, blocks: int, small: int) -> None:
        self.machine: Machine = make_machine(code)
        layout = extract_layout(self.machine.types, code.find_enumerator)
        count = blocks * HPAGE_PMD_NR + small
        self.machine.make_pages(first_pfn, count)
        pages = Pages(self.machine.memory, layout, first_pfn, count)
        for page in range(count):
            pages.poke(page, "_mapcount", -1)
        self.scheme = SourceScheme(self.machine, pages, RANGE_INDEX)
        self.huge_pages = blocks * HPAGE_PMD_NR  # pages that huge ones are made of
        starts = tuple(i * HPAGE_PMD_NR for i in range(blocks))
        self.world = World(self.scheme, starts, range(blocks * HPAGE_PMD_NR, count))
        self.claimed = CLAIMED
        self.ops = 0  # operations interpreted in reading
        self._readers: dict[tuple[str, int, int], Reader] = {}
        self.machine.memory.seal()

    def add_driver(self, driver: Driver, given: Mapping[str, int]) -> None:
        """Let processes map what a driver of the tree hands out, asked with these numbers."""
        self.world.driver = TreeDriver(self.world, self.scheme.objects, driver, given)

    def perform(self, body: Body) -> int:
        """Run a body, its tree calls interpreted."""
        return perform(body, self.call)

    def call(self, wanted: TreeCall) -> int:
        """Run a function of the tree to its end."""
        return call(self.machine, wanted.function, wanted.args, near=wanted.near)

    def statistics(self, names: Iterable[str], table: str = "vm_stat") -> dict[str, int]:
        """Return the items of those names the tree has (or "vm_event"s); they begin at zero."""
        find = self.machine.code.find_enumerator
        start = self.machine.statistics(table)
        found = {}
        for name in names:
            item = find(name)
            if item is not None:
                found[name] = wrap(self.machine.memory.load(start + 8 * item, 8), LONG)
        return found

    def split_queue_length(self) -> int:
        """Return how many pages wait for a deferred split."""
        queue = self.machine.find_global("deferred_split_queue")
        if queue is None:
            return 0
        kind = self.machine.types.struct("struct deferred_split")
        place = self.machine.types.member(kind, "split_queue_len")
        return self.machine.memory.load(queue.address + place.offset, 8)

    def kpagecount(self, first: int, count: int) -> tuple[int, ...]:
        """Return what the tree's kpagecount_read says of pages."""
        return self._read("kpagecount_read", first, count)

    def peek_count(self, page: int) -> tuple[int | None, frozenset[int]]:
        """Return what kpagecount says of one page in the middle of things, None if it cannot.

        Beside it are the words it looked at: while they stay, the answer does.
        """
        words: set[int] = set()
        try:
            return self._read("kpagecount_read", page, 1, words)[0], frozenset(words)
        except (Oops, Undecided):
            return None, frozenset(words)

    def kpageflags(self, first: int, count: int) -> tuple[int, ...]:
        """Return what the tree's kpageflags_read says of pages, every bit."""
        self._tell_zero_pages()
        return self._read("kpageflags_read", first, count)

    def _tell_zero_pages(self) -> None:
        """Let the tree's variables name the pages of zeros, once there are any."""
        pages = self.scheme.pages
        for page, number, pointers in (
            (self.world.zero_page, "zero_pfn", ()),
            (self.world.huge_zero_page, "huge_zero_pfn", ("huge_zero_page", "huge_zero_folio")),
        ):
            if page is None:
                continue
            self._set_global(number, pages.first_pfn + page)
            for pointer in pointers:
                self._set_global(pointer, pages.address(page))

    def _set_global(self, name: str, value: int) -> None:
        variable = self.machine.find_global(name)
        if variable is not None:
            self.machine.memory.words[variable.address] = value

    def _read(
        self, function: str, first: int, count: int, words: set[int] | None = None
    ) -> tuple[int, ...]:
        """Run a reader to its end; ``words`` are told which words it looked at."""
        memory = self.machine.memory
        reader = self._find_reader(function, first, count)
        mark = memory.mark()
        thread = reader.thread
        ops = thread.ops
        try:
            thread.start()
            while thread.kind is not None:
                if words is not None:
                    words.add(thread.address >> 3)
                thread.step()
        except (Oops, Undecided):
            memory.rollback(mark)
            raise
        self.ops += thread.ops - ops
        if thread.result != count * ENTRY_SIZE:
            raise Undecided(f"needs {function} to answer for {count} pages")
        answers = range(reader.buffer, reader.buffer + count * ENTRY_SIZE, ENTRY_SIZE)
        found = tuple(memory.load(address, ENTRY_SIZE) for address in answers)
        memory.rollback(mark)
        return found

    def _find_reader(self, function: str, first: int, count: int) -> Reader:
        key = (function, first, count)
        known = self._readers.get(key)
        if known is None:
            pfn = self.scheme.pages.first_pfn + first
            known = self._readers[key] = make_reader(
                self.machine, function, pfn, name="reader", cpu=31, near="", pages=count
            )
        return known
