"""Options that several commands take, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reviewer.model.errors import BadInputError
from reviewer.pipeline.options import Options
from reviewer.report.formats import FORMATS

TreeOption = Annotated[
    Path | None,
    typer.Option(
        "--tree", help="Kernel git repository or unpacked source; default: where you stand."
    ),
]
CacheOption = Annotated[Path | None, typer.Option("--cache-dir", help="Where to keep facts.")]
ConfigOption = Annotated[
    list[str] | None, typer.Option("--config", help="CONFIG_X=y|n|m: assume it (repeatable).")
]
InputOption = Annotated[str, typer.Option("--input-format", help="Overrules detection.")]
FormatOption = Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")]


def find_tree(given: Path | None) -> Path:
    """Return the tree named, else the kernel tree the user stands in.

    Raises:
        BadInputError: there is neither.
    """
    if given is not None:
        return given
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "mm").is_dir() and (directory / "include" / "linux").is_dir():
            return directory
    raise BadInputError("no kernel tree: stand in one, or name one with --tree DIR")


def make_options(tree: Path | None, cache_dir: Path | None, config: list[str] | None) -> Options:
    """Return what a run on a tree is given, with these configuration options changed.

    Raises:
        BadInputError: there is no tree, or an option is not written NAME=VALUE.
    """
    options = Options(tree=find_tree(tree), cache_dir=cache_dir)
    changes = {}
    for item in config or ():
        name, equals, value = item.partition("=")
        if not equals:
            raise BadInputError(f"--config {item}: write it as CONFIG_NAME=y (or n, m)")
        changes[name] = value
    return replace(options, config=options.config.with_options(changes))
