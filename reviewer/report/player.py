"""The data a replay's player steps through: a witness without repetition, as JSON.

A trace names the same few functions, files and values hundreds of times, so strings stand
once in a table and steps refer to them. The player folds ``after`` over ``pages``.
"""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.codec import to_json
from reviewer.model.witness import PageKind, PageRun, Witness
from reviewer.report.interleaving import cpu_order, cpu_titles, ending, select_steps
from reviewer.report.printable import printable, printable_block

KEY_STEPS = 12
_KINDS = tuple(PageKind)

Run = tuple[int, int, int, tuple[tuple[int, int], ...]]


@dataclass(frozen=True, slots=True)
class PlayerStep:
    """One step; all but ``cpu``, ``line`` and ``page`` (-1: none) index the string table."""

    cpu: int
    function: int
    path: int
    line: int
    text: int
    page: int
    after: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class PlayerSource:
    """A function's text; ``line`` is the number of its first line."""

    function: int
    path: int
    line: int
    text: int


@dataclass(frozen=True, slots=True)
class PlayerData:
    """What ``player.js`` reads. ``key`` are the steps that tell the story, counted from 1.

    ``cpus`` are the columns' headings, ``ending`` the assertion the last step runs into.
    """

    strings: tuple[str, ...]
    kinds: tuple[str, ...]
    cpus: tuple[int, ...]
    first_pfn: int
    pages: tuple[Run, ...]
    steps: tuple[PlayerStep, ...]
    sources: tuple[PlayerSource, ...]
    key: tuple[int, ...]
    ending: int


class _Strings:
    """A table that gives each text the index of its first use."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def add(self, text: str) -> int:
        return self.index.setdefault(text, len(self.index))


def render_player(witness: Witness, entry: str = "") -> str:
    """Return the witness as JSON for a ``<script>`` data block; ``entry`` as for cpu_titles."""
    strings = _Strings()
    order = cpu_order(witness)
    data = PlayerData(
        strings=(),
        kinds=tuple(str(kind) for kind in _KINDS),
        cpus=tuple(strings.add(title) for title in cpu_titles(witness, entry)),
        first_pfn=witness.first_pfn,
        pages=tuple(_run(run, strings) for run in witness.pages),
        steps=tuple(
            PlayerStep(
                order.index(step.thread),
                strings.add(printable(step.function)),
                strings.add(printable(step.path)),
                step.line,
                strings.add(printable(step.text)),
                -1 if step.page is None else step.page,
                tuple(_run(run, strings) for run in step.after),
            )
            for step in witness.trace
        ),
        sources=tuple(
            PlayerSource(
                strings.add(printable(source.function)),
                strings.add(printable(source.path)),
                source.line,
                strings.add(printable_block(source.text)),
            )
            for source in witness.sources
        ),
        ending=strings.add(ending(witness)),
        key=tuple(index + 1 for index in select_steps(witness, most=KEY_STEPS)),
    )
    raw = to_json({**_members(data), "strings": tuple(strings.index)}, indent=0)
    return (
        raw.decode().strip().replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    )


def _members(data: PlayerData) -> dict[str, object]:
    return {name: getattr(data, name) for name in PlayerData.__dataclass_fields__}


def _run(run: PageRun, strings: _Strings) -> Run:
    counters = tuple((strings.add(printable(name)), value) for name, value in run.counters)
    return run.first, run.count, _KINDS.index(run.kind), counters
