"""The command line: options in, data to stdout, progress and errors to stderr, an exit code.

A command imports what it runs: a question to the tree does not wait for the replay to load.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from reviewer.model.errors import BadInputError, ExitCode, ReviewError
from reviewer.model.facts import Skipped
from reviewer.model.finding import Origin
from reviewer.model.review import Review
from reviewer.model.rule import Severity
from reviewer.pipeline.session import Options
from reviewer.report.console import Console
from reviewer.report.draftfiles import FORMS as DRAFT_FORMS
from reviewer.report.outputs import FORMATS, DraftWish, render, write_outputs
from reviewer.report.printable import printable

app = typer.Typer(
    name="mm-review",
    help="Review Linux memory-management patch series for compound-page bugs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

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


def _options(tree: Path | None, cache_dir: Path | None, config: list[str] | None) -> Options:
    options = Options(tree=find_tree(tree), cache_dir=cache_dir)
    changes = {}
    for item in config or ():
        name, equals, value = item.partition("=")
        if not equals:
            raise BadInputError(f"--config {item}: write it as CONFIG_NAME=y (or n, m)")
        changes[name] = value
    return replace(options, config=options.config.with_options(changes))


def _exit_code(review: Review, fail_on: str, *, strict: bool) -> ExitCode:
    """Return the exit code: only what the series answers for counts, all where there is none."""
    from reviewer.pipeline.series import SERIES_ORIGINS

    levels = list(Severity)
    wanted = SERIES_ORIGINS if review.series is not None else tuple(Origin)
    if fail_on != "never" and any(
        levels.index(f.severity) >= levels.index(Severity(fail_on))
        for f in review.findings
        if f.origin in wanted
    ):
        return ExitCode.FINDINGS
    if strict and review.skipped:
        return ExitCode.NOT_ANALYSED
    return ExitCode.CLEAN


@app.command()
def review(
    source: Annotated[
        str | None, typer.Argument(metavar="INPUT", help="mbox with a series; - for stdin.")
    ] = None,
    tree: TreeOption = None,
    base: Annotated[str, typer.Option("--base", help="Revision to apply the series to.")] = "",
    series: Annotated[
        str, typer.Option("--series", help="Message-ID or unique part of the title.")
    ] = "",
    entry: Annotated[
        list[str] | None, typer.Option("--entry", help="Review what this function can reach.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Review the whole tree.")] = False,
    output_format: FormatOption = "text",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write there.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write an HTML report.")] = None,
    drafts: Annotated[
        Path | None, typer.Option("--drafts", help="Also write reply drafts there.")
    ] = None,
    draft_form: Annotated[
        str, typer.Option("--draft-form", help=f"One of {', '.join(DRAFT_FORMS)}.")
    ] = "mbox",
    to_cover: Annotated[
        bool, typer.Option("--to-cover", help="One draft, to the cover letter.")
    ] = False,
    templates: Annotated[
        Path | None, typer.Option("--templates", help="Directory of templates of yours.")
    ] = None,
    sender: Annotated[
        str, typer.Option("--from", help="Who will send the drafts: 'Name <address>'.")
    ] = "mm-reviewer <reviewer@localhost>",
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="note, low, medium, high or never.")
    ] = "low",
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 4 if something was not analysed.")
    ] = False,
    replay: Annotated[bool, typer.Option("--replay/--no-replay", help="Confirm findings.")] = True,
    input_format: InputOption = "auto",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell everything.")] = False,
) -> None:
    """Review a patch series, or with --entry or --all a tree without one."""
    from reviewer.pipeline.series import review_series
    from reviewer.pipeline.tree import review_tree

    if output_format not in FORMATS:
        raise BadInputError(f"--format {output_format}: not one of {', '.join(FORMATS)}")
    if fail_on != "never" and fail_on not in tuple(Severity):
        raise BadInputError(f"--fail-on {fail_on}: not one of {', '.join(Severity)}, never")
    if (source is None) == (not entry and not everything):
        raise BadInputError("name an INPUT, or give --entry FUNCTION or --all for a tree alone")
    with Console() as console:
        options = replace(
            _options(tree, cache_dir, config),
            base=base,
            series=series,
            input_format=input_format,
            replay=replay,
            progress=console.progress,
        )
        if source is not None:
            result = review_series(sys.stdin.buffer if source == "-" else Path(source), options)
        else:
            result = review_tree(options, entries=tuple(entry or ()))
    text = render(result, output_format, verbose=verbose)
    wish = DraftWish(drafts, draft_form, sender, templates, to_cover) if drafts else None
    write_outputs(result, text, output=output, html=html, drafts=wish)
    if output is None:
        Console().write(text)
    raise typer.Exit(_exit_code(result, fail_on, strict=strict))


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", help="Directory for report and drafts.")
    ] = Path("mm-review-demo"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell everything.")] = False,
) -> None:
    """Review the re-enactment of the seed on the built-in teaching tree."""
    from reviewer.pipeline import demo as demonstration

    with Console() as console:
        result = demonstration.run(output, console.progress)
    text = render(result, "text", verbose=verbose)
    Console().write(text)
    write_outputs(
        result,
        None,
        output=None,
        html=output / "report.html",
        drafts=DraftWish(output / "drafts.mbox", sender="A Reviewer <reviewer@example.org>"),
    )
    sys.stdout.write(f"\nwritten to {output}: minimm-seed.mbox, report.html, drafts.mbox\n")


@app.command()
def demands(
    function: Annotated[str, typer.Argument(metavar="FUNCTION")],
    tree: TreeOption = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Say what a function demands of its page arguments, and why."""
    from reviewer.pipeline.questions import render_demands

    sys.stdout.write(render_demands(_options(tree, cache_dir, config), function, output_format))


