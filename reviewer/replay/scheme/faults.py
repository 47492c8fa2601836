"""Faults: what a read or a write of an address maps, copies or reuses, on the reference model."""

from __future__ import annotations

from reviewer.replay.scheme.processes import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Entry, Process
from reviewer.replay.scheme.world import ANON_VMA, INODE_MAPPING, World
from reviewer.replay.scheme.writing import PmdWrite
from reviewer.replay.stepping.thread import Body

FAULT_AROUND = 16
"""fault_around_bytes in pages: what a read fault on a file maps with it, aligned."""


def fault_write(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Write to each page of the range that the process may write to."""
    del arg
    table = world.processes[process]
    for i in range(first, first + count):
        area = table.vma.get(i)
        if area is None or not area.write:
            continue
        if table.pmd is not None and not table.pmd.write:
            yield from _write_to_pmd(world, table)
        entry = table.ptes.get(i)
        if table.pmd is None and entry is None:
            yield from _fault(world, table, i)
        elif entry is not None and not entry.write:
            yield from _write_to_pte(world, table, i, entry)
        page = world.page_at(process, i)
        if page is not None:
            world.written.add(page)
    return 0


def fault_read(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Read each page of the range: where anonymous memory has none, the zero page."""
    del arg
    table = world.processes[process]
    for i in range(first, first + count):
        if i not in table.vma or table.pmd is not None or i in table.ptes:
            continue
        if table.vma[i].kind == "anon":
            yield from _map_zero_page(world, table, i)
        else:
            yield from _fault(world, table, i)
            yield from _fault_around(world, table, i)
    return 0


def _map_zero_page(world: World, table: Process, index: int) -> Body:
    if table.fits_pmd():
        if world.huge_zero_page is None:
            world.huge_zero_page = yield from world.alloc(HPAGE_PMD_ORDER, "zero")
        table.pmd = Entry(world.huge_zero_page, False)
        return 0
    table.ptes[index] = Entry((yield from world.find_zero_page()), False)
    table.page_table = True
    return 0


def _fault(world: World, table: Process, index: int) -> Body:
    """Nothing is mapped there: a huge page where one fits, else a small one."""
    area = table.vma[index]
    kind = area.kind
    if kind == "driver":
        yield from _fault_in_driver(world, table, index)
    elif kind.startswith("hugetlb"):
        yield from _fault_hugetlb(world, table, shared=kind == "hugetlb-shared")
    elif table.fits_pmd() and world.cached_whole(kind):
        if kind == "anon":
            page = yield from world.alloc(HPAGE_PMD_ORDER, "anon")
            yield from world.map_new_anon(page, HPAGE_PMD_ORDER, 0)
        else:
            page = yield from _page_cache(world)
            yield from world.scheme.get_page(page)
            yield from world.scheme.page_add_file_rmap(page, HPAGE_PMD_ORDER)
        table.pmd = Entry(page, area.write)
    elif kind == "anon":
        page = yield from world.alloc(0, "anon")
        yield from world.map_new_anon(page, 0, index)
        table.ptes[index] = Entry(page, True)
        table.page_table = True
    else:
        yield from _map_file_page(world, table, index)
    return 0


def _fault_in_driver(world: World, table: Process, index: int) -> Body:
    """Ask the driver; what it gives is mapped by a PTE, whatever kind of page it is."""
    assert world.driver is not None
    page = yield from world.driver.fault(index)
    if page >= 0:
        table.ptes[index] = Entry(page, False)
        table.page_table = True
    return 0


def _map_file_page(world: World, table: Process, index: int) -> Body:
    page = (yield from _page_cache(world)) + index
    yield from world.scheme.get_page(world.head_of(page))
    yield from world.scheme.page_add_file_rmap(page, 0)
    table.ptes[index] = Entry(page, table.vma[index].write)
    table.page_table = True
    return 0


def _fault_around(world: World, table: Process, index: int) -> Body:
    """``do_fault_around``: what else of the file lies in the window and in the same VMA."""
    area = table.vma[index]
    if table.pmd is not None or area.kind != "shmem":
        return 0
    start = index - index % FAULT_AROUND
    around = list(range(index, start - 1, -1)), list(range(index, start + FAULT_AROUND))
    for direction in around:
        for i in direction:
            if table.vma.get(i) != area:
                break
            if i not in table.ptes:
                yield from _map_file_page(world, table, i)
    return 0


def _page_cache(world: World) -> Body:
    """Return the huge page of the file; the cache holds a reference for each of its pages."""
    page = world.cache.get("shmem")
    if page is None:
        page = yield from world.alloc(HPAGE_PMD_ORDER, "shmem")
        world.cache["shmem"] = page
        steps = world.scheme.steps
        yield steps.set_bits("shmem_add_to_page_cache", page, world.pages.mask("PG_swapbacked"))
        yield steps.add("shmem_add_to_page_cache", page, "_refcount", HPAGE_PMD_NR - 1)
        yield steps.store("shmem_add_to_page_cache", page, "mapping", INODE_MAPPING)
        yield steps.store("shmem_add_to_page_cache", page, "index", 0)
    return page


def _fault_hugetlb(world: World, table: Process, *, shared: bool) -> Body:
    """Map a huge page of the pool: counted as a whole, whoever maps it."""
    page = world.cache.get("hugetlb-shared") if shared else None
    if page is None:
        page = yield from world.alloc(HPAGE_PMD_ORDER, "hugetlb")
        if shared:
            world.cache["hugetlb-shared"] = page
            steps = world.scheme.steps
            yield steps.store("hugetlb_add_to_page_cache", page, "mapping", INODE_MAPPING)
    if shared:
        yield from world.scheme.get_page(page)
        yield from world.scheme.hugetlb_add_file_rmap(page, HPAGE_PMD_ORDER)
    else:
        yield from world.scheme.hugetlb_add_new_anon_rmap(
            page, HPAGE_PMD_ORDER, ANON_VMA, world.index
        )
    table.pmd = Entry(page, True)
    return 0


def _write_to_pmd(world: World, table: Process) -> Body:
    """do_huge_pmd_wp_page and hugetlb_wp: reuse what is ours alone, else copy."""
    entry = table.pmd
    assert entry is not None
    kind = world.kind_of(entry.page)
    if kind == "hugetlb":
        yield from _write_to_hugetlb(world, table, entry)
        return 0
    if kind == "zero":
        yield from world.split_pmd(table)
        return 0
    if kind == "anon":
        came_to = yield from world.scheme.write_to_pmd(entry.page, world.number_of(table))
        if came_to != PmdWrite.REUSED:
            yield from world.split_pmd(table, counted=came_to == PmdWrite.SPLIT)
            return 0
    entry.write = True
    return 0


def _write_to_hugetlb(world: World, table: Process, entry: Entry) -> Body:
    steps = world.scheme.steps
    if "hugetlb-shared" in {area.kind for area in table.vma.values()}:
        entry.write = True
        return 0
    count = yield from world.scheme.hugetlb_mapcount(entry.page)
    if count == 1:
        yield steps.set_bits("page_move_anon_rmap", entry.page, world.scheme.exclusive)
        entry.write = True
        return 0
    new = yield from world.alloc(HPAGE_PMD_ORDER, "hugetlb")
    yield from world.scheme.page_remove_rmap(entry.page, HPAGE_PMD_ORDER, anon=True, huge=True)
    yield from world.scheme.hugetlb_add_new_anon_rmap(new, HPAGE_PMD_ORDER, ANON_VMA, world.index)
    yield from world.put(entry.page)
    table.pmd = Entry(new, True)
    return 0


def _write_to_pte(world: World, table: Process, index: int, entry: Entry) -> Body:
    """do_wp_page: reuse the page if nobody else has it, else copy it."""
    steps = world.scheme.steps
    if world.kind_of(entry.page) == "shmem":
        entry.write = True
        return 0
    if entry.page != world.zero_page:
        flags = yield steps.load("do_wp_page", entry.page, "flags")
        exclusive = flags & world.scheme.exclusive
        if exclusive or (yield from world.scheme.can_reuse(entry.page)):
            yield steps.set_bits("page_move_anon_rmap", entry.page, world.scheme.exclusive)
            entry.write = True
            return 0
    new = yield from world.alloc(0, "anon")
    yield from world.map_new_anon(new, 0, index)
    table.ptes[index] = Entry(new, True)
    if entry.page != world.zero_page:
        yield from world.scheme.page_remove_rmap(entry.page, 0, anon=True)
        yield from world.put(entry.page)
    return 0
