"""The C blocks of a rule's page run: a marked line fires this rule, an unmarked block is silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.checks.registry import OVERVIEWS, Checking
from reviewer.rulebook import load_rules, load_vocabulary

RULES = Path(__file__).resolve().parents[2] / "rules"
EXAMPLE = "fs/proc/example.c"
MARK = "/* fires */"
HEADERS = (
    "#include <linux/mm.h>\n#include <linux/proc_fs.h>\n#include <linux/uaccess.h>\n"
    "#include <linux/huge_mm.h>\n#include <linux/page-flags.h>\n#include <linux/page_ref.h>\n"
)


def _blocks() -> list[Any]:
    found = []
    for page in sorted(RULES.glob("*.md")):
        blocks = re.findall(r"^```c\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        found += [
            pytest.param(page.stem, block, id=f"{page.stem}-{number}")
            for number, block in enumerate(blocks, start=1)
        ]
    return found


@pytest.mark.parametrize(("rule", "block"), _blocks())
def test_a_block_fires_where_it_is_marked_and_nowhere_else(
    minimm: Callable[..., Any], rule: str, block: str
) -> None:
    text = HEADERS + block
    tree = minimm({EXAMPLE: text})
    knowledge = Knowledge(CodeBase(tree, default_config(), None), load_vocabulary())
    checking = Checking(knowledge, load_rules())
    each = [
        finding
        for function in checking.subjects()
        if function.path == EXAMPLE
        for finding in checking.find(function)
    ]
    together = checking.overlook(each)
    shown = together if any(r.id == rule and r.check in OVERVIEWS for r in load_rules()) else each
    found = {(finding.rule, finding.primary.line) for finding in shown}
    marked = {
        (rule, number) for number, line in enumerate(text.splitlines(), start=1) if MARK in line
    }
    assert found == marked
    assert not [s for s in knowledge.skipped() if s.path == EXAMPLE]


def test_every_rule_has_a_page_that_fires_and_one_that_is_silent() -> None:
    for rule in load_rules():
        page = RULES / f"{rule.id}.md"
        blocks = re.findall(r"^```c\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        assert any(MARK in block for block in blocks), rule.id
        assert any(MARK not in block for block in blocks), rule.id
