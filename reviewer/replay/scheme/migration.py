"""Migration: the page a process maps is replaced by a new one, for everybody who maps it."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.replay.scheme.processes import HPAGE_PMD_NR, Entry, Process
from reviewer.replay.scheme.world import World
from reviewer.replay.stepping.thread import Body, Undecided

COPIED = ("PG_uptodate", "PG_dirty", "PG_swapbacked")


@dataclass(frozen=True, slots=True)
class _Gone:
    """An entry that was replaced by a migration entry; ``index`` None is the PMD."""

    table: Process
    index: int | None
    offset: int
    write: bool
    entry: int


def migrate(world: World, process: str, first: int, count: int, arg: int) -> Body:
    """Move the page a process maps, a whole one if it is compound (``migrate_pages``).

    The page is isolated and locked; each mapping is taken down and leaves a migration entry;
    contents and flags move; each entry maps the new page; the old one is freed. A page that
    waits for a deferred split moves whole; since 6.9 migrate_pages() splits it first.
    """
    del arg
    old = world.head_of(world.find_mapped(process, first, count))
    moved = world.allocated[old]
    if moved.kind == "zero":
        raise Undecided("needs the migration of a page of zeros, which stays where it is")
    if moved.kind == "shmem" and not moved.order:
        raise Undecided("needs a page cache of single pages to move one of them")
    scheme, steps = world.scheme, world.scheme.steps
    yield from scheme.get_page(old)
    yield steps.clear_bits("folio_isolate_lru", old, world.pages.mask("PG_lru"))
    new = yield from world.alloc(moved.order, moved.kind)
    locked = world.pages.mask("PG_locked")
    for page in (old, new):
        yield steps.set_bits("folio_trylock", page, locked)
    world.moved.add(new)
    gone: list[_Gone] = []
    for table in world.tables():
        yield from _unmap(world, table, old, gone)
    yield from _move(world, old, new)
    for each in gone:
        yield from _map(world, each, old, new)
    for page in (old, new):
        yield steps.clear_bits("folio_unlock", page, locked)
    yield from world.put(new)  # held since it was allocated
    yield from world.put(old)  # held since it was isolated
    return 0


def _unmap(world: World, table: Process, old: int, gone: list[_Gone]) -> Body:
    """``try_to_migrate``: what a process maps of the page."""
    order, kind = world.allocated[old].order, world.allocated[old].kind
    anon, huge = world.is_anon(old), kind == "hugetlb"
    pmd = table.pmd
    if pmd is not None and pmd.page == old:
        entry = yield from world.scheme.unmap_for_migration(
            old, order, anon=anon, huge=huge, write=pmd.write, index=0
        )
        gone.append(_Gone(table, None, 0, pmd.write, entry))
        table.pmd = None
    for i, mapped in list(table.ptes.items()):
        if world.head_of(mapped.page) != old:
            continue
        entry = yield from world.scheme.unmap_for_migration(
            mapped.page, 0, anon=anon, huge=False, write=mapped.write, index=i
        )
        gone.append(_Gone(table, i, mapped.page - old, mapped.write, entry))
        del table.ptes[i]
    return 0


def _move(world: World, old: int, new: int) -> Body:
    """``move_to_new_folio``: the address space names the new page; flags and contents move."""
    steps, moved = world.scheme.steps, world.allocated[old]
    for name in ("mapping", "index"):
        value = yield steps.load("folio_migrate_mapping", old, name)
        yield steps.store("folio_migrate_mapping", new, name, value)
    kept = (yield steps.load("folio_migrate_flags", old, "flags")) & world.pages.mask(*COPIED)
    yield steps.set_bits("folio_migrate_flags", new, kept)
    if old in world.cache.values():
        held = HPAGE_PMD_NR if moved.kind == "shmem" else 1
        yield steps.add("folio_migrate_mapping", new, "_refcount", held)
        yield steps.add("folio_migrate_mapping", old, "_refcount", -held)
        yield steps.store("move_to_new_folio", old, "mapping", 0)
        world.cache = {kind: new if page == old else page for kind, page in world.cache.items()}
    pages = range(1 << moved.order)
    world.written.update(new + i for i in pages if old + i in world.written)
    return 0


def _map(world: World, gone: _Gone, old: int, new: int) -> Body:
    """``remove_migration_ptes``: the new page where the old one was."""
    whole = gone.index is None
    yield from world.scheme.map_after_migration(
        new + gone.offset,
        world.allocated[new].order if whole else 0,
        gone.entry,
        old=old,
        anon=world.is_anon(new),
        huge=whole and world.allocated[new].kind == "hugetlb",
        index=gone.index or 0,
    )
    entry = Entry(new + gone.offset, gone.write)
    if gone.index is None:
        gone.table.pmd = entry
    else:
        gone.table.ptes[gone.index] = entry
    return 0
