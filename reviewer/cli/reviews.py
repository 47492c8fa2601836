"""Commands that review: a series, a tree, the demonstration."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reviewer.cli.options import (
    CacheOption,
    ConfigOption,
    FormatOption,
    InputOption,
    TreeOption,
    make_options,
)
from reviewer.model.errors import BadInputError, ExitCode
from reviewer.model.finding import Origin
from reviewer.model.review import Review
from reviewer.model.rule import Severity
from reviewer.report.console import Console
from reviewer.report.dismissed import describe_expired
from reviewer.report.formats import DRAFT_FORMS, FORMATS, DraftWish


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


def _tell_expired(review: Review) -> None:
    for line in describe_expired(review):
        sys.stderr.write(f"mm-review: {line}\n")


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
    dismissals: Annotated[
        Path | None,
        typer.Option("--dismissals", help="Read it instead of the tree's .mm-review.toml."),
    ] = None,
    input_format: InputOption = "auto",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell everything.")] = False,
) -> None:
    """Review a patch series, or with --entry or --all a tree without one."""
    from reviewer.pipeline.series import review_series
    from reviewer.pipeline.tree import review_tree
    from reviewer.report.outputs import render, write_outputs

    if output_format not in FORMATS:
        raise BadInputError(f"--format {output_format}: not one of {', '.join(FORMATS)}")
    if fail_on != "never" and fail_on not in tuple(Severity):
        raise BadInputError(f"--fail-on {fail_on}: not one of {', '.join(Severity)}, never")
    if (source is None) == (not entry and not everything):
        raise BadInputError("name an INPUT, or give --entry FUNCTION or --all for a tree alone")
    with Console() as console:
        options = replace(
            make_options(tree, cache_dir, config),
            base=base,
            series=series,
            input_format=input_format,
            replay=replay,
            dismissals=dismissals,
            progress=console.progress,
        )
        if source is not None:
            result = review_series(sys.stdin.buffer if source == "-" else Path(source), options)
        else:
            result = review_tree(options, entries=tuple(entry or ()))
    _tell_expired(result)
    text = render(result, output_format, verbose=verbose)
    wish = DraftWish(drafts, draft_form, sender, templates, to_cover) if drafts else None
    write_outputs(result, text, output=output, html=html, drafts=wish)
    if output is None:
        Console().write(text)
    raise typer.Exit(_exit_code(result, fail_on, strict=strict))


def demo(
    output: Annotated[
        Path, typer.Option("--output", help="Directory for report and drafts.")
    ] = Path("mm-review-demo"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell everything.")] = False,
) -> None:
    """Review the re-enactment of the seed on the built-in teaching tree."""
    from reviewer.pipeline import demo as demonstration
    from reviewer.report.outputs import render, write_outputs

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
