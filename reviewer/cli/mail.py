"""Commands about mail: the series of an archive, what a list objects to in a draft."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reviewer.cli.options import CacheOption, InputOption, one_of
from reviewer.model.errors import ExitCode
from reviewer.model.facts import Skipped
from reviewer.report.console import Console
from reviewer.report.printable import printable


def list_series(
    archive: Annotated[
        str,
        typer.Argument(
            metavar="ARCHIVE",
            help="Mailbox, maildir, inbox, patches or A..B; - stdin.",
        ),
    ],
    since: Annotated[
        str, typer.Option("--since", metavar="YYYY-MM-DD", help="Only series not older.")
    ] = "",
    author: Annotated[
        str, typer.Option("--author", metavar="TEXT", help="Only with this in a name or address.")
    ] = "",
    touching: Annotated[
        str,
        typer.Option(
            "--touching", metavar="PATH", help="Only what changes this file or directory."
        ),
    ] = "",
    uses: Annotated[
        str, typer.Option("--uses", metavar="NAME", help="Only with this identifier in the diffs.")
    ] = "",
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Only series that lack patches.")
    ] = False,
    output_format: Annotated[
        str, one_of("--format", "table", "jsonl", what="Form of the list")
    ] = "table",
    input_format: InputOption = "auto",
    cache_dir: CacheOption = None,
) -> None:
    """List the series of an archive."""
    from reviewer.pipeline.mail import LedgerFilter, parse_since, render_ledger

    wanted = LedgerFilter(parse_since(since), author, touching, uses, incomplete)
    source = sys.stdin.buffer if archive == "-" else Path(archive)
    with Console() as console:
        for line in render_ledger(
            source, wanted, output_format, input_format, cache_dir, console.progress, _tell
        ):
            sys.stdout.write(line)


def _tell(skipped: Skipped) -> None:
    """Say on stderr which message could not be read."""
    sys.stderr.write(f"mm-review: {printable(skipped.path)}: {printable(skipped.reason)}\n")


def draft_lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A mail, or an mbox of drafts.")],
) -> None:
    """Say line by line what a list would object to; exit 1 on errors."""
    from reviewer.pipeline.mail import has_errors, lint_file

    lines = lint_file(file)
    sys.stdout.write("".join(f"{printable(f'{file}:{line}')}\n" for line in lines))
    raise typer.Exit(ExitCode.FINDINGS if has_errors(lines) else ExitCode.CLEAN)
