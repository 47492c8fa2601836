"""Machines for the interpreter's tests: C text beside the teaching tree, or a real kernel."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.replay.interpreter.interp import make_machine
from reviewer.replay.machine.machine import Machine
from reviewer.tree.edits import edit_text
from reviewer.tree.recipes import find_recipe, load_recipe

PROBE = "mm/probe.c"


class UnpackedTree:
    """A SourceTree that is a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        return self.root.name

    def read(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(path) from error

    def exists(self, path: str) -> bool:
        return (self.root / path).is_file()

    def blob_id(self, path: str) -> str:
        data = self.read(path)
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        found = set()
        for prefix in prefixes or ("",):
            start = self.root / prefix
            if start.is_file():
                found.add(prefix)
            for folder, _, files in os.walk(start):
                base = Path(folder).relative_to(self.root)
                found.update((base / name).as_posix() for name in files)
        yield from sorted(found)

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        pattern = re.compile(rb"\b(?:" + b"|".join(w.encode() for w in words) + rb")\b")
        return tuple(
            path
            for path in self.iter_paths(prefixes)
            if path.endswith((".c", ".h")) and pattern.search(self.read(path))
        )


class EditedTree:
    """A tree with some files replaced."""

    def __init__(self, tree: SourceTree, files: Mapping[str, str]) -> None:
        self._tree = tree
        self._files = {path: text.encode() for path, text in files.items()}

    @property
    def name(self) -> str:
        return f"{self._tree.name}-edited"

    def read(self, path: str) -> bytes:
        return self._files.get(path) or self._tree.read(path)

    def exists(self, path: str) -> bool:
        return self._tree.exists(path)

    def blob_id(self, path: str) -> str:
        if path not in self._files:
            return self._tree.blob_id(path)
        return hashlib.sha1(self._files[path], usedforsecurity=False).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        return self._tree.iter_paths(prefixes)

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        return self._tree.grep_words(words, prefixes)


@pytest.fixture
def machine_of(minimm: Callable[..., SourceTree]) -> Callable[[str], Machine]:
    """Return a maker of machines that run C text, in a file of its own of the teaching tree."""

    def make(text: str) -> Machine:
        code = CodeBase(minimm({PROBE: text}), default_config(), scope=("",))
        return make_machine(code)

    return make


DRIVERS = ("drivers/dma-buf/udmabuf.c",)


@cache
def _kernel_code(root: Path) -> CodeBase:
    return CodeBase(UnpackedTree(root), default_config(), extra=DRIVERS)


@pytest.fixture
def kernel_code(request: pytest.FixtureRequest) -> Callable[[str], CodeBase]:
    """Return a maker of code bases of real kernels ("6_1"), read once a session."""
    return lambda version: _kernel_code(request.getfixturevalue(f"kernel_{version}"))


@pytest.fixture
def recipe_code(request: pytest.FixtureRequest) -> Callable[[str, str], CodeBase]:
    """Return a maker of code bases of kernels that all patches of a recipe are applied to."""

    def make(version: str, name: str) -> CodeBase:
        tree = UnpackedTree(request.getfixturevalue(f"kernel_{version}"))
        files: dict[str, str] = {}
        for patch in load_recipe(find_recipe(name)).patch:
            for edit in patch.edit:
                text = files.get(edit.file) or tree.read(edit.file).decode()
                files[edit.file] = edit_text(text, edit)
        return CodeBase(EditedTree(tree, files), default_config(), extra=DRIVERS)

    return make
