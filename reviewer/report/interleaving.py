"""Which steps of a failing schedule tell the story, and the two columns that show them.

A trace has hundreds of steps; a reader needs the few where one thread changes what the other
is about to rely on. They are chosen by the memory they touch, not by what they are called.
"""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.model.witness import Step, Witness
from reviewer.report.printable import printable

_STORES = ("store", "rmw")


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
        elif step.place and index >= began and step.access in _STORES:
            stores.setdefault(step.place, []).append(index)
    racing = sorted(uses.keys() & stores.keys(), key=lambda place: -uses[place][-1])
    premises = sorted(index for place in racing for index in uses[place])
    found: list[int] = []
    for place in racing:
        store = max((i for i in stores[place] if i < uses[place][-1]), default=stores[place][-1])
        found += [
            store,
            *[i for i in premises if i < store][-1:],
            *[i for i in uses[place] if i > store][:1],
        ]
    return found


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


def render_columns(
    witness: Witness, indices: Sequence[int], *, width: int, functions: bool = True
) -> list[str]:
    """Return the steps as one column for each CPU, headed ``CPU 0: kpageflags_read``.

    ``functions`` puts a row with the function's name before a step where it changed. A cell
    that does not fit ``width`` (columns of the whole table) is cut, never wrapped.
    """
    order = cpu_order(witness)
    if not order:
        return []
    names = {step.thread: printable(step.actor) for step in witness.trace}
    column = (width - 2 * (len(order) - 1)) // len(order)
    rows = [[f"CPU {number}: {names[thread]}" for number, thread in enumerate(order)]]
    previous: dict[int, str] = {}
    for index in indices:
        step = witness.trace[index]
        cells = [printable(step.text)]
        if functions:
            cells[0] = f"  {cells[0]}"
            if previous.get(step.thread) != step.function:
                cells.insert(0, f"{printable(step.function)}()")
        previous[step.thread] = step.function
        rows += [[cell if thread == step.thread else "" for thread in order] for cell in cells]
    widths = [min(max(len(row[i]) for row in rows), column) for i in range(len(order))]
    spare = width - sum(widths) - 2 * (len(order) - 1)
    wanted = [max(len(row[i]) for row in rows) for i in range(len(order))]
    for number in range(len(order)):
        grow = min(spare, wanted[number] - widths[number])
        widths[number] += grow
        spare -= grow
    return ["  ".join(_fit(cell, widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]


def _fit(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 3]}..."
