"""The parse gate: hardly any function holds an error, none is invented, none is lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree
from reviewer.model.facts import Skipped

GATE = ("mm/", "fs/proc/", "include/linux/")
KERNELS = pytest.mark.parametrize("variable", ["MM_REVIEWER_KERNEL_6_1", "MM_REVIEWER_KERNEL_6_12"])
MAX_ERRORS = 0.015

pytestmark = pytest.mark.kernel


def iter_unread(body: object) -> Iterator[ctree.UnparsedExpr | ctree.UnparsedStmt]:
    """Yield what could not be read, inline assembly aside: it is kept, and said, on purpose."""
    todo = [body]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo += node
        elif isinstance(node, ctree.UnparsedExpr | ctree.UnparsedStmt):
            if node.reason != "inline assembly":
                yield node
        elif hasattr(node, "__dataclass_fields__") and not isinstance(node, ctree.Span):
            todo += [getattr(node, name) for name in node.__dataclass_fields__]


@KERNELS
def test_hardly_any_function_holds_an_error(
    variable: str, kernel_code: Callable[[str], CodeBase]
) -> None:
    code = kernel_code(variable)
    count, bad = 0, []
    for facts in code.iter_functions():
        if not facts.path.startswith(GATE):
            continue
        count += 1
        body = code.body(facts)
        if isinstance(body, Skipped):
            bad.append((facts.path, facts.line, facts.name, body.reason))
        elif unread := next(iter_unread(body), None):
            bad.append((facts.path, facts.line, facts.name, unread.reason))
    assert count > 15_000
    assert len(bad) <= MAX_ERRORS * count, (len(bad), count, bad[:40])


@KERNELS
def test_no_function_is_invented_and_none_is_lost(
    variable: str, kernel_code: Callable[[str], CodeBase]
) -> None:
    """Against ctags, which itself takes some macro invocations for functions."""
    code = kernel_code(variable)
    root = Path(os.environ[variable])
    if not shutil.which("ctags"):
        pytest.skip("no ctags (apt install universal-ctags)")
    paths = [path for path in code.index.paths if path.startswith(GATE)]
    command = ["ctags", "-x", "--languages=C", "--map-C=+.h", "--kinds-C=f"]
    command += ["--_xformat=%F\t%n\t%N", "-L", "-"]
    done = subprocess.run(
        command, input="\n".join(paths), capture_output=True, text=True, cwd=root, check=True
    )
    theirs: dict[str, set[str]] = defaultdict(set)
    for row in done.stdout.splitlines():
        path, _, name = row.split("\t")
        theirs[path].add(name)
    lost, invented, both = [], [], 0
    for path in paths:
        functions = code.functions_in(path)
        names = {facts.name for facts in functions}
        both += len(names & theirs[path])
        # What ctags alone finds is a loss, unless the name is that of a macro.
        alone = sorted(theirs[path] - names)
        lost += [(path, name) for name in alone if name not in code.index.macros]
        # What it does not find is real where the text has a parameter list and a body.
        text = code.text(path).bare
        for facts in functions:
            if facts.name in theirs[path] or facts.made_by:
                continue
            piece = text[facts.start : facts.end]
            if not re.search(rf"\b{facts.name}\s*\([^;{{]*\)[^;={{]*\{{", piece):
                invented.append((path, facts.line, facts.name))
    assert both > 15_000
    assert (lost, invented) == ([], [])
