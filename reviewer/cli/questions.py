"""Commands that ask a tree: demands, callers, facts; and the list of rules."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reviewer.cli.options import (
    CacheOption,
    ConfigOption,
    FormatOption,
    TreeOption,
    make_options,
    one_of,
)


def demands(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="Its name.")],
    tree: TreeOption = None,
    output_format: FormatOption = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Say what a function demands of its page arguments, and why."""
    from reviewer.pipeline.questions import render_demands

    sys.stdout.write(render_demands(make_options(tree, cache_dir, config), function, output_format))


def callers(
    functions: Annotated[list[str], typer.Argument(metavar="FUNCTION", help="One, or several.")],
    tree: TreeOption = None,
    output_format: FormatOption = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """List who calls functions, with the path from an entry point.

    Calls anywhere in the tree count, and those that macros make.
    """
    from reviewer.pipeline.callers import render_callers

    sys.stdout.write(
        render_callers(make_options(tree, cache_dir, config), functions, output_format)
    )


def facts(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="A file of the tree, or a function.")],
    tree: TreeOption = None,
    output_format: FormatOption = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Show what is read from a file or a function."""
    from reviewer.pipeline.questions import render_facts

    sys.stdout.write(render_facts(make_options(tree, cache_dir, config), what, output_format))


def rules(
    output_format: Annotated[
        str, one_of("--format", "text", "markdown", what="Form of the list")
    ] = "text",
) -> None:
    """List the rules."""
    from reviewer.pipeline.questions import render_rules

    sys.stdout.write(render_rules(output_format))
