"""Shared by all tests: trees (in memory, on disk, real ones by variable) and the command line."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]
MINIMM = REPOSITORY / "corpora" / "minimm"


class MemoryTree:
    """A SourceTree of files given as text."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = {path: text.encode() for path, text in files.items()}

    @property
    def name(self) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        for path in sorted(self.files):
            digest.update(path.encode() + b"\0" + self.files[path])
        return digest.hexdigest()

    def read(self, path: str) -> bytes:
        return self.files[path]

    def exists(self, path: str) -> bool:
        return path in self.files

    def blob_id(self, path: str) -> str:
        data = self.files[path]
        header = f"blob {len(data)}\0".encode()
        return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        yield from (p for p in sorted(self.files) if not prefixes or p.startswith(tuple(prefixes)))

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        word = re.compile(rb"\b(" + b"|".join(re.escape(w.encode()) for w in words) + rb")\b")
        return tuple(
            path
            for path in self.iter_paths(prefixes)
            if path.endswith((".c", ".h")) and word.search(self.files[path])
        )


class DirectoryTree:
    """A SourceTree that is a directory on disk; read only."""

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


@pytest.fixture(scope="session")
def memory_tree() -> type[MemoryTree]:
    """Return the class of trees that are texts."""
    return MemoryTree


@pytest.fixture(scope="session")
def directory_tree() -> type[DirectoryTree]:
    """Return the class of trees that are directories."""
    return DirectoryTree


@cache
def _minimm_files() -> dict[str, str]:
    return {
        str(path.relative_to(MINIMM)): path.read_text()
        for path in sorted(MINIMM.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def minimm() -> Callable[..., MemoryTree]:
    """Make the teaching tree with some files replaced or added: ``minimm({path: text})``."""

    def make(files: Mapping[str, str] = {}) -> MemoryTree:
        return MemoryTree({**_minimm_files(), **files})

    return make


def _kernel(version: str) -> Path:
    variable = f"MM_REVIEWER_KERNEL_{version.replace('.', '_')}"
    given = os.environ.get(variable)
    if not given:
        pytest.skip(f"{variable} names no kernel tree: run make test-kernel")
    path = Path(given)
    assert (path / "mm").is_dir(), f"{variable}={given} is no kernel tree"
    return path


@pytest.fixture(scope="session")
def kernel_6_1() -> Path:
    return _kernel("6.1")


@pytest.fixture(scope="session")
def kernel_6_12() -> Path:
    return _kernel("6.12")


def _load_btf_reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("btf", Path(__file__).with_name("btf.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["btf"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Image:
    """A kernel image of Debian's: its BTF, and the configuration it was built with."""

    btf: Any
    config: Path


@pytest.fixture(scope="session")
def kernel_image() -> Callable[[str], Image]:
    """Open the image that MM_REVIEWER_VMLINUZ_6_1 (or _6_12) names: of the same version."""
    reader = _load_btf_reader()

    @cache
    def load(version: str) -> Image:
        image = os.environ.get(f"MM_REVIEWER_VMLINUZ_{version}")
        if not image:
            pytest.skip(f"MM_REVIEWER_VMLINUZ_{version} names no kernel image")
        path = Path(image)
        return Image(reader.Btf(path), path.with_name(path.name.replace("vmlinuz", "config", 1)))

    return load


@pytest.fixture(scope="session")
def mm_review(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the command line as a user would: a process, its exit code, its two streams.

    MM_REVIEWER_TEST_CACHE names a cache to keep, so that a kernel is imported once.
    """
    kept = os.environ.get("MM_REVIEWER_TEST_CACHE")
    cache = Path(kept) if kept else tmp_path_factory.mktemp("cache")

    def run(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "COLUMNS": "80"}
        command = [sys.executable, "-m", "reviewer", *map(str, args)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=900
        )

    return run
