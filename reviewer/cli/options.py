"""Options that several commands take, and what they mean."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from reviewer.model.errors import BadInputError
from reviewer.pipeline.options import Options, Progress, silent
from reviewer.report.formats import FORMATS

_CONFIG_VALUE = re.compile(r"[ynm]|-?\d+|0x[0-9a-fA-F]+|\"[^\"]*\"")


def one_of(option: str, *choices: str, what: str) -> Any:
    """Return an option whose value is one of these words; another is bad input, told in a line."""

    def check(value: str) -> str:
        if value not in choices:
            raise BadInputError(f"{option} {value}: not one of {', '.join(choices)}")
        return value

    help_text = f"{what}: {', '.join(choices[:-1])} or {choices[-1]}."
    return typer.Option(option, metavar="WORD", callback=check, help=help_text)


TreeOption = Annotated[
    Path | None,
    typer.Option(
        "--tree",
        metavar="DIR",
        help="Kernel git repository or unpacked source; default: the one you stand in.",
    ),
]
BaseOption = Annotated[
    str, typer.Option("--base", metavar="REV", help="Revision of the tree, where it has some.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache-dir", metavar="DIR", help="Where to keep what was read of a tree."),
]
ConfigOption = Annotated[
    list[str] | None,
    typer.Option(
        "--config", metavar="CONFIG_X=VALUE", help="Assume it: y, n, m or a number. Repeatable."
    ),
]
InputOption = Annotated[
    str,
    typer.Option(
        "--input-format", metavar="WORD", help="What the input is, if looking at it goes wrong."
    ),
]
ReportOption = Annotated[str, one_of("--format", *FORMATS, what="Form of the report")]
FormatOption = Annotated[str, one_of("--format", "text", "json", what="Form of the answer")]


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


def make_options(
    tree: Path | None,
    cache_dir: Path | None,
    config: list[str] | None,
    *,
    base: str = "",
    progress: Progress = silent,
) -> Options:
    """Return what a run on a tree is given, with these configuration options changed.

    Raises:
        BadInputError: there is no tree, or a configuration option is not NAME=VALUE.
    """
    options = Options(find_tree(tree), base=base, cache_dir=cache_dir, progress=progress)
    changes = {}
    for item in config or ():
        name, _, value = item.partition("=")
        if not name or not _CONFIG_VALUE.fullmatch(value):
            raise BadInputError(f"--config {item}: write it as CONFIG_NAME=y (or n, m, a number)")
        changes[name] = value
    return replace(options, config=options.config.with_options(changes))
