"""Opens the user's kernel tree and runs git beside it: read only, no hook, no configuration.

No git command that writes or looks at content runs in the user's repository. Revisions are
looked up there; everything else happens in scratch repositories of our own, one of which
borrows the user's objects; they have none of the user's configuration or attributes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.tree.command import printable
from reviewer.tree.gitdirectory import GitDirectory
from reviewer.tree.grepcache import GrepCache
from reviewer.tree.objects import ObjectReader, is_object_id
from reviewer.tree.scratch import create_repository
from reviewer.tree.snapshot import Snapshot
from reviewer.tree.unpacked import IMPORT_CONFIG, import_tree

# What the analysis reads; a tree without them is not one it can say anything about.
_KERNEL_DIRECTORIES = ("mm", "include/linux")


class KernelTree:
    """A kernel's git history, to be read. Close it, or use it as a context manager.

    ``git`` reads all objects, the user's and our new ones; it is never told to write one.
    ``writer`` writes ours, and sees no others. ``scratch`` is a directory that goes with the
    tree. ``imported`` says that it is an unpacked source tree without history.
    """

    def __init__(
        self, path: Path, git_directory: Path, cache_dir: Path, *, imported: str = ""
    ) -> None:
        self.path = path
        self._shown = printable(str(path))
        self.imported = bool(imported)
        self._imported = imported
        self._user = GitDirectory(git_directory)
        format_name = self._user_text("--show-object-format")
        objects, shallow = self._user_path("objects"), self._user_path("shallow")
        self.scratch = _make_directory()
        reading, writing = self.scratch / "reading", self.scratch / "writing"
        create_repository(writing, format_name)
        create_repository(reading, format_name, borrow=(writing / "objects", objects))
        if shallow.is_file():
            shutil.copyfile(shallow, reading / "shallow")
        self.git = GitDirectory(reading)
        self.writer = GitDirectory(writing)
        self.objects = ObjectReader(self.git)
        self._cache = GrepCache(cache_dir / "grep")
        self._snapshots: dict[str, Snapshot] = {}
        # Snapshots may outlive this object, and they all hold the reader.
        self._remove_scratch = weakref.finalize(
            self.objects, shutil.rmtree, self.scratch, ignore_errors=True
        )

    def __enter__(self) -> KernelTree:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and remove the scratch repository; snapshots end with it."""
        self.objects.close()
        self._remove_scratch()

    def find_commit(self, revision: str) -> str | None:
        """Return the id of the commit a revision names, or None where it names none."""
        if self._imported:
            return self._imported if revision in ("HEAD", "@", self._imported) else None
        if "\0" in revision or not revision:
            return None
        result = self._user.run(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
            accept=(0, 1, 128),
        )
        name = result.out.decode("ascii", "replace").strip()
        return name if result.status == 0 and is_object_id(name) else None

    def resolve(self, revision: str = "HEAD") -> str:
        """Return the id of the commit a revision names.

        Raises:
            BadInputError: it names no commit, or one that holds no kernel.
        """
        commit = self.find_commit(revision)
        if commit is None:
            shown = printable(revision, 80)
            advice = (
                "an unpacked tree has no history: leave the revision out, or give a git repository"
                if self.imported
                else "name a commit, branch or tag of this repository, or fetch it into it"
            )
            raise BadInputError(f"unknown revision '{shown}' in {self._shown}: {advice}")
        snapshot = self.snapshot(commit)
        for directory in _KERNEL_DIRECTORIES:
            if not snapshot.is_directory(directory):
                shown = printable(revision, 80)
                raise BadInputError(
                    f"{self._shown} at '{shown}' is no kernel tree: it has no {directory}/;"
                    " give the top directory of a Linux source tree or repository"
                )
        return commit

    def iter_tips(self) -> list[tuple[str, str]]:
        """Return (name, commit) of the branches and tags, the newest first."""
        if self.imported:
            return []
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        fields = "--format=%(refname:short)%00%(objectname)%00%(*objectname)"
        # A ref that names nothing (a partial or damaged clone) does not hide the others.
        order = "--sort=-creatordate"
        result = self._user.run("for-each-ref", order, fields, *kinds, accept=(0, 1, 128))
        tips: list[tuple[str, str]] = []
        for line in result.out.decode("utf-8", "replace").splitlines():
            name, _, ids = line.partition("\0")
            direct, _, peeled = ids.partition("\0")
            tips.append((name, peeled or direct))
        return tips

    def snapshot(self, treeish: str, *, based_on: Snapshot | None = None) -> Snapshot:
        """Return the tree of a revision, or of the id of a commit or tree.

        Raises:
            BadInputError: there is none.
        """
        name = treeish if is_object_id(treeish) else self.resolve(treeish)
        try:
            tree_id = self.objects.tree_of(name)
        except KeyError:
            message = f"{self._shown} has no tree {printable(treeish, 80)}: fetch it there first"
            raise BadInputError(message) from None
        known = self._snapshots.get(tree_id)
        if known is None:
            known = Snapshot(self.git, self.objects, tree_id, cache=self._cache, based_on=based_on)
            self._snapshots[tree_id] = known
        return known

    def _user_text(self, *args: str) -> str:
        result = self._user.run("rev-parse", "--path-format=absolute", *args)
        return os.fsdecode(result.out.removesuffix(b"\n"))

    def _user_path(self, name: str) -> Path:
        return Path(self._user_text("--git-path", name))


