"""What makes a function an entry point: a table, an assignment to a member, a macro's argument."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.pipeline.options import Options
from reviewer.pipeline.session import Session
from reviewer.rulebook import load_vocabulary
from reviewer.tree.repo import open_tree

FILE = "mm/example.c"
READER = "static int example(void)\n{\n\treturn 0;\n}\n"
ENTRIES = {
    "a table": ("static const struct mm_walk_ops ops = { .pmd_entry = example };\n", True),
    "a member of a local table": (
        "void walk(void)\n{\n\tstruct mm_walk w = {};\n\n\tw.pmd_entry = example;\n}\n",
        True,
    ),
    "a member whose name many tables have": (
        "void set(struct thing *t)\n{\n\tt->write = example;\n}\n",
        False,
    ),
    "an attribute": (
        "static struct bin_attribute a = __BIN_ATTR(bitmap, 0600, example, NULL, 0);\n",
        True,
    ),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("stored", "is_entry"), ENTRIES.values(), ids=ENTRIES)
def test_where_an_address_is_stored_says_who_starts_it(
    minimm: Callable[..., Any], stored: str, *, is_entry: bool
) -> None:
    code = CodeBase(minimm({FILE: READER + stored}), default_config(), None)
    knowledge = Knowledge(code, load_vocabulary())
    example = knowledge.code.find_function("example", FILE)
    assert example is not None
    assert bool(knowledge.entry_path(example).what) == is_entry


@pytest.mark.kernel
def test_memory_goes_offline_by_a_file_outside_of_mm(kernel_6_1: Path) -> None:
    options = Options(tree=kernel_6_1)
    with open_tree(options.tree) as tree:
        knowledge = Session(options, tree).know(tree.snapshot("HEAD"))
        migrate = knowledge.code.find_function("do_migrate_range")
        assert migrate is not None
        path = knowledge.entry_path(migrate)
    assert path.what == "a sysfs file"
    assert path.steps[0].path == "drivers/base/memory.c"
