"""A finding is confirmed by its own assertion, also where others of its path fire."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.finding import Evidence, Finding, Origin, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.review import ReplayRow
from reviewer.model.rule import Confidence, Severity
from reviewer.model.source import SourceTree
from reviewer.model.witness import Outcome
from reviewer.pipeline.confirm import Confirmation, confirm
from reviewer.rulebook import load_rules

PAGE_C = "fs/proc/page.c"
RULE = "unpinned-compound-head"
OF_HEAD = "VM_BUG_ON_PAGE(!PageHead(head))"
OF_TAIL = "VM_BUG_ON_PAGE(compound_head(page) != head)"
NEVER_FIRES = "VM_BUG_ON_PAGE(PageSlab(head))"
ASK = """
static u64 ask_twice(struct page *page)
{
	struct page *head = compound_head(page);

	if (!PageHead(head))
		return 0;
	VM_BUG_ON_PAGE(PageSlab(head), head);
	VM_BUG_ON_PAGE(!PageHead(head), head);
	VM_BUG_ON_PAGE(compound_head(page) != head, page);
	return 1;
}

"""
ASK_ANY = """
static u64 ask_twice(struct page *page)
{
	VM_BUG_ON_PAGE(PageTail(page), page);
	VM_BUG_ON_PAGE(!PageTail(page), page);
	return 1;
}

"""

MakeCode = Callable[[str], CodeBase]


@pytest.fixture(scope="module")
def asking(minimm: Callable[..., SourceTree]) -> MakeCode:
    """Make the teaching tree with ``ask_twice`` as given, called by /proc/kpageflags."""

    def make(function: str) -> CodeBase:
        text = minimm().read(PAGE_C).decode()
        reader = "static ssize_t kpageflags_read("
        text = text.replace(reader, function + reader)
        if function:
            text = text.replace("put_user(stable_page_flags(page)", "put_user(ask_twice(page)")
        return CodeBase(minimm({PAGE_C: text}), default_config(), scope=("",))

    return make


def finding(*asserts: str) -> Finding:
    return Finding(
        rule=RULE,
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        origin=Origin.INTRODUCED,
        reason=Reason.STABILITY,
        message="",
        question="",
        primary=Location(PAGE_C, 1, "kpageflags_read"),
        call_path=(PathStep("kpageflags_read", PAGE_C, 1), PathStep("ask_twice", PAGE_C, 1)),
        evidence=tuple(Evidence(PAGE_C, 1, text) for text in asserts),
    )


def confirmed(after: CodeBase, before: CodeBase | None, *asserts: str) -> Confirmation:
    return confirm(
        [finding(*asserts)],
        {rule.id: rule for rule in load_rules()},
        before=before,
        after=after,
        progress=lambda *_: None,
    )


@pytest.mark.parametrize("text", [OF_HEAD, OF_TAIL])
def test_of_several_that_fire_the_findings_own_is_shown(text: str, asking: MakeCode) -> None:
    (found,) = confirmed(asking(ASK), None, text).findings
    assert found.witness is not None
    assert found.witness.outcome is Outcome.SOMETIMES
    assert f"page dumped because: {text}\n" in found.witness.oops
    assert found.confidence is Confidence.HIGH
    other = OF_TAIL if text == OF_HEAD else OF_HEAD
    assert f"also {other}" in found.witness.reason


def test_an_assertion_that_never_fires_is_not_confirmed_by_another(asking: MakeCode) -> None:
    (found,) = confirmed(asking(ASK), None, NEVER_FIRES).findings
    assert found.witness is not None
    assert found.witness.outcome is Outcome.UNDECIDED
    assert "another assertion of the path fires first" in found.witness.reason
    assert found.confidence is Confidence.MEDIUM


def test_what_fires_in_some_executions_is_not_always_where_another_takes_the_rest(
    asking: MakeCode,
) -> None:
    tail, freed = "VM_BUG_ON_PAGE(PageTail(page))", "VM_BUG_ON_PAGE(!PageTail(page))"
    code = asking(ASK_ANY)
    (one,) = confirmed(code, None, freed).findings
    (both,) = confirmed(code, None, tail, freed).findings
    assert one.witness is not None
    assert both.witness is not None
    assert one.witness.outcome is Outcome.SOMETIMES
    assert both.witness.outcome is Outcome.ALWAYS


def test_the_row_compares_with_the_tree_before(asking: MakeCode) -> None:
    done = confirmed(asking(ASK), asking(""), OF_TAIL)
    path = "kpageflags_read -> ask_twice"
    assert done.rows == (ReplayRow("free-under-reader", Outcome.NEVER, Outcome.SOMETIMES, path),)
