"""The operations of a history, by the names the truth tables use, on the reference model."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.replay.scheme.reuse import reuse_compound, reuse_small
from reviewer.replay.scheme.splitting import mremap, split_page
from reviewer.replay.scheme.world import (
    HPAGE_PMD_NR,
    HPAGE_PMD_ORDER,
    INODE_MAPPING,
    Entry,
    Process,
    World,
)
from reviewer.replay.stepping.thread import Body, Undecided

Operation = Callable[[World, str, int, int, int], Body]


def mmap(kind: str) -> Operation:
    """Make a VMA; nothing is mapped yet."""

    def operation(world: World, process: str, first: int, count: int, arg: int) -> Body:
        table = world.processes.setdefault(process, Process())
        shared = kind == "hugetlb" and arg
        for i in range(first, first + count):
            table.vma[i] = "hugetlb-shared" if shared else kind
        yield from ()
        return 0

    return operation


def fault_write(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Write to each page of the range."""
    del arg
    table = world.processes[process]
    for i in range(first, first + count):
        if i not in table.vma:
            continue
        if table.pmd is not None and not table.pmd.write:
            yield from _write_to_pmd(world, table)
        if table.pmd is not None:
            continue
        entry = table.ptes.get(i)
        if entry is None:
            yield from _fault(world, table, i)
        elif not entry.write:
            yield from _write_to_pte(world, table, i, entry)
    return 0


