"""What must hold of a tree's accounting when nothing moves: counts, statistics, exclusivity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from reviewer.replay.scheme.processes import HPAGE_PMD_NR
from reviewer.replay.scheme.world import World
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.source.pagemap import FUNCTION, read_exclusive
from reviewer.replay.stepping.thread import Undecided

PAGEMAP = "pagemap tells "
FIRST_UNUSED = 5
"""A compound page's tails from this one on hold nothing of their own, in all trees so far."""
PRIVATE = {"anon", "hugetlb"}


def iter_broken(engine: SourceEngine, counts: Mapping[int, int]) -> Iterator[str]:
    """Name the rules that do not hold; ``counts`` are what kpagecount says of pages."""
    yield from _wrong_counts(engine.world, counts)
    yield from _strange_counters(engine.world)
    yield from _wrong_statistics(engine)
    mapped = Counter(page // HPAGE_PMD_NR for page in engine.world.count_mappings())
    if engine.split_queue_length() and not set(mapped.values()) - {HPAGE_PMD_NR}:
        number = max(mapped.values(), default=0)
        yield f"a page waits for a deferred split with {number} of its pages mapped"
    yield from _shared_writes(engine.world)
    yield from _wrong_exclusive(engine)


def reader_of(rule: str) -> str:
    """Return the function whose answer alone breaks a rule, "" where counters do."""
    return FUNCTION if rule.startswith(PAGEMAP) else ""


def _wrong_counts(world: World, counts: Mapping[int, int]) -> Iterator[str]:
    mapped = world.count_mappings()
    for page, count in counts.items():
        if count != mapped[page]:
            yield f"page[{page}] is mapped {spell_times(mapped[page])}, kpagecount says {count}"
            return


def _strange_counters(world: World) -> Iterator[str]:
    """Find counters that are below what they start at, or count where no counter is.

    A hugetlb page has one counter; what lies at its place in another tail is none.
    """
    pages = world.pages
    for head, compound in world.allocated.items():
        if compound.kind != "hugetlb":
            continue
        whole = pages.peek(head, "compound_mapcount")
        if whole < -1:
            yield f"compound_mapcount of page[{head}] is {whole}"
        for page in range(head + FIRST_UNUSED, head + HPAGE_PMD_NR):
            count = pages.peek(page - 1, "compound_mapcount")
            if count:
                yield f"page[{page}], a tail of page[{head}], has a compound_mapcount: {count}"
                return


def _wrong_statistics(engine: SourceEngine) -> Iterator[str]:
    """Compare what first maps added and last unmaps took with what is mapped.

    Of what the functions that ran name: another statistic this tree does not keep here.
    """
    world = engine.world
    kept = engine.machine.named
    pages = Counter(world.kind_of(page) for page in world.count_mappings())
    whole = {world.kind_of(table.pmd.page) for table in world.tables() if table.pmd is not None}
    exact = {"NR_ANON_MAPPED": pages["anon"], "NR_FILE_MAPPED": pages["shmem"]}
    twice = _count_twice(world)
    for name, value in engine.statistics(exact).items():
        if name in kept and not exact[name] <= value <= exact[name] + twice:
            yield f"{name} is {value} with {exact[name]} such pages mapped"
    by_pmd = {
        "NR_ANON_THPS": "anon" in whole,
        "NR_SHMEM_PMDMAPPED": "shmem" in whole,
        "NR_FILE_PMDMAPPED": False,
    }
    for name, value in engine.statistics(by_pmd).items():
        if name in kept and (value < 0 or bool(value) != by_pmd[name]):
            such = "a" if by_pmd[name] else "no"
            yield f"{name} is {value} with {such} such page mapped by a PMD"


def _count_twice(world: World) -> int:
    """Count pages that a PMD and a PTE map and that were moved.

    Until 6.2 each of the two counted such a page as first mapped when it came back; the last
    unmaps take both again.
    """
    whole = {table.pmd.page for table in world.tables() if table.pmd is not None} & world.moved
    single = {entry.page for table in world.tables() for entry in table.ptes.values()}
    return sum(world.head_of(page) in whole for page in single)


def _shared_writes(world: World) -> Iterator[str]:
    """Find private memory that a process may write to while somebody else maps it."""
    mapped = world.count_mappings()
    for name, process in world.processes.items():
        if not {area.kind for area in process.vma.values()} <= PRIVATE:
            continue
        writable = [entry.page for entry in process.ptes.values() if entry.write]
        if process.pmd is not None and process.pmd.write:
            writable += range(process.pmd.page, process.pmd.page + HPAGE_PMD_NR)
        for page in writable:
            if mapped[page] > 1:
                times = spell_times(mapped[page])
                yield f"{name} may write to page[{page}], which is mapped {times}"
                return


def _wrong_exclusive(engine: SourceEngine) -> Iterator[str]:
    """Compare PM_MMAP_EXCLUSIVE of what is mapped by a PMD with what maps it."""
    world = engine.world
    mapped = world.count_mappings()
    for name, process in world.processes.items():
        if process.pmd is None or world.kind_of(process.pmd.page) != "anon":
            continue
        try:
            told = read_exclusive(engine, process.pmd.page)
        except Undecided:
            return  # the row says so
        for index, exclusive in enumerate(told or ()):
            count = mapped[process.pmd.page + index]
            if exclusive != (count == 1):
                says = "exclusive" if exclusive else "not exclusive"
                yield f"{PAGEMAP}{name} that page[{index}], mapped {spell_times(count)}, is {says}"
                break


def spell_times(number: int) -> str:
    """Return "once", "2 times"."""
    return "once" if number == 1 else f"{number} times"
