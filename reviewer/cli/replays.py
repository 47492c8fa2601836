"""Commands that replay: a crash decoded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reviewer.cli.options import CacheOption, ConfigOption, TreeOption, make_options


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
