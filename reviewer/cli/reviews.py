"""Commands that review: a series, a tree, the demonstration."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reviewer.cli.options import (
    BaseOption,
    CacheOption,
    ConfigOption,
    InputOption,
    ReportOption,
    TreeOption,
    make_options,
    one_of,
)
from reviewer.model.errors import BadInputError, ExitCode
from reviewer.model.finding import Origin
from reviewer.model.review import Review
from reviewer.model.rule import Severity
from reviewer.report.console import Console
from reviewer.report.dismissed import describe_expired
from reviewer.report.formats import DRAFT_FORMS, DraftWish

SourceArgument = Annotated[
    str | None,
    typer.Argument(metavar="INPUT", help="Mailbox, mails, patches or A..B; - for stdin."),
]
SeriesOption = Annotated[
    str,
    typer.Option(
        "--series", metavar="TEXT", help="Which of several: Message-ID, or a part of the title."
    ),
]
EntryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--entry", metavar="FUNCTION", help="Review what it can reach, no series. Repeatable."
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Review the whole tree, no series.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the report there, not to stdout."),
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML report beside it.")
]
DraftsOption = Annotated[
    Path | None, typer.Option("--drafts", metavar="PLACE", help="Write reply drafts beside it.")
]
DraftFormOption = Annotated[str, one_of("--draft-form", *DRAFT_FORMS, what="Form of the drafts")]
CoverOption = Annotated[
    bool, typer.Option("--to-cover", help="Put all into one draft, to the cover letter.")
]
TemplatesOption = Annotated[
    Path | None, typer.Option("--templates", metavar="DIR", help="Draft templates of your own.")
]
SenderOption = Annotated[
    str,
    typer.Option("--from", metavar="MAILBOX", help="Who will send the drafts: 'Name <address>'."),
]
FailOption = Annotated[
    str, one_of("--fail-on", *Severity, "never", what="Least severity that exits with 1")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 4 if a part was not analysed.")]
ReplayOption = Annotated[
    bool, typer.Option("--replay/--no-replay", help="Look for a schedule that fails.")
]
DismissalsOption = Annotated[
    Path | None,
    typer.Option(
        "--dismissals", metavar="FILE", help="Read it in place of the tree's .mm-review.toml."
    ),
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Tell all: uses, dismissals, what was skipped, configuration."
    ),
]


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
    source: SourceArgument = None,
    tree: TreeOption = None,
    base: BaseOption = "",
    series: SeriesOption = "",
    entry: EntryOption = None,
    everything: AllOption = False,
    output_format: ReportOption = "text",
    output: OutputOption = None,
    html: HtmlOption = None,
    drafts: DraftsOption = None,
    draft_form: DraftFormOption = "mbox",
    to_cover: CoverOption = False,
    templates: TemplatesOption = None,
    sender: SenderOption = "mm-reviewer <reviewer@localhost>",
    fail_on: FailOption = "low",
    strict: StrictOption = False,
    replay: ReplayOption = True,
    dismissals: DismissalsOption = None,
    input_format: InputOption = "auto",
    config: ConfigOption = None,
    cache_dir: CacheOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Review a patch series, or a tree without one.

    Exit codes: 0 nothing found, 1 findings, 3 the series does not apply.
    """
    from reviewer.pipeline.series import review_series
    from reviewer.pipeline.tree import review_tree
    from reviewer.report.outputs import render, write_outputs

    if (source is None) == (not entry and not everything):
        raise BadInputError("name an INPUT, or give --entry FUNCTION or --all for a tree alone")
    with Console() as console:
        options = replace(
            make_options(tree, cache_dir, config, base=base, progress=console.progress),
            series=series,
            input_format=input_format,
            replay=replay,
            dismissals=dismissals,
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
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where report and drafts go.")
    ] = Path("mm-review-demo"),
    verbose: VerboseOption = False,
) -> None:
    """Review the crash of October 2015, re-enacted on the built-in tree."""
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
