"""Makes a mailed patch series from a recipe and a source tree, so that no patch need be stored.

A recipe is a TOML file of ``corpora/series``: who wrote the series, its cover letter, and for
each patch a message and edits (see ``reviewer.tree.edits``). The files it touches are read from
the tree, changed and committed in a scratch repository, and git exports them as mail. The same
recipe on the same files gives the same bytes.
"""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from reviewer.model.codec import from_builtins
from reviewer.model.errors import BadInputError
from reviewer.model.source import SourceTree
from reviewer.rulebook import find_data
from reviewer.tree.edits import AnchorError, Edit, edit_text
from reviewer.tree.gitdirectory import GitDirectory
from reviewer.tree.scratch import create_repository

_SEPARATOR = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
_BRANCH = "refs/heads/series"
_FORMAT_PATCH = (
    "format-patch",
    "--stdout",
    "--cover-letter",
    "--thread=shallow",
    "--no-signature",
    "--zero-commit",
    "--full-index",
    "--no-renames",
    "--diff-algorithm=myers",
    "--stat=72",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePatch:
    """One patch; ``author`` is empty where it is the author of the series."""

    subject: str
    message: str
    edit: tuple[Edit, ...]
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeReply:
    """A mail that answers patch ``to`` (0: the cover letter)."""

    to: int
    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A series as data. ``about`` says what it is for and what a review of it must say.

    ``tree`` is the kind of tree it was written for, in words: it is not compared with
    anything. ``date`` is that of the cover letter; each patch is a minute younger.
    """

    about: str
    tree: str
    title: str
    author: str
    date: datetime
    cover: str
    patch: tuple[RecipePatch, ...]
    to: str = "linux-mm@example.org"
    cc: tuple[str, ...] = ()
    revision: int = 1
    reply: tuple[RecipeReply, ...] = ()
    name: str = ""


def find_recipe(name: str) -> Path:
    """Return the file of the recipe that is shipped under this name.

    Raises:
        BadInputError: there is none.
    """
    directory = find_data("corpora") / "series"
    path = directory / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(p.stem for p in sorted(directory.glob("*.toml")))
        raise BadInputError(f"there is no recipe '{name}'; there are: {known}")
    return path


def load_recipe(path: Path) -> Recipe:
    """Load a recipe; its name is the file's.

    Raises:
        BadInputError: it is not TOML, a key is missing, unknown or of the wrong type.
    """
    what = f"recipe {path.name}"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{what}: not valid TOML: {error}; fix the file") from error
    recipe = from_builtins({"name": path.stem, **data}, Recipe, what=what)
    if not recipe.patch:
        raise BadInputError(f"{what}: it has no [[patch]]; give it one")
    return recipe


def build_series(tree: Path | SourceTree, recipe: Recipe, out_dir: Path) -> Path:
    """Write the series of a recipe on a tree as ``<out_dir>/<name>.mbox`` and return its path.

    ``tree`` is the top directory of a source tree, or a tree at a revision. Nothing of it is
    written, and only the files that the recipe names are read.

    Raises:
        BadInputError: an edit has no place in the tree; the message names it.
    """
    read = _reader(tree)
    steps = _edit_files(recipe, read)
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / f"{recipe.name}.mbox"
    with tempfile.TemporaryDirectory(prefix="mm-recipe-") as directory:
        mails = _export(recipe, steps, Path(directory))
    path.write_bytes(_finish(recipe, mails).encode("utf-8", "surrogateescape"))
    return path


Reader = Callable[[str], str | None]
Contents = dict[str, str]


def _reader(tree: Path | SourceTree) -> Reader:
    if isinstance(tree, Path):
        top = tree

        def read_file(path: str) -> str | None:
            file = top / path
            return _decode(file.read_bytes()) if file.is_file() else None

        return read_file
    source = tree
    return lambda path: _decode(source.read(path)) if source.exists(path) else None


def _decode(raw: bytes) -> str:
    """Read the file's bytes as text that gives the same bytes again, whatever they are."""
    return raw.decode("utf-8", "surrogateescape")


def _edit_files(recipe: Recipe, read: Reader) -> list[Contents]:
    """Return the files the recipe touches: as they are, then what each patch changes."""
    names = sorted({edit.file for patch in recipe.patch for edit in patch.edit})
    base: Contents = {}
    for name in names:
        if not _is_safe(name):
            raise BadInputError(f"recipe {recipe.name}: '{name}' is no path inside a tree")
        text = read(name)
        if text is not None:
            base[name] = text
    now = dict(base)
    steps = [base]
    for number, patch in enumerate(recipe.patch, 1):
        changed: Contents = {}
        for edit in patch.edit:
            try:
                now[edit.file] = changed[edit.file] = edit_text(now.get(edit.file), edit)
            except AnchorError as error:
                where = f"recipe {recipe.name}, patch {number}, {edit.file}"
                raise BadInputError(
                    f"{where}: {error}; the recipe is for {recipe.tree}, is the tree one?"
                ) from error
        steps.append(changed)
    return steps


def _is_safe(path: str) -> bool:
    parts = path.split("/")
    return all(part not in ("", ".", "..") and part.lower() != ".git" for part in parts)


def _export(recipe: Recipe, steps: Sequence[Contents], directory: Path) -> str:
    """Commit the steps in an empty repository and return what git mails of them."""
    create_repository(directory, "sha1")
    name, address = _split_author(recipe.author)
    git = GitDirectory(directory, config=(f"user.name={name}", f"user.email={address}"))
    stream = b"".join(_commit(recipe, number, files) for number, files in enumerate(steps))
    git.run("fast-import", "--quiet", "--force", stdin=stream)
    options = [f"--to={recipe.to}", *(f"--cc={address}" for address in recipe.cc)]
    if recipe.revision > 1:
        options.append(f"--reroll-count={recipe.revision}")
    count = len(recipe.patch)
    result = git.run(*_FORMAT_PATCH, *options, f"{_BRANCH}~{count}..{_BRANCH}")
    return _decode(result.out)


def _commit(recipe: Recipe, number: int, files: Contents) -> bytes:
    """Return one commit in the language of fast-import; number 0 is the tree as it is."""
    message, author = "base\n", recipe.author
    if number:
        patch = recipe.patch[number - 1]
        author = patch.author or author
        message = f"{patch.subject}\n\n{patch.message.strip()}\n\nSigned-off-by: {author}\n"
    seconds = int(_date_of(recipe, number).timestamp())
    text = message.encode()
    parts = [f"commit {_BRANCH}\ncommitter {author} {seconds} +0000\n".encode()]
    parts.append(b"data %d\n%s\n" % (len(text), text))
    for path, content in sorted(files.items()):
        data = content.encode("utf-8", "surrogateescape")
        parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    return b"".join(parts)


def _date_of(recipe: Recipe, number: int) -> datetime:
    return recipe.date + timedelta(minutes=number)


def _split_author(author: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.+?) <([^<> ]+)>", author)
    if match is None:
        raise BadInputError(f"'{author}' is no author: write Name <name@example.org>")
    return match[1], match[2]


def _finish(recipe: Recipe, mails: str) -> str:
    """Write the cover letter, replace what git takes from the clock, and add the replies."""
    mails = mails.replace("*** SUBJECT HERE ***", recipe.title, 1)
    mails = mails.replace("*** BLURB HERE ***", recipe.cover.strip(), 1)
    mails = re.sub(r"(?m)^Date: .*", f"Date: {_mail_date(recipe, 0)}", mails, count=1)
    mails = re.sub(r"(?m)^Message-Id:", "Message-ID:", mails)  # as git before 2.36 writes it
    for number, found in enumerate(re.findall(r"(?m)^Message-ID: <(.*)>", mails)):
        mails = mails.replace(f"<{found}>", f"<{_msgid(recipe, number)}>")
    replies = (_render_reply(recipe, n, reply) for n, reply in enumerate(recipe.reply, 1))
    return mails + "".join(replies)


def _msgid(recipe: Recipe, number: int) -> str:
    return f"{recipe.date:%Y%m%d%H%M%S}.{number}-{recipe.name}@example.org"


def _mail_date(recipe: Recipe, number: int) -> str:
    return format_datetime(_date_of(recipe, number))


def _render_reply(recipe: Recipe, number: int, reply: RecipeReply) -> str:
    count = len(recipe.patch)
    if not 0 <= reply.to <= count:
        raise BadInputError(f"recipe {recipe.name}: a reply answers patch {reply.to} of {count}")
    title = recipe.patch[reply.to - 1].subject if reply.to else recipe.title
    version = f" v{recipe.revision}" if recipe.revision > 1 else ""
    width = len(str(count))
    cover, parent = _msgid(recipe, 0), _msgid(recipe, reply.to)
    references = f"<{cover}>" if reply.to == 0 else f"<{cover}> <{parent}>"
    headers = (
        f"From: {reply.author}",
        f"Date: {_mail_date(recipe, count + 60 * number)}",
        f"Subject: Re: [PATCH{version} {reply.to:0{width}}/{count}] {title}",
        f"To: {recipe.author}",
        f"Cc: {recipe.to}",
        f"Message-ID: <{_msgid(recipe, count + number)}>",
        f"In-Reply-To: <{parent}>",
        f"References: {references}",
    )
    body = re.sub(r"(?m)^(>*From )", r">\1", reply.body.strip())
    return f"{_SEPARATOR}{chr(10).join(headers)}\n\n{body}\n\n"
