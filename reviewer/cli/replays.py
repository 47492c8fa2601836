"""Commands that replay: a scenario, a recorded history, a crash decoded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reviewer.cli.options import (
    BaseOption,
    CacheOption,
    ConfigOption,
    FormatOption,
    TreeOption,
    make_options,
)
from reviewer.model.errors import BadInputError, ExitCode
from reviewer.model.witness import Outcome, Witness
from reviewer.report.console import Console

ScenarioArgument = Annotated[
    str | None,
    typer.Argument(metavar="SCENARIO", help="One of corpora/scenarios, or a .toml file of yours."),
]
EntryOption = Annotated[
    str,
    typer.Option("--entry", metavar="FUNCTION", help="What runs beside the scenario's actors."),
]
PageOption = Annotated[
    int | None,
    typer.Option("--page", min=0, metavar="N", help="Which struct page of the range it meets."),
]
ScheduleOption = Annotated[
    str, typer.Option("--schedule", metavar="TEXT", help="Run only this one, such as '0x12 1'.")
]
AssertOption = Annotated[
    list[str] | None,
    typer.Option("--assert", metavar="TEXT", help="Look for this assertion, as it is printed."),
]
ActorsOption = Annotated[
    bool,
    typer.Option("--source-actors", help="Run the tree's rmap functions, not the model of them."),
]
StrategyOption = Annotated[
    str, typer.Option("--strategy", metavar="WORD", help="exhaustive, random or pct.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Of random and pct.")]
StatesOption = Annotated[
    int, typer.Option("--states", min=1, metavar="N", help="Look at no more states.")
]
StepsOption = Annotated[
    int, typer.Option("--steps", min=1, metavar="N", help="Take no more in one execution.")
]
SecondsOption = Annotated[
    float, typer.Option("--seconds", min=0.0, metavar="N", help="Look no longer.")
]
PreemptionsOption = Annotated[
    int, typer.Option("--preemptions", min=-1, metavar="N", help="No more; -1: no bound.")
]
TruthOption = Annotated[
    Path | None,
    typer.Option("--truth", metavar="FILE", help="Run a recorded table's histories instead."),
]
EngineOption = Annotated[
    str, typer.Option("--engine", metavar="WORD", help="For --truth: model, or source (of a tree).")
]
CostsOption = Annotated[bool, typer.Option("--costs", help="Print what counting costs instead.")]
AgainstOption = Annotated[
    str,
    typer.Option(
        "--against",
        metavar="TREE",
        help="Compare the lifecycle of two trees or revisions.",
    ),
]
StepByStep = Annotated[bool, typer.Option("--verbose", "-v", help="Show every step.")]


def decode(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Oops, page dump or mail; - stdin.")],
    tree: TreeOption = None,
    output_format: FormatOption = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Decode a crash: which page, which tail, what can have happened.

    With --tree the path is found in that source and replayed; without, no tree is read.
    """
    from reviewer.pipeline.decoding import decode_file, render_decoded

    options = make_options(tree, cache_dir, config) if tree is not None else None
    source = sys.stdin.buffer.read() if file == "-" else Path(file)
    doc = decode_file(source, options, name="standard input" if file == "-" else file)
    sys.stdout.write(render_decoded(doc, output_format))


def replay(
    scenario: ScenarioArgument = None,
    tree: TreeOption = None,
    base: BaseOption = "",
    entry: EntryOption = "kpagecount_read",
    page: PageOption = None,
    schedule: ScheduleOption = "",
    asserts: AssertOption = None,
    source_actors: ActorsOption = False,
    strategy: StrategyOption = "exhaustive",
    seed: SeedOption = 0,
    states: StatesOption = 60_000,
    steps: StepsOption = 50_000,
    seconds: SecondsOption = 60.0,
    preemptions: PreemptionsOption = 2,
    truth: TruthOption = None,
    engine: EngineOption = "",
    costs: CostsOption = False,
    against: AgainstOption = "",
    output_format: FormatOption = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
    verbose: StepByStep = False,
) -> None:
    """Replay a scenario on a tree's own source.

    With --truth it is held against recorded counters, with --against compared with a tree.

    Exit code 1: some execution fails, or a recorded value or a row differs.
    """
    from reviewer.pipeline.replaying import ScenarioWish, render_cost_table, replay_scenario
    from reviewer.replay.explore.exploration import Limits
    from reviewer.report.replays import render_replay

    modes = (scenario is not None) + (truth is not None) + costs + bool(against)
    if modes != 1:
        raise BadInputError(
            "name a SCENARIO, or give --truth FILE, --against TREE or --costs; one of them"
        )
    if costs:
        sys.stdout.write(render_cost_table(output_format))
        return
    if truth is not None:
        raise typer.Exit(_hold_against(truth, engine, tree, base, output_format, config, cache_dir))
    if against:
        raise typer.Exit(_compare(against, tree, base, output_format, config, cache_dir))
    assert scenario is not None
    wish = ScenarioWish(
        scenario, entry, page, schedule, strategy, seed, source_actors, tuple(asserts or ())
    )
    limits = Limits(states, steps, seconds, None if preemptions < 0 else preemptions)
    with Console() as console:
        options = make_options(tree, cache_dir, config, base=base, progress=console.progress)
        witness = replay_scenario(options, wish, limits)
    Console().write(render_replay(witness, entry, output_format, verbose=verbose))
    raise typer.Exit(_exit_code(witness))


def _exit_code(witness: Witness) -> ExitCode:
    failed = witness.outcome in (Outcome.SOMETIMES, Outcome.ALWAYS)
    return ExitCode.FINDINGS if failed else ExitCode.CLEAN


def _compare(
    against: str,
    tree: Path | None,
    base: str,
    output_format: str,
    config: list[str] | None,
    cache_dir: Path | None,
) -> ExitCode:
    """Run the standard lifecycle on two trees."""
    from reviewer.pipeline.replaying import compare_trees
    from reviewer.report.replays import render_rows

    with Console() as console:
        options = make_options(tree, cache_dir, config, base=base, progress=console.progress)
        rows = compare_trees(options, against)
    Console().write(render_rows(rows, output_format))
    return ExitCode.FINDINGS if rows else ExitCode.CLEAN


def _hold_against(
    truth: Path,
    engine: str,
    tree: Path | None,
    base: str,
    output_format: str,
    config: list[str] | None,
    cache_dir: Path | None,
) -> ExitCode:
    """Run a truth table; the source engine needs a tree, the model takes one if it is named."""
    from reviewer.pipeline.replaying import find_differences, render_differences

    engine = engine or ("source" if tree is not None else "model")
    with Console() as console:
        options = None
        if tree is not None or engine == "source":
            options = make_options(tree, cache_dir, config, base=base)
        found = find_differences(
            truth, engine, options, lambda done: console.progress("differences", done, 0)
        )
    sys.stdout.write(render_differences(truth, engine, found, output_format))
    return ExitCode.FINDINGS if found else ExitCode.CLEAN
