"""Variables of file scope that keep the value they begin with, and those that do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.ctree import InitList, Number
from reviewer.model.source import SourceTree

PROBE = "mm/probe.c"
TEXT = """
static int limit = 64;
module_param(limit, int, 0644);
static int moved = 1;
static int counted;
static unsigned long lent = 3;
int shared = 5;
const int fixed = 7;
extern int elsewhere;
static struct conf { int most; } of_conf[2] = { { 3 }, { 4 } };
static int once = 13;
static int grid[2][2] = { { 1, 2 }, { 3, 4 } };
static int filled[2] = { 1, 2 };
static int weights[2] = { 5, 6 };
static const char *word = "a";
static const char * const title = "b";
static struct ops { int (*run)(void); } other;

static int probe_run(void)
{
	int local = 9;
	static int kept = 11;

	moved = limit + other.run();
	counted++;
	of_conf[1].most = 5;
	WRITE_ONCE(once, 4);
	grid[0][1] = 3;
	fill(filled, 2);
	if (ARRAY_SIZE(weights) == sizeof(weights) || weights[1] == title[0])
		word = "c";
	return hand(&lent) + local + kept;
}

static const struct ops probe_ops = {
	.run = probe_run,
};
"""


@pytest.fixture
def code(minimm: Callable[..., SourceTree]) -> CodeBase:
    return CodeBase(minimm({PROBE: TEXT}), default_config(), scope=("",))


@pytest.mark.parametrize(("name", "value"), [("limit", 64), ("fixed", 7)])
def test_a_value_that_nothing_changes_is_known(code: CodeBase, name: str, value: int) -> None:
    found = code.find_constant(name, PROBE)
    assert found is not None
    assert isinstance(found.value, Number)
    assert found.value.value == value
    assert found.static == (name == "limit")


def test_a_table_of_functions_is_known(code: CodeBase) -> None:
    found = code.find_constant("probe_ops", PROBE)
    assert found is not None
    assert found.type.base == "struct ops"
    assert isinstance(found.value, InitList)
    assert [at for at, _ in found.value.items] == [".run"]


@pytest.mark.parametrize("name", ["weights", "title"])
def test_what_is_only_read_is_known(code: CodeBase, name: str) -> None:
    assert code.find_constant(name, PROBE) is not None


CHANGED = ["moved", "counted", "lent", "of_conf", "once", "grid", "filled", "word"]


@pytest.mark.parametrize("name", [*CHANGED, "shared", "elsewhere", "local", "kept", "absent"])
def test_what_may_change_or_is_no_variable_of_the_file_is_not(code: CodeBase, name: str) -> None:
    assert code.find_constant(name, PROBE) is None


def test_another_files_variable_is_not_known(code: CodeBase) -> None:
    assert code.find_constant("limit", "mm/rmap.c") is None
    assert code.find_constant("limit", "no/such/file.c") is None
