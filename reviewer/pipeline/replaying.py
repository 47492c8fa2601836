"""Runs by hand what a review runs on its own: a scenario, a truth table, the costs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.codec import to_json
from reviewer.model.errors import BadInputError
from reviewer.model.finding import PathStep
from reviewer.model.review import SCHEMA, ReplayRow
from reviewer.model.source import SourceTree
from reviewer.model.witness import Schedule, Witness
from reviewer.pipeline.accounts import Accounts
from reviewer.pipeline.lifecycle import compare_accounting, compare_readers, either_drivers
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import choose_base, find_outside
from reviewer.pipeline.session import Session
from reviewer.replay.explore.exploration import Limits
from reviewer.replay.histories.costs import measure, render_costs
from reviewer.replay.histories.truth import (
    Difference,
    Engine,
    ModelEngine,
    iter_differences,
    make_model_engine,
    make_source_engine,
)
from reviewer.replay.reach import READERS
from reviewer.replay.run import ReplayRequest, replay
from reviewer.report.printable import printable
from reviewer.tree.repo import open_tree

ENGINES = ("model", "source")


@dataclass(frozen=True, slots=True)
class ScenarioWish:
    """What to replay by hand. ``scenario`` is an id, or the path of a ``.toml`` file.

    ``schedule`` empty looks for one. ``page`` None is the scenario's.
    """

    scenario: str
    entry: str
    page: int | None = None
    schedule: str = ""
    strategy: str = "exhaustive"
    seed: int = 0
    source_actors: bool = False
    asserts: tuple[str, ...] = ()


@contextmanager
def _open(options: Options) -> Iterator[tuple[Session, SourceTree]]:
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        base = choose_base(tree, options.base)
        yield Session(options, tree), tree.snapshot(base.commit)


@contextmanager
def open_code(options: Options, also: Sequence[str] = ()) -> Iterator[CodeBase]:
    """Open the tree of the options and read it as code; files with a word of ``also`` too.

    Raises:
        BadInputError: the tree or the revision is none.
    """
    with _open(options) as (session, snapshot):
        yield session.know(snapshot, also=also).code


def replay_scenario(options: Options, wish: ScenarioWish, limits: Limits) -> Witness:
    """Replay one scenario on a tree's own source.

    Raises:
        BadInputError: the tree, the scenario, the entry or the schedule is none.
    """
    schedule = _parse_schedule(wish.schedule, limits.steps) if wish.schedule else None
    path = Path(wish.scenario) if wish.scenario.endswith(".toml") else None
    with open_code(options, also=_words(wish.entry)) as code:
        found = code.find_function(wish.entry)
        if found is None:
            raise BadInputError(f"--entry {wish.entry}: the tree has no such function; check it")
        request = ReplayRequest(
            call_path=(PathStep(wish.entry, found.path, 0),),
            scenario=path.stem if path is not None else wish.scenario,
            page=wish.page,
            schedule=schedule,
            directory=path.parent if path is not None else None,
            source_actors=wish.source_actors,
            asserts=wish.asserts,
            strategy=wish.strategy,
            seed=wish.seed,
        )
        return replay(code, request, limits, lambda done: options.progress("states", done, 0))


def _words(entry: str) -> tuple[str, ...]:
    return (entry,) if re.fullmatch(r"\w+", entry) else ()


def _parse_schedule(text: str, most: int) -> Schedule:
    lengths = (int(n) for n in re.findall(r"x(\d{1,18})\b", text))
    if sum(lengths) > most:
        raise BadInputError(f"--schedule: more than the {most} steps of --steps; raise that limit")
    try:
        return Schedule.parse(text)
    except ValueError:
        raise BadInputError(
            f"--schedule {text!r}: write threads as in '0x12 1x3 0' (thread x steps)"
        ) from None


def compare_trees(options: Options, against: str) -> tuple[ReplayRow, ...]:
    """Run the standard lifecycle on two trees; return the rows in which the second differs.

    ``against`` is another tree's directory, or a revision of the same one.

    Raises:
        BadInputError: a tree or a revision is none.
    """
    other = replace(options, base=against)
    if Path(against).is_dir():
        other = replace(options, tree=Path(against), base="")
    progress = options.progress
    with _open(options) as (old, old_tree), _open(other) as (new, new_tree):
        # what is read of one is read of both, or it could not be compared
        outside = find_outside(old.words, old_tree) | find_outside(new.words, new_tree)
        before = old.know(old_tree, paths=outside).code
        after = new.know(new_tree, paths=outside).code
        accounts = Accounts(progress)
        rows = [*compare_accounting(before, after, accounts)]
        for driver in either_drivers(before, after, old.words.counting):
            rows += compare_accounting(before, after, accounts, driver)
        return (*rows, *compare_readers(before, after, READERS, progress))


# ---- truth tables ------------------------------------------------------------------------


def find_differences(
    path: Path, engine: str, options: Options | None, tell: Callable[[int], None]
) -> tuple[Difference, ...]:
    """Run every history of a truth file; ``tell`` hears how many values differ so far.

    Raises:
        BadInputError: the file is no truth table, or the engine is unknown.
    """
    if engine not in ENGINES:
        raise BadInputError(f"--engine {engine}: not one of {', '.join(ENGINES)}")
    table = _load_table(path)
    if options is None:
        return _collect(table, ModelEngine, tell)
    with open_code(options) as code:
        make = make_source_engine if engine == "source" else make_model_engine
        return _collect(table, lambda: make(code), tell)


def _collect(
    table: dict[str, object], make: Callable[[], Engine], tell: Callable[[int], None]
) -> tuple[Difference, ...]:
    found = []
    for difference in iter_differences(table, make):
        found.append(difference)
        tell(len(found))
    return tuple(found)


def _load_table(path: Path) -> dict[str, object]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}; name a truth table") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: no JSON ({error}); name a truth table") from error
    if not isinstance(table, dict):
        raise BadInputError(f"{path}: no JSON object; name a truth table")
    return table


@dataclass(frozen=True, slots=True)
class TruthDoc:
    """Each value that is not what the kernel said."""

    schema: int
    engine: str
    steps: int
    differences: tuple[Difference, ...]


def render_differences(
    path: Path, engine: str, differences: tuple[Difference, ...], output_format: str
) -> str:
    """Render the values that differ: one a line, or JSON."""
    if output_format == "json":
        steps = _load_table(path).get("steps")
        number = len(steps) if isinstance(steps, list) else 0
        return to_json(TruthDoc(SCHEMA, engine, number, differences)).decode()
    return "".join(f"{printable(str(difference))}\n" for difference in differences)


# ---- costs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CostDoc:
    """An operation's cost under one scheme, counted on the model."""

    operation: str
    scheme: str
    atomics: int
    lines: int


@dataclass(frozen=True, slots=True)
class CostsDoc:
    """The seed's claim, counted."""

    schema: int
    costs: tuple[CostDoc, ...]


def render_cost_table(output_format: str) -> str:
    """Count, and render, what an operation costs with a count in each page and with the seed's."""
    costs = measure()
    if output_format == "json":
        rows = tuple(CostDoc(c.operation, c.scheme, c.atomics, c.lines) for c in costs)
        return to_json(CostsDoc(SCHEMA, rows)).decode()
    return render_costs(costs)
