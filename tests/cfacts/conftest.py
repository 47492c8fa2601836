"""Trees the C reader is tested on: a directory, or files given as text."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import KernelConfig, default_config


class DictSource:
    """A source tree of texts."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = {path: text.encode() for path, text in files.items()}

    @property
    def name(self) -> str:
        digest = hashlib.sha256()
        for path in sorted(self.files):
            digest.update(path.encode() + b"\0" + self.files[path] + b"\0")
        return digest.hexdigest()

    def read(self, path: str) -> bytes:
        return self.files[path]

    def exists(self, path: str) -> bool:
        return path in self.files

    def blob_id(self, path: str) -> str:
        return hashlib.sha256(self.files[path]).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        for path in sorted(self.files):
            if not prefixes or path.startswith(tuple(prefixes)):
                yield path

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        pattern = re.compile(rb"\b(?:" + b"|".join(w.encode() for w in words) + rb")\b")
        return tuple(p for p in self.iter_paths(prefixes) if pattern.search(self.files[p]))


class DirectorySource:
    """A source tree that is a directory on disk; read-only."""

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
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        found = []
        for prefix in prefixes or ("",):
            start = self.root / prefix
            if start.is_file():
                found.append(prefix)
            for folder, _, files in os.walk(start):
                base = Path(folder).relative_to(self.root).as_posix()
                found += [name if base == "." else f"{base}/{name}" for name in files]
        yield from sorted(set(found))

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        pattern = re.compile(rb"\b(?:" + b"|".join(w.encode() for w in words) + rb")\b")
        return tuple(
            path
            for path in self.iter_paths(prefixes)
            if path.endswith((".c", ".h")) and pattern.search(self.read(path))
        )


@pytest.fixture
def code_of() -> Callable[..., CodeBase]:
    """Return a maker of code bases from keyword-like mappings of path to text."""

    def make(files: Mapping[str, str], **options: str) -> CodeBase:
        return CodeBase(DictSource(files), default_config().with_options(options), scope=("",))

    return make


@pytest.fixture(scope="session")
def kernel_code() -> Callable[..., CodeBase]:
    """Return a maker of code bases of the kernel tree that an environment variable names."""
    made: dict[tuple[str, KernelConfig], CodeBase] = {}

    def make(variable: str, config: KernelConfig | None = None) -> CodeBase:
        config = config or default_config()
        value = os.environ.get(variable)
        if not value:
            pytest.skip(f"{variable} names no kernel tree")
        assert (Path(value) / "mm").is_dir(), f"{variable}={value} holds no kernel tree"
        if (value, config) not in made:
            made[value, config] = CodeBase(DirectorySource(Path(value)), config, None)
        return made[value, config]

    return make


@pytest.fixture
def dict_source() -> type[DictSource]:
    """Return the class of trees that are texts."""
    return DictSource
