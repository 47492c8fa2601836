"""The functions that are read, held against what the compiler made of Debian's kernel.

BTF names every function of the image that was not inlined away. It lists them object by object,
and the kernel's own Makefiles say which files of mm/ and fs/proc/ the image was built from.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import KernelConfig

pytestmark = pytest.mark.kernel

VERSIONS = pytest.mark.parametrize("version", ["6_1", "6_12"])
FOLDERS = ("mm", "fs/proc")

OBJECTS = """
include {config}
include {root}/{folder}/Makefile
all:
	@echo $(foreach o,$(obj-y),$(or $($(o:.o=-y)),$($(o:.o=-objs)),$(o)))
"""
AT_LINE_START = re.compile(
    r"^(?:[A-Za-z_][\w \t*]*[ \t*])?(\w+)\s*\([^;]*?\)[^;={]*\{", re.MULTILINE
)
# a system call without arguments has aliases where others have stubs
SYSCALL = re.compile(r"^SYSCALL_DEFINE[1-9]\((\w+)", re.MULTILINE)


def built_files(root: Path, config: Path, folder: str) -> Iterator[str]:
    """Yield the files of a folder that are linked into the image, as make sees it."""
    text = OBJECTS.format(config=config, root=root, folder=folder)
    command = ["make", "-s", "-f", "-", "all", f"src={folder}", f"srctree={root}"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=root, check=True)
    for name in done.stdout.split():
        path = PurePosixPath(folder, name)
        if name.endswith("/"):
            yield from built_files(root, config, str(path))
        else:
            yield str(path.with_suffix(".c"))


class Compiled:
    """One tree read under the configuration its image was built with."""

    def __init__(self, version: str, image: Any, kernel_code: Callable[..., CodeBase]) -> None:
        variable = f"MM_REVIEWER_KERNEL_{version}"
        lines = re.findall(r"^(CONFIG_\w+)=(.*)$", image.config.read_text(), re.MULTILINE)
        self.code = kernel_code(variable, KernelConfig(tuple(sorted(lines))))
        self.root = Path(os.environ[variable])
        self.image = frozenset(image.btf.functions())
        self.files = frozenset(
            path for folder in FOLDERS for path in built_files(self.root, image.config, folder)
        )
        self.functions = tuple(self.code.iter_functions())
        self.names = frozenset(facts.name for facts in self.functions)


@pytest.fixture
def compiled(
    kernel_image: Callable[[str], Any], kernel_code: Callable[..., CodeBase]
) -> Callable[[str], Compiled]:
    if not shutil.which("make"):
        pytest.skip("no make")
    return lambda version: Compiled(version, kernel_image(version), kernel_code)


@VERSIONS
def test_no_function_is_invented(version: str, compiled: Callable[[str], Compiled]) -> None:
    """What is not static and enabled was compiled, so the image has it."""
    tree = compiled(version)
    expected = [
        facts
        for facts in tree.functions
        if facts.path in tree.files
        and not facts.static
        and tree.code.enabled(facts.conditions, facts.path)
    ]
    assert len(expected) > 1500
    assert [(f.path, f.name) for f in expected if f.name not in tree.image] == []


@VERSIONS
def test_no_function_is_lost(version: str, compiled: Callable[[str], Compiled]) -> None:
    """Every function of the image that a file of mm/ or fs/proc/ defines is known."""
    tree = compiled(version)
    written: dict[str, str] = {}
    for path in tree.code.source.iter_paths(FOLDERS):
        if path.endswith((".c", ".h")):
            text = tree.code.source.read(path).decode("latin-1")
            written |= dict.fromkeys(AT_LINE_START.findall(text), path)
            # a system call is made of stubs that no file spells out
            for name in SYSCALL.findall(text) if path in tree.files else ():
                stubs = (f"__{kind}_sys_{name}" for kind in ("x64", "ia32", "se", "do"))
                written |= dict.fromkeys(stubs, path)
    defined = tree.image & written.keys()
    assert len(defined) > 2500
    assert sorted((written[name], name) for name in defined - tree.names) == []
