"""A tree read as one like another: what is taken over must be what reading it anew gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reviewer.analysis.callgraph import CallGraph
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.facts import FunctionFacts

FLAGS = "include/linux/page-flags.h"
DEBUG = "include/linux/mmdebug.h"
UTIL = "mm/util.c"
COUNT = "fs/proc/page.c"

Edit = Callable[[Mapping[str, str]], Mapping[str, str]]


def _put(path: str, old: str, new: str) -> Edit:
    def edit(files: Mapping[str, str]) -> Mapping[str, str]:
        assert not old or old in files[path], f"{path} has no {old!r}"
        text = files[path].replace(old, new) if old else new + files.get(path, "")
        return {path: text}

    return edit


NEW_FILE = "#include <linux/mm.h>\nint brand_new(void) { return 1; }\n"
HEAD = "#define PF_HEAD(page, enforce)\t"
CLEAR = "static __always_inline void ClearPage##uname"

EDITS = {
    "nothing": lambda _: {},
    "lines above the functions of a file": _put(UTIL, "", "/*\n * text\n */\n"),
    "a function more": _put(UTIL, "", "static int extra(int x) { return x; }\n"),
    "a macro of a file": _put(UTIL, "", "#define unlikely(x) (!(x))\n"),
    "an include more": _put(UTIL, "", "#include <linux/proc_fs.h>\n"),
    "a new file": _put("mm/new.c", "", NEW_FILE),
    "a new header": _put("include/linux/new.h", "", "#define PF_NEW(page, enforce) page\n"),
    "lines above a header": _put(FLAGS, "", "\n\n\n"),
    "a policy": _put(FLAGS, f"{HEAD}compound_head(page)", f"{HEAD}(BUG(), compound_head(page))"),
    "a generator": _put(FLAGS, CLEAR, CLEAR.replace("Clear", "Wipe")),
    "a flag more": _put(FLAGS, "PAGEFLAG(Locked,", "TESTSETFLAG(A, b, PF_ANY)\nPAGEFLAG(Locked,"),
    "a macro below another": _put(DEBUG, "\t\tBUG();", '\t\tpanic("x");'),
    "a macro that conditionals ask for": _put(DEBUG, "", "#define CONFIG_DEBUG_VM_PGFLAGS 0\n"),
    "a type name": _put("include/linux/types.h", "", "typedef int brand_new_t;\n"),
    "an include more in a header": _put(FLAGS, "", "#include <linux/proc_fs.h>\n"),
}


def _all(code: CodeBase) -> list[tuple[FunctionFacts, object, bool | None]]:
    return [(f, code.body(f), code.enabled(f.conditions, f.path)) for f in code.iter_functions()]


@pytest.fixture(scope="module")
def before(minimm: Callable[..., Any]) -> CodeBase:
    """The teaching tree, with all of its bodies read."""
    code = CodeBase(minimm(), default_config(), scope=("",))
    assert _all(code)
    return code


@pytest.mark.parametrize("name", EDITS)
def test_taken_over_is_as_read_anew(
    minimm: Callable[..., Any], name: str, before: CodeBase
) -> None:
    files = {path: before.source.read(path).decode() for path in before.source.iter_paths()}
    config = default_config()
    old = _all(before)
    tables = {**before.index.functions}, {**before.index.macros}, {**before.index.types}
    after = minimm(EDITS[name](files))
    like, anew = (CodeBase(after, config, scope=("",), like=kin) for kin in (before, None))
    assert _all(like) == _all(anew)
    assert like.skipped() == anew.skipped()
    for word in ("PageLocked", "compound_head", "VM_BUG_ON_PAGE", "PF_HEAD", "brand_new"):
        assert like.find_function(word) == anew.find_function(word)
        assert like.find_macro(word) == anew.find_macro(word)
        assert like.callers(word) == anew.callers(word)
        assert CallGraph(like).callers(word) == CallGraph(anew).callers(word)
    assert like.find_struct("struct page") == anew.find_struct("struct page")
    assert like.typedefs == anew.typedefs
    # and nothing was changed in what it was taken from
    assert _all(before) == old
    assert tables == (before.index.functions, before.index.macros, before.index.types)


def test_another_configuration_takes_nothing_over(
    minimm: Callable[..., Any], before: CodeBase
) -> None:
    other = default_config().with_options({"DEBUG_VM_PGFLAGS": "n", "DEBUG_VM": "n"})
    like, anew = (CodeBase(minimm(), other, scope=("",), like=kin) for kin in (before, None))
    assert _all(like) == _all(anew)
    assert _all(like) != _all(before)


def test_what_is_equal_is_not_read_again(minimm: Callable[..., Any], before: CodeBase) -> None:
    util = minimm().read(UTIL).decode()
    after = CodeBase(minimm({UTIL: "\n" + util}), default_config(), scope=("",), like=before)
    made = next(iter(before.made_in(FLAGS)))
    assert next(iter(after.made_in(FLAGS))) is made
    assert after.body(made) is before.body(made)
    assert after.functions_in(COUNT) is before.functions_in(COUNT)
    assert after.functions_in(UTIL) is not before.functions_in(UTIL)


def test_what_invocations_make_is_kept_on_disk(
    minimm: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviewer.cfacts.made.FEW", 0)
    anew = CodeBase(minimm(), default_config(), scope=("",))
    for _ in range(2):  # made, then read
        kept = CodeBase(minimm(), default_config(), tmp_path, scope=("",))
        assert list(kept.iter_functions()) == list(anew.iter_functions())
        assert list(kept.iter_functions("PageLocked")) == list(anew.iter_functions("PageLocked"))
    monkeypatch.setattr("reviewer.cfacts.made.MadeFunctions._expand", None)
    assert list(CodeBase(minimm(), default_config(), tmp_path, scope=("",)).iter_functions())
    other = minimm(EDITS["a generator"]({FLAGS: minimm().read(FLAGS).decode()}))
    with pytest.raises(TypeError):
        list(CodeBase(other, default_config(), tmp_path, scope=("",)).iter_functions())
