"""The formats of a review by name, and where they are written: whole files or none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.model.review import Review
from reviewer.report.checkpatch import render_b4_checks, render_b4_lines, render_checkpatch
from reviewer.report.draftfiles import MAILDIR, iter_draft_files
from reviewer.report.formats import DraftWish
from reviewer.report.html import render_html
from reviewer.report.jsondoc import render_json
from reviewer.report.markdown import render_markdown
from reviewer.report.sarif import render_sarif
from reviewer.report.text import render_text

Renderer = Callable[[Review, bool], str]

_RENDERERS: dict[str, Renderer] = {
    "text": lambda review, verbose: render_text(review, verbose=verbose),
    "markdown": lambda review, _: render_markdown(review),
    "json": lambda review, _: render_json(review).decode(),
    "html": lambda review, _: render_html(review),
    "sarif": lambda review, _: render_sarif(review).decode(),
    "checkpatch": lambda review, _: render_checkpatch(review),
    "b4": lambda review, _: render_b4_checks(review).decode(),
    "b4-prep": lambda review, _: render_b4_lines(review),
}


def render(review: Review, output_format: str, *, verbose: bool = False) -> str:
    """Render the review in one of FORMATS."""
    return _RENDERERS[output_format](review, verbose)


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


def _draft_files(review: Review, wish: DraftWish) -> list[tuple[Path, bytes]]:
    files = [
        (wish.place / name if name else wish.place, data)
        for name, data in iter_draft_files(
            review,
            wish.form,
            sender=wish.sender,
            template_dir=wish.template_dir,
            to_cover=wish.to_cover,
        )
    ]
    if wish.form == "mbox" and not files:
        files.append((wish.place, b""))  # the file says what this run has to say: nothing
    return files


def write_outputs(
    review: Review,
    text: str | None,
    *,
    output: Path | None,
    html: Path | None,
    drafts: DraftWish | None,
) -> None:
    """Write the files that were asked for; all are made before the first is written."""
    files: list[tuple[Path, bytes]] = []
    if html is not None:
        files.append((html, render_html(review).encode()))
    if drafts is not None:
        files += _draft_files(review, drafts)
    if output is not None and text is not None:
        files.append((output, text.encode()))
    if drafts is not None and drafts.form != "mbox":
        make_directories(
            drafts.place, [path for path, _ in files], maildir=drafts.form == "maildir"
        )
    for path, data in files:
        write_file(path, data)


def make_directories(place: Path, files: Sequence[Path], *, maildir: bool) -> None:
    """Make the directory of the drafts and those its files need.

    Raises:
        BadInputError: it cannot be made.
    """
    wanted = [place, *(path.parent for path in files if place in path.parents)]
    wanted += [place / name for name in MAILDIR] if maildir else []
    try:
        for directory in dict.fromkeys(wanted):
            directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"{place}: cannot be made: {error.strerror}; name another directory"
        ) from error
