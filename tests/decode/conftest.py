"""Oopses in the kernel's format that we wrote ourselves, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

OOPSES = Path(__file__).parent / "oopses"


@pytest.fixture(scope="session")
def oops() -> Callable[[str], str]:
    """Read an oops: ``oops("remade-6.1")``."""
    return lambda name: (OOPSES / f"{name}.txt").read_text()
