"""Machines for the interpreter's tests: C text beside the teaching tree, or a real kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.replay.interp import make_machine
from reviewer.replay.machine import Machine

PROBE = "mm/probe.c"


@pytest.fixture
def machine_of(minimm: Callable[..., SourceTree]) -> Callable[[str], Machine]:
    """Return a maker of machines that run C text, in a file of its own of the teaching tree."""

    def make(text: str) -> Machine:
        code = CodeBase(minimm({PROBE: text}), default_config(), scope=("",))
        return make_machine(code)

    return make
