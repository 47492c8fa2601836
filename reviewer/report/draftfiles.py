"""The forms drafts are kept in, by name: mbox, eml, maildir, b4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.model.review import Review
from reviewer.report.b4review import iter_b4_review
from reviewer.report.drafts import draft_mails
from reviewer.report.formats import DRAFT_FORMS
from reviewer.report.mailtext import iter_eml, iter_maildir, render_mbox

MAILDIR = ("cur", "new", "tmp")


def iter_draft_files(
    review: Review,
    form: str,
    *,
    sender: str,
    template_dir: Path | None = None,
    to_cover: bool = False,
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of each file a form needs; nothing when there is nothing to say.

    Names are relative: to the directory for eml, maildir (whose MAILDIR folders the writer
    makes) and b4; for mbox the one name is empty, it is the file the user named.

    Raises:
        BadInputError: the form is not known, ``sender`` is no mailbox, or a template is wrong.

    """
    if form not in DRAFT_FORMS:
        raise BadInputError(f"draft form {form}: not one of {', '.join(DRAFT_FORMS)}")
    if form == "b4":
        yield from iter_b4_review(review, sender=sender)
        return
    drafts = draft_mails(review, sender=sender, template_dir=template_dir, to_cover=to_cover)
    if form == "mbox" and drafts:
        yield "", render_mbox(drafts)
    elif form == "eml":
        yield from iter_eml(drafts)
    elif form == "maildir":
        yield from iter_maildir(drafts)
