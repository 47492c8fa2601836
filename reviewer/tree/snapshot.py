"""A kernel tree at one revision, read from git's objects: never from a work tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise

from reviewer.model.errors import BadInputError
from reviewer.tree.command import Git, printable
from reviewer.tree.grepcache import GrepCache
from reviewer.tree.objects import Entry, ObjectReader

_REFETCH = "fetch what a partial clone left out with git fetch --refetch --no-filter"
DEEPEST = 100  # directories in each other; the kernel has 11
_FEW = 2000  # files read one by one cost less than a search of the whole tree
_WORD = re.compile(r"[A-Za-z0-9_]+")
_GLOB_SPECIAL = re.compile(r"([\\*?\[\]])")


class Snapshot:
    """Implements ``model.source.SourceTree`` on a git tree object.

    A symbolic link is no file here, so that none is followed. ``based_on`` is a snapshot most
    of whose files are the same; a grep then looks only at the files that differ from it.
    """

    def __init__(
        self,
        git: Git,
        objects: ObjectReader,
        tree_id: str,
        *,
        cache: GrepCache,
        based_on: Snapshot | None = None,
    ) -> None:
        self._git = git
        self._objects = objects
        self._tree_id = tree_id
        self._cache = cache
        self._based_on = based_on
        self._answers: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"Snapshot({self._tree_id})"

    @property
    def name(self) -> str:
        """The id of the git tree."""
        return self._tree_id

    def read(self, path: str) -> bytes:
        """Return the file's bytes.

        Raises:
            KeyError: there is no such file in the tree.
            BadInputError: the tree has it, but the repository lacks its blob.
        """
        return self._objects.read_named(self.blob_id(path))

    def exists(self, path: str) -> bool:
        """Say whether the path is a regular file of the tree."""
        entry = self._find(path)
        return entry is not None and entry.is_file

    def blob_id(self, path: str) -> str:
        """Return the id of the file's blob.

        Raises:
            KeyError: there is no such file in the tree.
        """
        entry = self._find(path)
        if entry is None or not entry.is_file:
            raise KeyError(path)
        return entry.id

    def is_directory(self, path: str) -> bool:
        """Say whether the path is a directory of the tree."""
        entry = self._find(path.rstrip("/"))
        return entry is not None and entry.is_directory

    def find_entries(self, path: str) -> dict[str, Entry]:
        """Return what stands in the way of a new file at ``path``, by path; empty if nothing.

        That is the entry itself; or the file or symbolic link that one of its directories is;
        or, where the path is a directory, one entry in it.
        """
        entry = Entry(0o040000, self._tree_id)
        done = ""
        for part in path.split("/"):
            child = self._objects.directory(entry.id).get(part) if _is_safe(part) else None
            if child is None:
                return {}
            done = f"{done}/{part}" if done else part
            entry = child
            if not entry.is_directory:
                return {done: entry}
        while entry.is_directory:
            inside = self._objects.directory(entry.id)
            if not inside:
                return {}
            name, entry = next(iter(inside.items()))
            done = f"{done}/{name}"
        return {done: entry}

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        """Yield the files in any of the directories ``prefixes`` (or of these names), sorted."""
        if not prefixes:
            yield from self._walk(self._tree_id, "")
            return
        for prefix in _outermost(prefixes):
            entry = self._find(prefix)
            if entry is None:
                continue
            if entry.is_directory:
                yield from self._walk(entry.id, prefix + "/")
            elif entry.is_file:
                yield prefix

    def iter_changed(self, since: Snapshot) -> Iterator[str]:
        """Yield the paths (of anything but directories) whose entry differs in ``since``."""
        yield from self._compare(since.name, self.name, "")

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the ``*.c`` and ``*.h`` files that hold one of the words, sorted.

        A word stands alone as in ``git grep -w``: no letter, digit or underscore beside it.
        The answer is kept on disk by tree id, so that it is given once, and a tree that differs
        little from one that has an answer is searched where it differs.

        Raises:
            ValueError: a word is not made of letters, digits and underscores.
        """
        wanted = tuple(sorted(set(words)))
        for word in wanted:
            if _WORD.fullmatch(word) is None:
                raise ValueError(f"not a word: {word!r}")
        within = tuple(_outermost(prefixes))
        if not wanted or (prefixes and not within):
            return ()
        return self._answer(wanted, within)

    def _answer(self, words: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[str, ...]:
        """Take the answer of the nearest tree that has one from tree to tree up to this."""
        line = [self]
        found = self._known(words, prefixes)
        while found is None:
            base = line[-1]._based_on or line[-1]._find_relative(words, prefixes)
            if base is None:
                found = line[-1]._search(words, prefixes)
                line[-1]._keep(words, prefixes, found)
                break
            line.append(base)
            found = base._known(words, prefixes)
        for base, snapshot in pairwise(reversed(line)):
            found = snapshot._update(base, found, words, prefixes)
            snapshot._keep(words, prefixes, found)
        return found

    def _known(self, words: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[str, ...] | None:
        known = self._answers.get((words, prefixes))
        return self._cache.find(self._tree_id, words, prefixes) if known is None else known

    def _keep(
        self, words: tuple[str, ...], prefixes: tuple[str, ...], found: tuple[str, ...]
    ) -> None:
        self._answers[words, prefixes] = found
        self._cache.store(self._tree_id, words, prefixes, found)

    def _search(self, words: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[str, ...]:
        """Let git search the whole tree."""
        starts = [_GLOB_SPECIAL.sub(r"\\\1", prefix) + "/" for prefix in prefixes] or [""]
        specs = [f":(glob){start}**/*.{kind}" for start in starts for kind in "ch"]
        specs += [f":(literal){prefix}" for prefix in prefixes if prefix.endswith((".c", ".h"))]
        # One expression: git tries each of several fixed words on all of the text.
        pattern = f"({'|'.join(words)})\n".encode()
        options = ("grep", "-l", "-w", "-E", "-a", "-z", "--full-name", "--no-textconv", "-f", "-")
        result = self._git.run(*options, self._tree_id, "--", *specs, stdin=pattern, accept=(0, 1))
        if "unable to read" in result.err:
            raise BadInputError(f"git grep failed: {printable(result.complaint)}; {_REFETCH}")
        names = result.out.decode("utf-8", "surrogateescape").split("\0")
        found = (name.removeprefix(f"{self._tree_id}:") for name in names if name)
        return tuple(sorted(path for path in found if self.exists(path)))

    def _find_relative(self, words: tuple[str, ...], prefixes: tuple[str, ...]) -> Snapshot | None:
        """Return the tree last searched for the same, if its answer and most files are these."""
        name = self._cache.find_latest(words, prefixes)
        if not name or not self._objects.has_tree(name):
            return None
        other = Snapshot(self._git, self._objects, name, cache=self._cache)
        if other._known(words, prefixes) is None:
            return None
        changed = sum(1 for _ in islice(other.iter_changed(self), _FEW))
        return other if changed < _FEW else None

    def _update(
        self,
        base: Snapshot,
        found: tuple[str, ...],
        words: tuple[str, ...],
        prefixes: tuple[str, ...],
    ) -> tuple[str, ...]:
        """Search only what differs from ``base``, for which ``found`` is the answer."""
        here = set(found)
        pattern = re.compile(
            rb"(?<![A-Za-z0-9_])(?:" + "|".join(words).encode() + rb")(?![A-Za-z0-9_])"
        )
        for path in self.iter_changed(base):
            here.discard(path)
            inside = not prefixes or any(_within(path, prefix) for prefix in prefixes)
            source = inside and path.endswith((".c", ".h")) and self.exists(path)
            if source and pattern.search(self.read(path)):
                here.add(path)
        return tuple(sorted(here))

    def _find(self, path: str) -> Entry | None:
        entry = Entry(0o040000, self._tree_id)
        for part in path.split("/"):
            if not entry.is_directory or not _is_safe(part):
                return None
            child = self._objects.directory(entry.id).get(part)
            if child is None:
                return None
            entry = child
        return entry

    def _walk(self, tree_id: str, start: str) -> Iterator[str]:
        _limit_depth(start)
        for name, entry in self._objects.directory(tree_id).items():
            if not _is_safe(name):
                continue
            if entry.is_directory:
                yield from self._walk(entry.id, f"{start}{name}/")
            elif entry.is_file:
                yield start + name

    def _compare(self, old: str, new: str, start: str) -> Iterator[str]:
        if old == new:
            return
        _limit_depth(start)
        before = self._objects.directory(old) if old else {}
        after = self._objects.directory(new) if new else {}
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was == now:
                continue
            path = start + name
            old_tree = was.id if was and was.is_directory else ""
            new_tree = now.id if now and now.is_directory else ""
            if old_tree or new_tree:
                yield from self._compare(old_tree, new_tree, path + "/")
            if (was and not old_tree) or (now and not new_tree):
                yield path


def _is_safe(part: str) -> bool:
    """Refuse what could lead out of the tree if a path were ever used on a file system."""
    bad = "/" in part or "\0" in part or part.lower() == ".git"
    return part not in ("", ".", "..") and not bad


def _limit_depth(start: str) -> None:
    if start.count("/") > DEEPEST:
        shown = printable(start, 60)
        raise BadInputError(
            f"the tree nests more than {DEEPEST} directories at {shown}: no kernel does"
        )


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _outermost(prefixes: Iterable[str]) -> list[str]:
    """Return the safe prefixes without trailing slash, sorted, none inside another."""
    kept: list[str] = []
    cleaned = {prefix.removesuffix("/") for prefix in prefixes}
    for prefix in sorted(cleaned, key=lambda p: p + "/"):
        if not all(_is_safe(part) for part in prefix.split("/")):
            continue
        if not any(_within(prefix, outer) for outer in kept):
            kept.append(prefix)
    return kept