def open_tree(
    path: Path,
    *,
    cache_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> KernelTree:
    """Open a git checkout, a bare repository, or an unpacked source tree.

    An unpacked tree is imported once into a repository under ``cache_dir`` (default:
    ``$XDG_CACHE_HOME/mm-reviewer``); opened again, only what has changed is read. ``progress``
    is told about that in short lines. Nothing is ever written under ``path``.

    Raises:
        BadInputError: the path is no kernel tree, or git cannot read it.
    """
    root = path.expanduser().resolve()
    if not root.is_dir():
        raise BadInputError(
            f"{printable(str(path))} is no directory: give a kernel tree or repository"
        )
    cache = cache_dir if cache_dir is not None else default_cache_dir()
    git_directory = _find_git_directory(root)
    if git_directory is None:
        for directory in _KERNEL_DIRECTORIES:
            if not (root / directory).is_dir():
                raise BadInputError(
                    f"{printable(str(root))} is no kernel tree: it has no {directory}/"
                    " and is no git repository; give the top directory of a Linux source tree"
                )
        place = cache / "trees"
        if place.absolute().is_relative_to(root):
            raise BadInputError(f"the cache {cache} lies in the tree: set XDG_CACHE_HOME elsewhere")
        imported = import_tree(root, place, _open_import, progress or (lambda text: None))
        return KernelTree(root, imported.repository, cache, imported=imported.commit)
    tree = KernelTree(root, git_directory, cache)
    try:
        if tree.find_commit("HEAD") is not None:
            tree.resolve("HEAD")
    except BaseException:
        tree.close()
        raise
    return tree


def default_cache_dir() -> Path:
    """Return ``$XDG_CACHE_HOME/mm-reviewer``, by the XDG rules ``~/.cache/mm-reviewer``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "mm-reviewer"


def _make_directory() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="mm-review-"))
    except OSError as error:
        message = f"no scratch directory can be made: {error.strerror}; set TMPDIR to one with room"
        raise BadInputError(message) from error


def _open_import(repository: Path) -> GitDirectory:
    create_repository(repository, "sha1")
    return GitDirectory(repository, config=IMPORT_CONFIG)


def _find_git_directory(root: Path) -> Path | None:
    """Return the git directory *of this directory*: an outer repository is another tree."""
    if (root / ".git").exists():
        return root / ".git"
    is_bare = (root / "HEAD").is_file() and (root / "objects").is_dir()
    return root if is_bare and (root / "refs").is_dir() else None
