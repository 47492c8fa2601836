"""How many operations a second the interpreter runs on the seed's path (issue: 200,000)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.replay.scheme.operations import operate
from reviewer.replay.source.engine import SourceEngine
from reviewer.tree.repo import open_tree


def _measure(engine: SourceEngine, benchmark: BenchmarkFixture) -> None:
    """Read kpageflags of all pages of a mapped huge page, and say the rate."""
    for operation in (("P", "mmap_anon", 0, 512, 1), ("P", "fault_write", 0, 1, 1)):
        engine.perform(operate(engine.world, *operation))
    flags = engine.kpageflags(0, 512)
    before = engine.ops
    engine.kpageflags(0, 512)
    each = engine.ops - before
    assert benchmark(engine.kpageflags, 0, 512) == flags
    if benchmark.stats is not None:
        benchmark.extra_info["operations a second"] = round(each / benchmark.stats["mean"])


@pytest.mark.bench
def test_kpageflags_of_minimm(
    minimm: Callable[..., SourceTree], benchmark: BenchmarkFixture
) -> None:
    code = CodeBase(minimm(), default_config(), scope=("",))
    _measure(SourceEngine(code, 0xCF800, 1, 8), benchmark)


@pytest.mark.bench
@pytest.mark.kernel
def test_kpageflags_of_6_1(kernel_6_1: Path, tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    snapshot = open_tree(kernel_6_1, cache_dir=tmp_path).snapshot("HEAD")
    _measure(SourceEngine(CodeBase(snapshot, default_config()), 0xCF800, 1, 8), benchmark)
