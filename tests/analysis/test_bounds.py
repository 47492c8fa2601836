"""Code of any size and nesting is walked within bounds, and what a bound cuts off is told."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from reviewer.analysis import summaries
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.rulebook import load_vocabulary

Found = tuple[list[str], set[str], int]

HEAD = """#include <linux/mm.h>
#include <linux/mmzone.h>
int end_of(struct page *page) { VM_BUG_ON_PAGE(PageTail(page), page); return 0; }
"""
NESTS = "nests deeper than 120"
TOO_LONG = "the walk took more steps than one may"


def _arms(count: int) -> str:
    return "\telse ".join(f"if (pfn == {n}) left++;\n" for n in range(count))


def _jumps(count: int) -> str:
    return "".join(f"l{n}: if (pfn == {n}) goto l{n * 7 % count};\n" for n in range(count))


def _calls(count: int) -> str:
    made = "".join(
        f"static int f{n}(struct page *page) {{ return f{n + 1}(page); }}\n" for n in range(count)
    )
    return f"{made}static int f{count}(struct page *page) {{ return end_of(page); }}\n"


@pytest.fixture
def walk(minimm: Callable[..., Any]) -> Callable[..., Found]:
    """Walk a function of this body: assertions met, what is skipped, MiB at the peak."""

    def run(body: str, before: str = "") -> Found:
        text = f"{HEAD}{before}int look(unsigned long pfn, int left)\n{{\n"
        text += "\tstruct page *page = pfn_to_page(pfn);\n" + body + "\n\treturn end_of(page);\n}\n"
        code = CodeBase(minimm({"mm/monster.c": text}), default_config(), scope=("",))
        knowledge = Knowledge(code, load_vocabulary())
        function = code.find_function("look")
        assert function is not None
        tracemalloc.start()
        hazards = knowledge.hazards(function)
        peak = tracemalloc.get_traced_memory()[1] >> 20
        tracemalloc.stop()
        skipped = {s.reason for s in knowledge.skipped() if s.path == "mm/monster.c"}
        return [h.demand.text for h in hazards], skipped, peak

    return run


def test_an_else_if_of_many_arms_is_walked_to_its_end(walk: Callable[..., Found]) -> None:
    texts, skipped, peak = walk(_arms(2000))
    assert "VM_BUG_ON_PAGE(PageTail(page))" in texts
    assert skipped == set()
    assert peak < 200


def test_a_walk_that_only_grows_ends(
    walk: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "STEPS", 10_000)
    _, skipped, peak = walk(_jumps(500))
    assert TOO_LONG in skipped
    assert peak < 200


@pytest.mark.parametrize(
    ("body", "before", "reason"),
    [
        pytest.param(f"left = {'(' * 50_000}1{')' * 50_000};", "", NESTS, id="parentheses"),
        pytest.param("if (left) {" * 5000 + "}" * 5000, "", NESTS, id="blocks"),
        pytest.param(f"left = {'!' * 50_000}left;", "", NESTS, id="operators"),
        pytest.param(f"left = {'left + ' * 30_000}1;", "", "nests too deep", id="terms"),
        pytest.param("return f0(page);", _calls(2000), "nest deeper than 24", id="calls"),
        pytest.param(
            "left = A0;",
            "".join(f"#define A{n} (A{n + 1} + A{n + 1})\n" for n in range(26)) + "#define A26 1\n",
            "expands to more than 150000 tokens",
            id="macros",
        ),
    ],
)
def test_what_is_too_much_is_told(
    walk: Callable[..., Found], body: str, before: str, reason: str
) -> None:
    _, skipped, peak = walk(body, before)
    assert any(reason in told for told in skipped), skipped
    assert peak < 200
