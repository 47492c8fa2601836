"""What a review can be written as, by name. Apart from the renderers: help loads none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FORMATS = ("text", "markdown", "json", "html", "sarif", "checkpatch", "b4", "b4-prep")
DRAFT_FORMS = ("mbox", "eml", "maildir", "b4")


@dataclass(frozen=True, slots=True)
class DraftWish:
    """Where drafts go, in which form, and who will send them.

    ``place`` is a file for "mbox", else a directory. ``template_dir`` may replace templates.
    """

    place: Path
    form: str = "mbox"
    sender: str = "mm-reviewer <reviewer@localhost>"
    template_dir: Path | None = None
    to_cover: bool = False
