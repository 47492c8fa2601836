"""Who starts a function: what stands in a table of entry points, and who calls just this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.rulebook import load_vocabulary

ONE, TWO = "fs/proc/one.c", "fs/proc/two.c"
READ = "static ssize_t example_read(struct file *f, char __user *b, size_t n, loff_t *p)\n"
FILES = {
    ONE: (
        "static int helper(int n)\n{\n\treturn n;\n}\n"
        f"{READ}{{\n\treturn helper(1);\n}}\n"
        "static const struct proc_ops one_ops = {\n\t.proc_read = example_read,\n};\n"
    ),
    TWO: (
        "static int helper(int n)\n{\n\treturn n;\n}\n"
        f"{READ}{{\n\treturn helper(2);\n}}\n"
        "static int beside(struct file *f)\n{\n\treturn 0;\n}\n"
        "static const struct other_ops two_ops = {\n\t.proc_read = beside,\n};\n"
    ),
}


@pytest.fixture(scope="module")
def knowledge(minimm: Callable[..., Any]) -> Knowledge:
    return Knowledge(CodeBase(minimm(FILES), default_config(), None), load_vocabulary())


@pytest.mark.parametrize(
    ("name", "path", "what"),
    [
        pytest.param("example_read", ONE, "a /proc file", id="in a table"),
        pytest.param("example_read", TWO, "", id="a static namesake of another file"),
        pytest.param("beside", TWO, "", id="a member so named of another table"),
        pytest.param("helper", ONE, "", id="in no table"),
    ],
)
def test_an_entry_point_stands_in_a_table_of_them(
    knowledge: Knowledge, name: str, path: str, what: str
) -> None:
    function = knowledge.code.find_function(name, path)
    assert function is not None
    assert function.path == path
    assert knowledge.reach.find_entry(function) == what


def test_a_path_goes_through_the_callers_of_this_function_alone(knowledge: Knowledge) -> None:
    mine, other = (knowledge.code.find_function("helper", path) for path in (ONE, TWO))
    assert mine is not None
    assert other is not None
    found = knowledge.reach.find_path(mine)
    assert [(step.function, step.path) for step in found.steps] == [("example_read", ONE)]
    assert found.what == "a /proc file"
    assert knowledge.reach.find_path(other).what == ""
