"""True split and move: the operations that change what a page is, or where it is mapped."""

from __future__ import annotations

from reviewer.replay.scheme.counting import PAGE_MAPPING_ANON
from reviewer.replay.scheme.world import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Compound, World
from reviewer.replay.stepping.thread import Body, Undecided

ELSEWHERE = 1 << 20
"""Added to the index of what mremap moved out of the range."""


def split_page(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Split the huge page a process maps into 512 small ones (split_huge_page).

    Every mapping becomes a PTE, is taken down, and comes back on the small page it maps; a
    page nobody maps is freed.
    """
    del count, arg
    page = world.page_at(process, first)
    if page is None:
        raise Undecided(f"needs a page that {process} maps at {first}")
    head = world.head_of(page)
    if world.allocated[head].order != HPAGE_PMD_ORDER or world.kind_of(head) != "anon":
        raise Undecided("needs the split of a page that is no anonymous huge page")
    for table in world.processes.values():
        if table.pmd is not None and table.pmd.page == head:
            yield from world.split_pmd(table)
    exclusive = [world.pages.peek(head + i, "flags") for i in range(HPAGE_PMD_NR)]
    mapped = [world.mappings(head + i) for i in range(HPAGE_PMD_NR)]
    yield from _make_small(world, head, mapped, exclusive)
    world.allocated[head] = Compound(0, "anon")
    for i, mappings in enumerate(mapped):
        world.allocated[head + i] = Compound(0, "anon")
        if not mappings:
            yield from world.put(head + i)
    return 0


def _make_small(world: World, head: int, mapped: list[int], flags: list[int]) -> Body:
    """``__split_huge_page``: tails first, then the head's flag; each page its own counters."""
    steps, pages = world.scheme.steps, world.pages
    mapping = pages.peek(head, "mapping")
    if not mapping & PAGE_MAPPING_ANON:
        raise Undecided("needs ->mapping of an anonymous page")
    index = pages.peek(head, "index")
    shared = flags[0] & ~(world.scheme.head_bit | world.scheme.exclusive)
    for i in reversed(range(1, HPAGE_PMD_NR)):
        page = head + i
        bits = shared | flags[i] & world.scheme.exclusive
        yield steps.store("__split_huge_page_tail", page, "flags", bits)
        yield steps.store("__split_huge_page_tail", page, "mapping", mapping)
        yield steps.store("__split_huge_page_tail", page, "index", index + i)
        yield steps.store("clear_compound_head", page, "compound_head", 0)
        yield steps.store("page_ref_unfreeze", page, "_refcount", mapped[i] or 1)
        yield steps.store("remove_migration_ptes", page, "_mapcount", mapped[i] - 1)
    yield steps.clear_bits("ClearPageCompound", head, world.scheme.head_bit)
    yield steps.store("page_ref_unfreeze", head, "_refcount", mapped[0] or 1)
    yield steps.store("remove_migration_ptes", head, "_mapcount", mapped[0] - 1)
    return 0


def mremap(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Move a range elsewhere: a whole PMD moves as one, a part of it is split first."""
    del arg
    table = world.processes[process]
    if count == HPAGE_PMD_NR:
        return 0
    yield from world.split_pmd(table)
    for i in range(first, first + count):
        table.vma.pop(i, None)
        entry = table.ptes.pop(i, None)
        if entry is not None:
            table.ptes[ELSEWHERE + i] = entry
    return 0
