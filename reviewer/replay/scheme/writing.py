"""What a write to a page that is mapped read-only comes to: the reference model's decisions."""

from __future__ import annotations

from enum import IntEnum

from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.reading import Reading
from reviewer.replay.stepping.thread import Body


class PmdWrite(IntEnum):
    """What a write to a shared huge page comes to; SPLIT: its counters are split already."""

    REUSED = 0
    MUST_SPLIT = 1
    SPLIT = 2


class Writing(Reading):
    """Decides whether a page is the writer's own. ``exclusive`` is the flag that says so, or 0."""

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self.exclusive = pages.mask("PG_anon_exclusive")

    def write_to_pmd(self, head: int, table: int = 0) -> Body:
        """Decide a write to a huge page mapped without write access: a PmdWrite."""
        del table
        steps = self.steps
        flags = yield steps.load("do_huge_pmd_wp_page", head, "flags")
        count = yield steps.load("do_huge_pmd_wp_page", head, "_refcount")
        if not flags & self.exclusive and count > 1:
            return PmdWrite.MUST_SPLIT
        yield steps.set_bits("page_move_anon_rmap", head, self.exclusive)
        return PmdWrite.REUSED

    def can_reuse(self, page: int) -> Body:
        """Say whether a write to a PTE may keep the page: nobody else holds it or its head."""
        head = yield from self.compound_head(page)
        return (yield self.steps.load("do_wp_page", head, "_refcount")) == 1
