"""The command line: options in, data to stdout, progress and errors to stderr, an exit code.

A command imports what it runs: a question to the tree does not wait for the replay to load.
"""

from __future__ import annotations

import gc
import sys
from typing import Annotated, NoReturn

import typer

from reviewer.cli import mail, questions, replays, reviews
from reviewer.model.errors import ExitCode, ReviewError
from reviewer.report.printable import printable

_EXIT_CODES = (
    "Exit codes: 0 nothing found, 1 findings, 2 bad input or usage, 3 the series does not apply, "
    "4 something was not analysed (with --strict)."
)

app = typer.Typer(
    name="mm-review",
    help="Review Linux memory-management patch series for compound-page bugs.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
draft_app = typer.Typer(no_args_is_help=True, help="Look after reply drafts.")

for command in (
    reviews.review,
    reviews.demo,
    replays.replay,
    replays.decode,
    questions.demands,
    questions.callers,
    questions.facts,
    questions.rules,
):
    app.command()(command)
app.command("series")(mail.list_series)
app.add_typer(draft_app, name="draft")
draft_app.command("lint")(mail.draft_lint)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"mm-review {version('mm-reviewer')}\n")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Say which it is."),
    ] = False,
) -> None:
    # what stands before the command
    del version


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"mm-review: {printable(message)}\n")
    raise SystemExit(code)


def main() -> None:
    """Run the command line; every foreseen error is one line on stderr and an exit code."""
    # A tree's facts are many small values that stay: looking through them for garbage often
    # takes a quarter of a short run, and at a million a tenth of a long one, and finds none.
    gc.set_threshold(5_000_000)
    try:
        app(standalone_mode=True)
    except ReviewError as error:
        _fail(" ".join(str(error).split()), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(ExitCode.CLEAN) from None
