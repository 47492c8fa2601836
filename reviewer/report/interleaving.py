"""Which steps of a failing schedule tell the story, and the two columns that show them.

A trace has hundreds of steps; a reader needs the few where one thread changes what the other
is about to rely on. They are chosen by the memory they touch, not by what they are called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reviewer.model.witness import Step, Witness
from reviewer.report.printable import printable

_STORES = ("store", "rmw")
_UNCHANGED = re.compile(r": (\S+) -> \1$")
_ASSERTION = re.compile(r"(?:page dumped because: |kernel BUG at |BUG: )(.+)")


def select_steps(witness: Witness, *, most: int) -> tuple[int, ...]:
    """Return the indices of at most ``most`` steps of the trace, the failing one last.

    Preferred are, from the failure backwards: a store by another thread to a place the failing
    thread uses, what the failing thread had read before it, and its first use afterwards.
    """
    trace = witness.trace
    if not trace or most < 1:
        return ()
    failing = trace[-1].thread
    began = next(index for index, step in enumerate(trace) if step.thread == failing)
    chosen = [len(trace) - 1]
    for index in (*_conflicts(trace, failing, began), *_switches(trace, began)):
        if len(chosen) >= most:
            break
        if index not in chosen:
            chosen.append(index)
    return tuple(sorted(chosen))


def _conflicts(trace: Sequence[Step], failing: int, began: int) -> list[int]:
    """Return racing stores and the accesses around them, the latest place first."""
    uses: dict[str, list[int]] = {}
    stores: dict[str, list[int]] = {}
    for index, step in enumerate(trace):
        if step.place and step.thread == failing:
            uses.setdefault(step.place, []).append(index)
        elif step.place and index >= began and _changes(step):
            stores.setdefault(step.place, []).append(index)
    racing = sorted(uses.keys() & stores.keys(), key=lambda place: -uses[place][-1])
    found: list[int] = []
    for place in racing:
        store = max((i for i in stores[place] if i < uses[place][-1]), default=stores[place][-1])
        found += [
            store,
            *_premise(place, racing, uses, store),
            *[i for i in uses[place] if i > store][:1],
        ]
    return found


def _premise(
    place: str, racing: Sequence[str], uses: dict[str, list[int]], store: int
) -> list[int]:
    """Return what the failing thread had read before the store made it untrue.

    Of the same place, else of a head pointer, else the nearest.
    """
    heads = [other for other in racing if other.endswith("compound_head")]
    for places in ([place], heads, racing):
        before = sorted(i for name in places for i in uses[name] if i < store)
        if before:
            return before[-1:]
    return []


def _changes(step: Step) -> bool:
    """Say whether the step stores something new ("a -> a" is a store that nobody can see)."""
    return step.access in _STORES and not _UNCHANGED.search(step.text)


def _switches(trace: Sequence[Step], began: int) -> list[int]:
    """Return the last step before each change of thread, the latest change first."""
    last = [i for i in range(began, len(trace) - 1) if trace[i].thread != trace[i + 1].thread]
    return last[::-1]


def cpu_order(witness: Witness) -> tuple[int, ...]:
    """Return the threads as columns: the failing one is CPU 0, the others as they first ran."""
    if not witness.trace:
        return ()
    order = [witness.trace[-1].thread]
    for step in witness.trace:
        if step.thread not in order:
            order.append(step.thread)
    return tuple(order)


def ending(witness: Witness) -> str:
    """Return what the failing schedule ends in, from its oops; empty if its last step says it."""
    match = _ASSERTION.search(witness.oops)
    if match is None or not witness.trace or match[1] in witness.trace[-1].text:
        return ""
    return printable(match[1]).strip()


def cpu_titles(witness: Witness, entry: str = "") -> tuple[str, ...]:
    """Return the columns' headings: ``CPU 0: kpageflags_read``.

    ``entry`` names the failing thread's function where its actor is but "CPU 0".
    """
    names = {step.thread: printable(step.actor) for step in witness.trace}
    titles = []
    for number, thread in enumerate(cpu_order(witness)):
        name = "" if re.fullmatch(r"CPU \d+", names[thread]) else names[thread]
        name = name or (printable(entry) if number == 0 else "")
        titles.append(f"CPU {number}: {name}" if name else f"CPU {number}")
    return tuple(titles)


def describe_step(step: Step) -> str:
    """Return the step in a column's words: a change needs no verb."""
    text = printable(step.text)
    return re.sub(r"^(?:rmw|store) (?=.* -> )", "", text)


def render_columns(
    witness: Witness,
    indices: Sequence[int],
    *,
    width: int,
    entry: str = "",
    functions: bool = True,
    merge_end: bool = False,
) -> list[str]:
    """Return the steps as one column for each CPU, and the assertion they end in.

    ``entry`` is for ``cpu_titles``. ``functions`` puts a row with the function's name before a
    step where it changed; ``merge_end`` lets the assertion stand for the last step. A cell that
    does not fit ``width`` (columns of the whole table) is cut, never wrapped.
    """
    order = cpu_order(witness)
    if not order:
        return []
    rows = [list(cpu_titles(witness, entry))]
    previous: dict[int, str] = {}
    last = ending(witness)
    for index in indices:
        step = witness.trace[index]
        cells = [describe_step(step)]
        if last and index == len(witness.trace) - 1:
            cells = [last] if merge_end else [*cells, last]
        if functions:
            cells = [f"  {cell}" for cell in cells]
            if previous.get(step.thread) != step.function:
                cells.insert(0, f"{printable(step.function)}()")
        previous[step.thread] = step.function
        rows += [[cell if thread == step.thread else "" for thread in order] for cell in cells]
    return _align(rows, width)


def _align(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the rows in columns; one that needs less leaves its room to the others."""
    number = len(rows[0])
    gaps = 2 * (number - 1)
    wanted = [max(len(row[i]) for row in rows) for i in range(number)]
    widths = [min(want, (width - gaps) // number) for want in wanted]
    spare = width - sum(widths) - gaps
    for i in range(number):
        grow = min(spare, wanted[i] - widths[i])
        widths[i] += grow
        spare -= grow
    return ["  ".join(_fit(cell, widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]


def _fit(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 3]}..."
