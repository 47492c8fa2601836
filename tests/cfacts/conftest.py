"""Code bases the C reader is tested on: files given as text, or a real kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import KernelConfig, default_config
from reviewer.model.source import SourceTree


@pytest.fixture
def code_of(memory_tree: Callable[..., SourceTree]) -> Callable[..., CodeBase]:
    """Return a maker of code bases from keyword-like mappings of path to text."""

    def make(files: Mapping[str, str], **options: str) -> CodeBase:
        return CodeBase(memory_tree(files), default_config().with_options(options), scope=("",))

    return make


@pytest.fixture(scope="session")
def kernel_code(directory_tree: Callable[[Path], SourceTree]) -> Callable[..., CodeBase]:
    """Return a maker of code bases of the kernel tree that an environment variable names."""
    made: dict[tuple[str, KernelConfig], CodeBase] = {}

    def make(variable: str, config: KernelConfig | None = None) -> CodeBase:
        config = config or default_config()
        value = os.environ.get(variable)
        if not value:
            pytest.skip(f"{variable} names no kernel tree")
        assert (Path(value) / "mm").is_dir(), f"{variable}={value} holds no kernel tree"
        if (value, config) not in made:
            made[value, config] = CodeBase(directory_tree(Path(value)), config, None)
        return made[value, config]

    return make
