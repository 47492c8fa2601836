"""True split and move: the operations that change what a page is, or where it is mapped."""

from __future__ import annotations

from reviewer.replay.scheme.processes import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Entry, Process
from reviewer.replay.scheme.world import Compound, World
from reviewer.replay.stepping.thread import Body, Undecided


def split_page(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Split the huge page a process maps into 512 small ones (split_huge_page).

    Every mapping becomes a PTE, is taken down, and comes back on the small page it maps; a
    file's page stays unmapped. An anonymous page that nobody maps is freed.
    """
    del arg
    head = world.head_of(world.find_mapped(process, first, count))
    kind = world.kind_of(head)
    if world.allocated[head].order != HPAGE_PMD_ORDER or kind not in ("anon", "shmem"):
        raise Undecided("needs the split of a page that is no anonymous or shmem huge page")
    for table in world.tables():
        if table.pmd is not None and table.pmd.page == head:
            yield from world.split_pmd(table)
        if kind == "shmem":
            yield from _unmap(world, table, head)
    mapped = [world.mappings(head + i) for i in range(HPAGE_PMD_NR)]
    cached = int(kind == "shmem")
    yield from _make_small(world, head, mapped, cached)
    for i, mappings in enumerate(mapped):
        world.allocated[head + i] = Compound(0, kind)
        if not mappings and not cached:
            yield from world.put(head + i)
    if world.scheme.split_drops_zeros and not cached:
        for table in world.tables():
            yield from _map_unused_to_zero_page(world, table, head)
    return 0


def _map_unused_to_zero_page(world: World, table: Process, head: int) -> Body:
    """Give back the small pages in which nobody ever wrote, unless they are locked."""
    pages = range(head, head + HPAGE_PMD_NR)
    for i, entry in list(table.ptes.items()):
        area = table.vma.get(i)
        unused = entry.page in pages and entry.page not in world.written
        if unused and not (area is not None and area.locked):
            table.ptes[i] = Entry((yield from world.find_zero_page()), False)
            yield from world.scheme.page_remove_rmap(entry.page, 0, anon=True)
            yield from world.put(entry.page)
    return 0


def _unmap(world: World, table: Process, head: int) -> Body:
    """``try_to_unmap`` of a file page: it will fault again."""
    for i in [i for i, entry in table.ptes.items() if world.head_of(entry.page) == head]:
        yield from world.scheme.page_remove_rmap(table.ptes.pop(i).page, 0, anon=False)
        yield from world.put(head)
    return 0


def _make_small(world: World, head: int, mapped: list[int], cached: int) -> Body:
    """``__split_huge_page``: tails first, then the head's flag; each page its own counters."""
    steps, pages = world.scheme.steps, world.pages
    mapping, index = pages.peek(head, "mapping"), pages.peek(head, "index")
    exclusive = world.scheme.exclusive
    flags = [pages.peek(head + i, "flags") for i in range(HPAGE_PMD_NR)]
    shared = flags[0] & ~(world.scheme.head_bit | exclusive)
    for i in reversed(range(1, HPAGE_PMD_NR)):
        page = head + i
        function = "__split_huge_page_tail"
        yield steps.store(function, page, "flags", shared | flags[i] & exclusive)
        yield steps.store(function, page, "mapping", mapping)
        yield steps.store(function, page, "index", index + i)
        yield steps.store("clear_compound_head", page, "compound_head", 0)
        yield steps.store("page_ref_unfreeze", page, "_refcount", mapped[i] + cached or 1)
        yield steps.store("remove_migration_ptes", page, "_mapcount", mapped[i] - 1)
    yield steps.clear_bits("ClearPageCompound", head, world.scheme.head_bit)
    yield steps.store("page_ref_unfreeze", head, "_refcount", mapped[0] + cached or 1)
    yield steps.store("remove_migration_ptes", head, "_mapcount", mapped[0] - 1)
    return 0


def mremap(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Move a range elsewhere: a whole PMD moves as one, a part of it is split first."""
    del arg
    table = world.processes[process]
    if table.is_refused(first, count):
        return 0
    if count < HPAGE_PMD_NR:
        yield from world.split_pmd(table)
    away = table.away = table.away or Process()
    yield from world.zap(away, first, count)
    if table.pmd is not None:
        away.pmd, table.pmd = table.pmd, None
    for i in range(first, first + count):
        if i in table.vma:
            away.vma[i] = table.vma.pop(i)
        if i in table.ptes:
            away.ptes[i] = table.ptes.pop(i)
    if not table.vma:
        table.page_table = False
    return 0
