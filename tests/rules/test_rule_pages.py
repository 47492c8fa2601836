"""The C blocks of a rule's page run: a marked line fires this rule, an unmarked block is silent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.checks.registry import OVERVIEWS, Checking
from reviewer.rulebook import load_rules, load_vocabulary

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "rules"
MINIMM = REPOSITORY / "corpora" / "minimm"
EXAMPLE = "fs/proc/example.c"
MARK = "/* fires */"
HEADERS = (
    "#include <linux/mm.h>\n#include <linux/proc_fs.h>\n#include <linux/uaccess.h>\n"
    "#include <linux/huge_mm.h>\n#include <linux/page-flags.h>\n#include <linux/page_ref.h>\n"
)
# One line moves this statistic or that one.
EITHER = """static void example_remove(struct page *page, bool quick)
{
	bool last = atomic_add_negative(-1, &page->_mapcount);

	if (quick)
		return;
	if (last)
		mod_node_page_state(PageAnon(page) ? NR_ANON_MAPPED : NR_FILE_MAPPED, -1);
}
"""


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


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The teaching tree with every example of the pages in a file of its own."""
    root = tmp_path / "linux"
    subprocess.run(["cp", "-a", str(MINIMM), str(root)], check=True)
    for number, block in enumerate([EITHER, *(param.values[1] for param in _blocks())]):
        (root / "mm" / f"example{number}.c").write_text(HEADERS + block)
    return root


def test_findings_are_the_same_bytes_with_every_hash_seed(examples: Path, tmp_path: Path) -> None:
    arguments = ["review", "--all", "--tree", str(examples), "--format", "json", "--no-replay"]
    found = [
        subprocess.run(
            [sys.executable, "-m", "reviewer", *arguments, "--cache-dir", str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert b"NR_ANON_MAPPED or NR_FILE_MAPPED" in found[0]
    assert found[1:] == [found[0]] * 2
