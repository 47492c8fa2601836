"""Commands that replay: a scenario, a recorded history, a crash decoded."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reviewer.cli.options import CacheOption, ConfigOption, TreeOption, make_options
from reviewer.model.errors import BadInputError, ExitCode
from reviewer.model.witness import Outcome, Witness
from reviewer.report.console import Console


def decode(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Oops, page dump or mail; - stdin.")],
    tree: TreeOption = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Decode a crash: which page, which tail, and what can have happened; --tree replays it."""
    from reviewer.pipeline.decoding import decode_file, render_decoded

    options = make_options(tree, cache_dir, config) if tree is not None else None
    source = sys.stdin.buffer.read() if file == "-" else Path(file)
    doc = decode_file(source, options, name="standard input" if file == "-" else file)
    sys.stdout.write(render_decoded(doc, output_format))


def replay(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="Id, or a .toml file of yours.")
    ] = None,
    tree: TreeOption = None,
    base: Annotated[str, typer.Option("--base", help="Revision of the tree.")] = "",
    entry: Annotated[
        str, typer.Option("--entry", help="Function that runs beside the actors.")
    ] = "kpagecount_read",
    page: Annotated[
        int | None, typer.Option("--page", min=0, help="Where the walker stands.")
    ] = None,
    schedule: Annotated[str, typer.Option("--schedule", help="Replay this one, '0x12 1'.")] = "",
    asserts: Annotated[
        list[str] | None, typer.Option("--assert", help="The assertion meant, as printed.")
    ] = None,
    source_actors: Annotated[
        bool, typer.Option("--source-actors", help="The tree's rmap acts, not the model.")
    ] = False,
    strategy: Annotated[
        str, typer.Option("--strategy", help="exhaustive, random or pct.")
    ] = "exhaustive",
    seed: Annotated[int, typer.Option("--seed", help="Of random and pct.")] = 0,
    states: Annotated[int, typer.Option("--states", min=1, help="Look at no more.")] = 60_000,
    steps: Annotated[int, typer.Option("--steps", min=1, help="In one execution.")] = 50_000,
    seconds: Annotated[float, typer.Option("--seconds", min=0.0, help="Look no longer.")] = 60.0,
    preemptions: Annotated[
        int, typer.Option("--preemptions", min=-1, help="At most; -1 is no bound.")
    ] = 2,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Run a truth table's histories instead.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="For --truth: model, or source (needs a tree).")
    ] = "",
    costs: Annotated[
        bool, typer.Option("--costs", help="Print what counting costs instead.")
    ] = False,
    against: Annotated[
        str, typer.Option("--against", help="Compare the lifecycle with this tree or revision.")
    ] = "",
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every step.")] = False,
) -> None:
    """Replay a scenario on a tree's source; or hold it against a recorded history or a tree.

    Exit code 1: some execution fails, or a recorded value or a row differs.
    """
    from reviewer.pipeline.replaying import ScenarioWish, render_cost_table, replay_scenario
    from reviewer.replay.explore.exploration import Limits
    from reviewer.report.replays import check_format, render_replay

    check_format(output_format)
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
        options = replace(
            make_options(tree, cache_dir, config), base=base, progress=console.progress
        )
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
        options = replace(
            make_options(tree, cache_dir, config), base=base, progress=console.progress
        )
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
            options = replace(make_options(tree, cache_dir, config), base=base)
        found = find_differences(
            truth, engine, options, lambda done: console.progress("differences", done, 0)
        )
    sys.stdout.write(render_differences(truth, engine, found, output_format))
    return ExitCode.FINDINGS if found else ExitCode.CLEAN
