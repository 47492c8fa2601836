"""Asks a tree's own pagemap code about a PMD mapping: what it tells of each page."""

from __future__ import annotations

from reviewer.model.facts import Skipped
from reviewer.replay.lowering.calls import real_parameters
from reviewer.replay.source.engine import SourceEngine
from reviewer.replay.source.objects import PMD_SIZE, fill
from reviewer.replay.stepping.thread import TreeCall

FUNCTION = "pagemap_pmd_range"
NEAR = "fs/proc/task_mmu.c"
PM_MMAP_EXCLUSIVE = 1 << 56  # Documentation/admin-guide/mm/pagemap.rst
ENTRY = 8
PAGES = 512
READING = -2  # the page tables it reads: those of nobody else


def read_exclusive(engine: SourceEngine, head: int) -> tuple[bool, ...] | None:
    """Return PM_MMAP_EXCLUSIVE of each page a PMD maps; None where the tree has no such reader.

    Raises:
        Undecided: the reader needs something that is not modelled.

    """
    machine = engine.machine
    found = machine.find_definition(FUNCTION, NEAR)
    if found is None or isinstance(found, Skipped):
        return None
    objects = engine.scheme.objects
    buffer = objects.private("pagemap buffer", PAGES * ENTRY)
    asked = {"len": PAGES + 1, "buffer": buffer, "pos": 0}
    request = objects.private_struct("struct pagemapread", asked)
    walking = {"vma": objects.vma, "mm": objects.mm, "private": request}
    walk = objects.private_struct("struct mm_walk", walking)
    by_type = {"pmd_t *": objects.pmd_of(READING), "struct mm_walk *": walk}
    by_name = {"addr": objects.start, "end": objects.start + PMD_SIZE}
    args = fill(FUNCTION, real_parameters(found), by_type, by_name)
    mark = machine.memory.mark()
    machine.memory.store(objects.pmd_of(READING), 8, objects.make_entry(head))
    engine.call(TreeCall(FUNCTION, tuple(args), NEAR))
    words = [machine.memory.load(buffer + ENTRY * i, ENTRY) for i in range(PAGES)]
    machine.memory.rollback(mark)
    return tuple(bool(word & PM_MMAP_EXCLUSIVE) for word in words)
