"""Turns an execution into what a person is shown: steps, page states, source texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from reviewer.model.facts import FunctionFacts
from reviewer.model.witness import PageKind, PageRun, SourceText, Step
from reviewer.replay.explore.schedulers.drive import Spell, spell_number
from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.steps import MODEL_PATH
from reviewer.replay.stepping.thread import Access

FEW = 3
"""So many steps in a row are shown one by one."""

_COUNTERS = ("_refcount", "_mapcount")
_HEAD_COUNTERS = ("compound_mapcount", "nr_pages_mapped", "large_mapcount")


def page_kind(pages: Pages, page: int) -> PageKind:
    """Say what a page is now, by its own words."""
    if pages.test(page, "PG_head"):
        return PageKind.HEAD
    if pages.peek(page, "compound_head") & 1:
        return PageKind.TAIL
    free = pages.peek(page, "_refcount") == 0 and pages.peek(page, "_mapcount") < 0
    return PageKind.FREED if free else PageKind.ORDER0


def page_run(pages: Pages, page: int) -> PageRun:
    """Return one page's state, with its raw counters."""
    kind = page_kind(pages, page)
    names = _COUNTERS + (_HEAD_COUNTERS if kind is PageKind.HEAD else ())
    counters = [(name, pages.peek(page, name)) for name in names if name in pages.layout.places]
    if kind is PageKind.HEAD and "PG_double_map" in pages.layout.flags:
        counters.append(("PageDoubleMap", int(pages.test(page + 1, "PG_double_map"))))
    return PageRun(page, 1, kind, tuple(counters))


def page_runs(pages: Pages) -> tuple[PageRun, ...]:
    """Return all pages, equal neighbours joined."""
    found: list[PageRun] = []
    for page in range(pages.count):
        run = page_run(pages, page)
        last = found[-1] if found else None
        if last and (last.kind, last.counters) == (run.kind, run.counters):
            found[-1] = replace(last, count=last.count + 1)
        else:
            found.append(run)
    return tuple(found)


def make_spell(pages: Pages) -> Spell:
    """Make what spells a page's address as ``page[0]`` and flags with PG_head by its name.

    ``page[0]+1`` is what a tail's head word holds.
    """
    head = pages.mask("PG_head")

    def spell(access: Access, value: int) -> str:
        if access.size == 8:
            if access.what.endswith("].flags") and value & head:
                rest = value & ~head
                return f"PG_head|{rest:#x}" if rest else "PG_head"
            page = pages.number(value)
            if page is not None:
                tag = value - pages.address(page)
                if tag in (0, 1):
                    return f"page[{page}]" + "+1" * tag
        return spell_number(access, value)

    return spell


class PageWatch:
    """Says after each step which pages look different; only the touched ones are looked at."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._known: dict[int, PageRun] = {}

    def begin(self) -> tuple[PageRun, ...]:
        """Look at all pages once, before the first step."""
        self._known = {i: page_run(self._pages, i) for i in range(self._pages.count)}
        return page_runs(self._pages)

    def after(self, page: int | None) -> tuple[PageRun, ...]:
        """Return the states that changed with a step on ``page``."""
        if page is None:
            return ()
        changed = []
        for near in (page - 2, page - 1, page):  # page[1] and page[2] hold the head's counters
            if 0 <= near < self._pages.count:
                run = page_run(self._pages, near)
                if run != self._known.get(near):
                    self._known[near] = run
                    changed.append(run)
        return tuple(changed)


def fold_steps(steps: Sequence[Step], keep: Callable[[Step], bool]) -> tuple[Step, ...]:
    """Join runs of steps of one thread that nobody else can see into one line each.

    ``keep`` says which steps stay as they are. A run is told by its first step and its length.
    """
    folded: list[Step] = []
    run: list[Step] = []

    def close() -> None:
        if len(run) > FEW:
            first = run[0]
            after = tuple(state for step in run for state in step.after)
            text = f"{first.text}, and {len(run) - 1} more steps the reader does not look at"
            folded.append(replace(first, text=text, after=_join(after)))
        else:
            folded.extend(run)
        run.clear()

    for step in steps:
        if run and (keep(step) or run[0].thread != step.thread):
            close()
        if keep(step):
            folded.append(step)
        else:
            run.append(step)
    close()
    return tuple(folded)


def _join(states: Iterable[PageRun]) -> tuple[PageRun, ...]:
    """Keep the last state of each page, and join equal neighbours."""
    last = {state.first: state for state in states}
    found: list[PageRun] = []
    for first in sorted(last):
        run = last[first]
        before = found[-1] if found else None
        if (
            before
            and before.first + before.count == first
            and (before.kind, before.counters) == (run.kind, run.counters)
        ):
            found[-1] = replace(before, count=before.count + 1)
        else:
            found.append(run)
    return tuple(found)


def source_texts(
    steps: Iterable[Step],
    find_function: Callable[[str, str], FunctionFacts | None],
    read: Callable[[str], bytes],
) -> tuple[SourceText, ...]:
    """Return the text of each function the steps walk through, in the order they are met."""
    found: dict[tuple[str, str], SourceText] = {}
    for step in steps:
        key = (step.path, step.function)
        if step.path == MODEL_PATH or key in found:
            continue
        facts = find_function(step.function, step.path)
        if facts is None:
            continue
        text = read(facts.path)[facts.start : facts.end].decode("utf-8", "replace")
        found[key] = SourceText(facts.path, facts.line, facts.name, text)
    return tuple(found.values())
