"""A range of commits as the mails ``git format-patch`` would send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.series.compressed import open_stream
from reviewer.series.gitprocess import run_git
from reviewer.series.mbox import iter_mbox
from reviewer.series.rawmessage import RawMessage

# Every setting of the repository that changes what format-patch writes, set back.
_OPTIONS = (
    "--stdout",
    "--pretty=mboxrd",
    "--numbered",
    "--subject-prefix=PATCH",
    "--no-cover-letter",
    "--no-thread",
    "--no-attach",
    "--no-signature",
    "--no-notes",
    "--no-add-header",
    "--no-to",
    "--no-cc",
    "--no-base",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--full-index",
    "--binary",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


def find_git_dir(start: Path) -> Path | None:
    """Find the git directory of the checkout or repository at or above ``start``; None if none."""
    for folder in (start, *start.parents):
        dot_git = folder / ".git"
        if (dot_git / "HEAD").is_file():
            return dot_git
        if dot_git.is_file():  # a linked worktree or submodule
            target = dot_git.read_text(errors="replace").removeprefix("gitdir:").strip()
            return (folder / target).resolve()
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            return folder
    return None


def iter_git_range(repository: Path, revisions: str) -> Iterator[RawMessage]:
    """Yield a mail for each commit of ``A..B``, merges left out, oldest first.

    The mails are numbered and threaded under the first one; their msgids are made of the commit
    ids. Raises ``BadInputError`` if the range is none or git cannot read it.
    """
    git_dir = find_git_dir(repository.absolute())
    if git_dir is None:
        raise BadInputError(f"{repository} is no git repository; give one, or a file of mails")
    if revisions.startswith("-") or ".." not in revisions:
        raise BadInputError(f"{revisions[:100]!r} is no range of commits; write it as A..B")
    with run_git(git_dir, ["format-patch", *_OPTIONS, revisions, "--"]) as process:
        first = ""
        for message in iter_mbox(open_stream(process.stdout), revisions, "mboxrd"):
            commit = message.envelope.split()[1].decode("ascii", "replace")
            headers = f"Message-ID: <{commit}@commit>\n"
            if first:
                headers += f"In-Reply-To: <{first}@commit>\nReferences: <{first}@commit>\n"
            first = first or commit
            yield replace(message, origin=f"commit:{commit}", data=headers.encode() + message.data)
        error = process.read_error()
    if error:
        raise BadInputError(f"git format-patch {revisions[:100]} failed: {error}")
    if not first:
        raise BadInputError(f"no commits in {revisions[:100]}; is it the right way round?")