@app.command()
def callers(
    functions: Annotated[list[str], typer.Argument(metavar="FUNCTION...")],
    tree: TreeOption = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """List who calls functions, anywhere in the tree, with the path from an entry point."""
    from reviewer.pipeline.questions import render_callers

    sys.stdout.write(render_callers(_options(tree, cache_dir, config), functions, output_format))


@app.command()
def facts(
    what: Annotated[str, typer.Argument(metavar="FILE|FUNCTION")],
    tree: TreeOption = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Show what is read from a file or a function."""
    from reviewer.pipeline.questions import render_facts

    sys.stdout.write(render_facts(_options(tree, cache_dir, config), what, output_format))


@app.command()
def rules(
    output_format: Annotated[str, typer.Option("--format", help="text or markdown.")] = "text",
) -> None:
    """List the rules."""
    from reviewer.pipeline.questions import render_rules

    sys.stdout.write(render_rules(output_format))


@app.command("series")
def list_series(
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="Any archive; - for stdin.")],
    since: Annotated[str, typer.Option("--since", help="YYYY-MM-DD: not older.")] = "",
    author: Annotated[str, typer.Option("--author", help="Part of name or address.")] = "",
    touching: Annotated[str, typer.Option("--touching", help="A file or directory.")] = "",
    uses: Annotated[str, typer.Option("--uses", help="An identifier in the diffs.")] = "",
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Only with holes.")] = False,
    output_format: Annotated[str, typer.Option("--format", help="table or jsonl.")] = "table",
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


@app.command()
def decode(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Oops, page dump or mail; - stdin.")],
    tree: TreeOption = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Decode a crash: which page, which tail, and what can have happened; --tree replays it."""
    from reviewer.pipeline.decoding import decode_file, render_decoded

    options = _options(tree, cache_dir, config) if tree is not None else None
    source = sys.stdin.buffer.read() if file == "-" else Path(file)
    doc = decode_file(source, options, name="standard input" if file == "-" else file)
    sys.stdout.write(render_decoded(doc, output_format))


draft_app = typer.Typer(no_args_is_help=True, help="Look after reply drafts.")
app.add_typer(draft_app, name="draft")


@draft_app.command("lint")
def draft_lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A mail, or an mbox of drafts.")],
) -> None:
    """Say line by line what a list would object to; exit 1 on errors."""
    from reviewer.pipeline.mail import has_errors, lint_file

    lines = lint_file(file)
    sys.stdout.write("".join(f"{file}:{line}\n" for line in lines))
    raise typer.Exit(ExitCode.FINDINGS if has_errors(lines) else ExitCode.CLEAN)


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"mm-review: {message}\n")
    raise SystemExit(code)


def main() -> None:
    """Run the command line; every foreseen error is one line on stderr and an exit code."""
    # A tree's facts are many small values that stay: looking through them for garbage often
    # takes a quarter of a short run and finds none.
    gc.set_threshold(1_000_000)
    try:
        app(standalone_mode=True)
    except ReviewError as error:
        _fail(" ".join(str(error).split()), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(ExitCode.CLEAN) from None