def fault_read(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Read each page of the range: where anonymous memory has none, the zero page."""
    del arg
    table = world.processes[process]
    for i in range(first, first + count):
        if i not in table.vma or table.pmd is not None or i in table.ptes:
            continue
        if table.vma[i] != "anon":
            yield from _fault(world, table, i)
            continue
        if len(table.vma) == HPAGE_PMD_NR:
            raise Undecided("needs the huge zero page")
        if world.zero_page is None:
            world.zero_page = yield from world.alloc(0, "zero")
            reserved = world.pages.mask("PG_reserved")
            yield world.scheme.steps.set_bits("paging_init", world.zero_page, reserved)
        table.ptes[i] = Entry(world.zero_page, False)
        table.page_table = True
    return 0


def fork(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Let the child ``C<first>`` map what the parent maps, both without write access."""
    del count, arg
    parent = world.processes[process]
    child = Process(vma=dict(parent.vma))
    world.processes[f"C{first}"] = child
    scheme = world.scheme
    if set(parent.vma.values()) & {"shmem", "hugetlb-shared"}:
        return 0  # vma_needs_copy(): what can fault again is not copied
    if parent.pmd is not None:
        head = parent.pmd.page
        if world.kind_of(head) != "zero":
            yield from scheme.get_page(head)
            yield from scheme.page_dup_rmap(head, HPAGE_PMD_ORDER)
        parent.pmd.write = False
        child.pmd = Entry(head, False)
    child.page_table = parent.page_table
    for i, entry in parent.ptes.items():
        if entry.page != world.zero_page:
            yield from scheme.get_page(world.head_of(entry.page))
            yield from scheme.page_dup_rmap(entry.page, 0)
        entry.write = False
        child.ptes[i] = Entry(entry.page, False)
    return 0


def mprotect_ro(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Take write access from a range: a PMD that reaches over its edges is split."""
    del arg
    table = world.processes[process]
    if table.pmd is not None and count == HPAGE_PMD_NR:
        table.pmd.write = False
        return 0
    yield from world.split_pmd(table)
    for i in range(first, first + count):
        if i in table.ptes:
            table.ptes[i].write = False
    return 0


def split_vma(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Give a range rights or flags of its own (mprotect, mlock): only the edges matter."""
    del first, arg
    if count < HPAGE_PMD_NR:
        yield from world.split_pmd(world.processes[process])
    return 0


def mlock(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Give a range a VMA of its own, and fault it in for writing."""
    yield from split_vma(world, process, first, count, arg)
    yield from fault_write(world, process, first, count, arg)
    return 0


def munmap(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unmap a range and forget its VMA."""
    table = world.processes[process]
    yield from madv_dontneed(world, process, first, count, arg)
    for i in range(first, first + count):
        table.vma.pop(i, None)
    if not table.vma:
        table.page_table = False
    return 0


def madv_dontneed(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unmap a range; it may fault again."""
    del arg
    yield from world.zap(world.processes[process], first, count)
    return 0


def exit_mm(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Unmap all that the process maps, and forget it."""
    del first, count, arg
    table = world.processes[process]
    yield from world.zap(table, 0, HPAGE_PMD_NR)
    for moved in sorted(table.ptes):
        yield from world.zap(table, moved, 1)
    del world.processes[process]
    return 0


def operate(
    world: World, process: str, name: str, first: int = 0, count: int = 0, arg: int = 0
) -> Body:
    """Do one operation; Undecided for one that the model does not know."""
    known = OPERATIONS.get(name)
    if known is None:
        raise Undecided(f"needs operation {name}")
    yield from world.drain()
    yield from known(world, process, first, count, arg)
    return 0


OPERATIONS: dict[str, Operation] = {
    "mmap_anon": mmap("anon"),
    "mmap_hugetlb": mmap("hugetlb"),
    "mmap_shmem": mmap("shmem"),
    "fault_write": fault_write,
    "fault_read": fault_read,
    "fork": fork,
    "mprotect_ro": mprotect_ro,
    "mprotect_rw": split_vma,
    "mlock": mlock,
    "munlock": split_vma,
    "munmap": munmap,
    "madv_dontneed": madv_dontneed,
    "madvise_dontneed": madv_dontneed,
    "dontneed": madv_dontneed,
    "mremap": mremap,
    "split": split_page,
    "split_page": split_page,
    "split_huge_page": split_page,
    "exit": exit_mm,
    "reuse_small": reuse_small,
    "reuse_compound": reuse_compound,
}


# ---- faults --------------------------------------------------------------------------------


def _fault(world: World, table: Process, index: int) -> Body:
    """Nothing is mapped there: a huge page if the whole range is one VMA, else a small one."""
    kind = table.vma[index]
    whole = len(table.vma) == HPAGE_PMD_NR and len(set(table.vma.values())) == 1
    if kind.startswith("hugetlb"):
        yield from _fault_hugetlb(world, table, shared=kind == "hugetlb-shared")
    elif whole and not table.page_table:
        if kind == "anon":
            page = yield from world.alloc(HPAGE_PMD_ORDER, "anon")
            yield from world.map_new_anon(page, HPAGE_PMD_ORDER, 0)
        else:
            page = yield from _page_cache(world)
            yield from world.scheme.get_page(page)
            yield from world.scheme.page_add_file_rmap(page, HPAGE_PMD_ORDER)
        table.pmd = Entry(page, True)
    elif kind == "anon":
        page = yield from world.alloc(0, "anon")
        yield from world.map_new_anon(page, 0, index)
        table.ptes[index] = Entry(page, True)
        table.page_table = True
    else:
        page = (yield from _page_cache(world)) + index
        yield from world.scheme.get_page(world.head_of(page))
        yield from world.scheme.page_add_file_rmap(page, 0)
        table.ptes[index] = Entry(page, True)
        table.page_table = True
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
    steps = world.scheme.steps
    page = world.cache.get("hugetlb") if shared else None
    if page is None:
        page = yield from world.alloc(HPAGE_PMD_ORDER, "hugetlb")
        if shared:
            world.cache["hugetlb"] = page
            yield steps.store("hugetlb_add_to_page_cache", page, "mapping", INODE_MAPPING)
    if shared:
        yield from world.scheme.get_page(page)
        yield steps.add("page_dup_file_rmap", page, "compound_mapcount", 1)
    else:
        yield from _hugepage_add_new_anon_rmap(world, page)
    table.pmd = Entry(page, True)
    return 0


def _hugepage_add_new_anon_rmap(world: World, page: int) -> Body:
    steps = world.scheme.steps
    yield steps.store("hugepage_add_new_anon_rmap", page, "compound_mapcount", 0)
    anon = world.scheme.anon_mapping(INODE_MAPPING)
    yield steps.store("__page_set_anon_rmap", page, "mapping", anon)
    yield steps.store("__page_set_anon_rmap", page, "index", world.index >> HPAGE_PMD_ORDER)
    yield steps.set_bits("SetPageAnonExclusive", page, world.scheme.exclusive)
    return 0


def _write_to_pmd(world: World, table: Process) -> Body:
    """do_huge_pmd_wp_page and hugetlb_wp: reuse what is ours alone, else copy."""
    entry = table.pmd
    assert entry is not None
    kind = world.kind_of(entry.page)
    steps = world.scheme.steps
    if kind == "hugetlb":
        count = yield steps.load("hugetlb_wp", entry.page, "compound_mapcount")
        if count == 0:
            yield steps.set_bits("page_move_anon_rmap", entry.page, world.scheme.exclusive)
            entry.write = True
            return 0
        new = yield from world.alloc(HPAGE_PMD_ORDER, "hugetlb")
        yield from world.scheme.page_remove_rmap(entry.page, HPAGE_PMD_ORDER, anon=True, huge=True)
        yield from _hugepage_add_new_anon_rmap(world, new)
        yield from world.put(entry.page)
        table.pmd = Entry(new, True)
        return 0
    flags = yield steps.load("do_huge_pmd_wp_page", entry.page, "flags")
    count = yield steps.load("do_huge_pmd_wp_page", entry.page, "_refcount")
    if kind == "anon" and not flags & world.scheme.exclusive and count > 1:
        yield from world.split_pmd(table)
        return 0
    if kind == "anon":
        yield steps.set_bits("page_move_anon_rmap", entry.page, world.scheme.exclusive)
    entry.write = True
    return 0


def _write_to_pte(world: World, table: Process, index: int, entry: Entry) -> Body:
    """do_wp_page: reuse the page if nobody else has it, else copy it."""
    steps = world.scheme.steps
    if entry.page != world.zero_page:
        flags = yield steps.load("do_wp_page", entry.page, "flags")
        count = yield steps.load("do_wp_page", world.head_of(entry.page), "_refcount")
        exclusive = flags & world.scheme.exclusive
        if exclusive or count == 1:
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
