"""What the allocator makes of freed pages: the words a late reader finds in them.

``first`` and ``count`` of these operations are page numbers of the scenario and orders, not
places in a process's range; the process is only a name ("K" for the kernel).
"""

from __future__ import annotations

from reviewer.replay.memory.pages import direct_map
from reviewer.replay.scheme.lifetimes import BUDDY_PAGE_TYPE
from reviewer.replay.scheme.world import World
from reviewer.replay.stepping.thread import Body

FREE_AREA = direct_map(0x10000)
FREE_AREA_STRIDE = 0x68  # a list head for each migrate type, and a count


def free_list_of(order: int) -> int:
    """Return the address of the free list a block of that order hangs on."""
    return FREE_AREA + order * FREE_AREA_STRIDE


def reuse_small(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Give the first page of a free block of order ``count`` away alone; queue the halves.

    ``expand()``: the upper half of what is left goes to the free list of its order, again and
    again; each such page gets list pointers, its order and PageBuddy.
    """
    del process, arg
    steps = world.scheme.steps
    for order in reversed(range(count)):
        page = first + (1 << order)
        yield steps.store("add_to_free_list", page, "lru.next", free_list_of(order))
        yield steps.store("add_to_free_list", page, "lru.prev", free_list_of(order))
        yield steps.store("set_buddy_order", page, "private", order)
        yield steps.store("__SetPageBuddy", page, "_mapcount", BUDDY_PAGE_TYPE)
    yield steps.store("prep_new_page", first, "lru.next", 0)
    yield steps.store("set_page_refcounted", first, "_refcount", 1)
    return 0


def reuse_compound(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Make a compound page of order ``count`` out of free pages, its head at ``first``."""
    del process, arg
    yield world.scheme.steps.store("set_page_refcounted", first, "_refcount", 1)
    yield from world.scheme.prep_compound_page(first, count, "kernel")
    return 0
