"""The formats of a review by name, and where they are written: whole files or none."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.model.review import Review
from reviewer.report.checkpatch import render_b4_checks, render_checkpatch
from reviewer.report.drafts import draft_mails
from reviewer.report.html import render_html
from reviewer.report.jsondoc import render_json
from reviewer.report.mailtext import render_mbox
from reviewer.report.markdown import render_markdown
from reviewer.report.sarif import render_sarif
from reviewer.report.text import render_text

Renderer = Callable[[Review, bool], str]

FORMATS: dict[str, Renderer] = {
    "text": lambda review, verbose: render_text(review, verbose=verbose),
    "markdown": lambda review, _: render_markdown(review),
    "json": lambda review, _: render_json(review).decode(),
    "html": lambda review, _: render_html(review),
    "sarif": lambda review, _: render_sarif(review).decode(),
    "checkpatch": lambda review, _: render_checkpatch(review),
    "b4": lambda review, _: render_b4_checks(review).decode(),
}


def render(review: Review, output_format: str, *, verbose: bool = False) -> str:
    """Render the review in one of FORMATS."""
    return FORMATS[output_format](review, verbose)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole: under another name first, then renamed.

    Raises:
        BadInputError: it cannot be written there.
    """
    scratch: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as new:
            scratch = Path(new.name)
            new.write(data)
        scratch.chmod(0o644)  # the temporary file's mode is private
        scratch.replace(path)
    except OSError as error:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        raise BadInputError(
            f"{path}: cannot be written: {error.strerror}; name another file"
        ) from error


def write_outputs(
    review: Review,
    text: str | None,
    *,
    output: Path | None,
    html: Path | None,
    drafts: Path | None,
    sender: str,
) -> None:
    """Write what was asked for; the text goes to stdout where no file is named."""
    files: list[tuple[Path, bytes]] = []
    if html is not None:
        files.append((html, render_html(review).encode()))
    if drafts is not None:
        files.append((drafts, render_mbox(draft_mails(review, sender=sender))))
    if output is not None and text is not None:
        files.append((output, text.encode()))
    for path, data in files:
        write_file(path, data)
    if output is None and text is not None:
        sys.stdout.write(text)
