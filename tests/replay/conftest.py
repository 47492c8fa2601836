"""Machines for the interpreter's tests: C text beside the teaching tree, or a real kernel."""

from __future__ import annotations

import hashlib
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


@pytest.fixture(scope="session")
def kernel_code(
    request: pytest.FixtureRequest, directory_tree: Callable[[Path], SourceTree]
) -> Callable[[str], CodeBase]:
    """Return a maker of code bases of real kernels ("6_1"), read once a session."""

    @cache
    def make(version: str) -> CodeBase:
        tree = directory_tree(request.getfixturevalue(f"kernel_{version}"))
        return CodeBase(tree, default_config(), extra=DRIVERS)

    return make


@pytest.fixture
def recipe_code(
    request: pytest.FixtureRequest, directory_tree: Callable[[Path], SourceTree]
) -> Callable[[str, str], CodeBase]:
    """Return a maker of code bases of kernels that all patches of a recipe are applied to."""

    def make(version: str, name: str) -> CodeBase:
        tree = directory_tree(request.getfixturevalue(f"kernel_{version}"))
        files: dict[str, str] = {}
        for patch in load_recipe(find_recipe(name)).patch:
            for edit in patch.edit:
                text = files.get(edit.file) or tree.read(edit.file).decode()
                files[edit.file] = edit_text(text, edit)
        return CodeBase(EditedTree(tree, files), default_config(), extra=DRIVERS)

    return make
