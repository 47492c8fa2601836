"""The operations of a history, by the names the truth tables use, on the reference model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reviewer.replay.scheme.faults import fault_read, fault_write
from reviewer.replay.scheme.migration import migrate
from reviewer.replay.scheme.processes import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Area, Entry, Process
from reviewer.replay.scheme.reuse import reuse_compound, reuse_small
from reviewer.replay.scheme.splitting import mremap, split_page
from reviewer.replay.scheme.world import World
from reviewer.replay.stepping.thread import Body, Undecided

SHARED = {"shmem", "hugetlb-shared", "driver"}
"""Kinds of memory that a child maps by faults of its own."""

Operation = Callable[[World, str, int, int, int], Body]


def mmap(kind: str) -> Operation:
    """Make a VMA; nothing is mapped yet."""

    def operation(world: World, process: str, first: int, count: int, arg: int) -> Body:
        table = world.processes.setdefault(process, Process())
        yield from world.zap(table, first, count)
        shared = kind == "hugetlb" and arg
        for i in range(first, first + count):
            table.vma[i] = Area("hugetlb-shared" if shared else kind)
        return 0

    return operation


def mmap_driver(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Map pages that a driver takes of a hugetlb file; no VMA if it refuses."""
    del arg
    table = world.processes.setdefault(process, Process())
    if world.driver is None:
        raise Undecided("needs a driver that hands out pages")
    if (yield from world.driver.map(first, count)) >= 0:
        table.vma |= dict.fromkeys(range(first, first + count), Area("driver"))
    return 0


