"""The interpreter gives what gcc gives, on C that we generate."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reviewer.replay.interpreter.interp import call
from reviewer.replay.machine.machine import Machine

FUNCTIONS = 200
VECTORS = (
    (0, 0, 0, 0, 0, 0, 0, 0),
    (-1, 255, -1, 65535, -1, 4294967295, -1, 18446744073709551615),
    (100, 17, -300, 40000, 123456, 3000000000, -(1 << 40), 1 << 63),
)


def _load_generator() -> Any:
    path = Path(__file__).with_name("c_programs.py")
    spec = importlib.util.spec_from_file_location("c_programs", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _gcc_results(text: str, tmp_path: Path) -> list[int]:
    lines = [text, "int printf(const char *, ...);\nint main(void)\n{"]
    for index in range(FUNCTIONS):
        for vector in VECTORS:
            args = ", ".join(f"{v}ULL" if v > 1 << 62 else f"{v}LL" for v in vector)
            lines.append(f'\tprintf("%ld\\n", f{index}({args}));')
    lines.append("\treturn 0;\n}")
    source = tmp_path / "programs.c"
    source.write_text("\n".join(lines))
    program = tmp_path / "programs"
    command = ["gcc", "-std=gnu11", "-fwrapv", "-O0", "-w", "-o", str(program), str(source)]
    subprocess.run(command, check=True)
    done = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on this machine")
@pytest.mark.parametrize("seed", [20151006])
def test_generated_functions_give_what_gcc_gives(
    seed: int, tmp_path: Path, machine_of: Callable[[str], Machine]
) -> None:
    text: str = _load_generator().write_program(seed, FUNCTIONS)
    expected = iter(_gcc_results(text, tmp_path))
    machine = machine_of(text)
    for index in range(FUNCTIONS):
        for vector in VECTORS:
            want = next(expected)
            assert call(machine, f"f{index}", vector) == want, f"seed {seed}, f{index}{vector}"