def fork(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Let the child ``C<first>`` map what the parent maps, both without write access."""
    del count, arg
    parent = world.processes[process]
    child = world.processes[f"C{first}"] = Process()
    yield from _copy_table(world, parent, child)
    if parent.away is not None:
        child.away = Process()
        yield from _copy_table(world, parent.away, child.away)
    return 0


def _copy_table(world: World, parent: Process, child: Process) -> Body:
    scheme = world.scheme
    child.vma = {i: replace(area, locked=False) for i, area in parent.vma.items()}
    if {area.kind for area in parent.vma.values()} & SHARED:
        return 0  # vma_needs_copy(): what can fault again is not copied
    if parent.pmd is not None:
        head = parent.pmd.page
        kind = world.kind_of(head)
        if kind != "zero":
            dup = scheme.hugetlb_dup_anon_rmap if kind == "hugetlb" else scheme.page_dup_rmap
            yield from scheme.get_page(head)
            yield from dup(head, HPAGE_PMD_ORDER)
        parent.pmd.write = False
        child.pmd = Entry(head, False)
    child.page_table = parent.page_table
    for i, entry in parent.ptes.items():
        if world.kind_of(entry.page) != "zero":
            yield from scheme.get_page(world.head_of(entry.page))
            yield from scheme.page_dup_rmap(entry.page, 0)
        entry.write = False
        child.ptes[i] = Entry(entry.page, False)
    return 0


def mprotect(*, write: bool) -> Operation:
    """Give or take write access; a PMD that reaches over the edge of a VMA is split."""

    def operation(world: World, process: str, first: int, count: int, arg: int) -> Body:
        del arg
        table = world.processes[process]
        if table.is_refused(first, count):
            return 0
        changed = table.change(first, count, write=write)
        if not changed:
            return 0  # mprotect_fixup(): nothing to do where the rights are these already
        if not table.is_one_area():
            yield from world.split_pmd(table)
        if not write:
            if table.pmd is not None:
                table.pmd.write = False
            for i in changed:
                if i in table.ptes:
                    table.ptes[i].write = False
        return 0

    return operation


def mlock(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Lock a range, which may give it a VMA of its own, and fault it in.

    hugetlb is locked as it is: mlock_fixup() leaves its VMA alone.
    """
    table = world.processes[process]
    if (
        not table.is_hugetlb(first, count)
        and table.change(first, count, locked=True)
        and not table.is_one_area()
    ):
        yield from world.split_pmd(table)
    for i in range(first, first + count):
        area = table.vma.get(i)
        if area is None:
            break
        private = area.kind in ("anon", "hugetlb")
        touch = fault_write if private and area.write else fault_read
        yield from touch(world, process, i, 1, arg)
    return 0


def munlock(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unlock a range."""
    del arg
    table = world.processes[process]
    if (
        not table.is_hugetlb(first, count)
        and table.change(first, count, locked=False)
        and not table.is_one_area()
    ):
        yield from world.split_pmd(table)
    return 0


def munmap(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unmap a range and forget its VMA; a file that nobody has any more is gone too."""
    table = world.processes[process]
    del arg
    if table.is_refused(first, count):
        return 0
    yield from world.zap(table, first, count)
    for i in range(first, first + count):
        table.vma.pop(i, None)
    if not table.vma:
        table.page_table = False
    yield from world.drop_files()
    return 0


def madv_dontneed(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unmap a range; it may fault again. A locked VMA refuses, and ends it."""
    del arg
    table = world.processes[process]
    locked = (i for i, area in table.vma.items() if area.locked and first <= i < first + count)
    end = min(locked, default=first + count)
    if end > first and not table.is_refused(first, end - first):
        yield from world.zap(table, first, end - first)
    return 0


def exit_mm(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unmap all that the process maps, and forget it."""
    del first, count, arg
    table = world.processes[process]
    yield from world.zap(table, 0, HPAGE_PMD_NR)
    if table.away is not None:
        yield from world.zap(table.away, 0, HPAGE_PMD_NR)
    del world.processes[process]
    yield from world.drop_files()
    return 0


def operate(
    world: World, process: str, name: str, first: int = 0, count: int = 0, arg: int = 0
) -> Body:
    """Do one operation; Undecided for one that the model does not know."""
    known = OPERATIONS.get(name)
    if known is None:
        raise Undecided(f"needs operation {name}")
    if known in OF_THE_ALLOCATOR:
        there = 0 <= count <= MAX_ORDER and 0 <= first <= world.pages.count - (1 << count)
        if not there:
            raise Undecided(f"needs pages from {first} on of order {count}, which are not there")
    elif known is not fork and not 0 <= first <= first + count <= HPAGE_PMD_NR:
        raise Undecided(f"needs pages {first} to {first + count} of a range of {HPAGE_PMD_NR}")
    if process not in world.processes and known not in OF_THE_ALLOCATOR | MAKE_A_PROCESS:
        raise Undecided(f"needs a process {process}")
    if known is fork and f"C{first}" in world.processes:
        raise Undecided(f"needs a number that no process has for the child, C{first}")
    yield from world.drain()
    yield from known(world, process, first, count, arg)
    return 0


OPERATIONS: dict[str, Operation] = {
    "mmap_anon": mmap("anon"),
    "mmap_hugetlb": mmap("hugetlb"),
    "mmap_shmem": mmap("shmem"),
    "mmap_driver": mmap_driver,
    "fault_write": fault_write,
    "fault_read": fault_read,
    "fork": fork,
    "mprotect_ro": mprotect(write=False),
    "mprotect_rw": mprotect(write=True),
    "mlock": mlock,
    "munlock": munlock,
    "munmap": munmap,
    "madv_dontneed": madv_dontneed,
    "madvise_dontneed": madv_dontneed,
    "dontneed": madv_dontneed,
    "mremap": mremap,
    "split": split_page,
    "split_page": split_page,
    "split_huge_page": split_page,
    "migrate": migrate,
    "migrate_pages": migrate,
    "move_pages": migrate,
    "exit": exit_mm,
    "reuse_small": reuse_small,
    "reuse_compound": reuse_compound,
}
MAX_ORDER = 10
OF_THE_ALLOCATOR: frozenset[Operation] = frozenset({reuse_small, reuse_compound})
"""Operations of no process, in page numbers and orders."""
MAKE_A_PROCESS = frozenset(known for name, known in OPERATIONS.items() if name.startswith("mmap_"))
