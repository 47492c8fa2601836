"""What the reader says of the page helpers on real trees, as FACTS of the project state it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree

pytestmark = pytest.mark.kernel

OLD, NEW = "MM_REVIEWER_KERNEL_6_1", "MM_REVIEWER_KERNEL_6_12"
PAGE_C = "fs/proc/page.c"


def iter_nodes(value: object) -> Iterator[object]:
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo += reversed(node)
        elif hasattr(node, "__dataclass_fields__") and not isinstance(node, ctree.Span):
            yield node
            todo += [getattr(node, name) for name in reversed(list(node.__dataclass_fields__))]


def asserted(code: CodeBase, name: str) -> list[tuple[str, ctree.Span]]:
    """Return what a function asserts: the condition's text from dump_page(), and its place."""
    facts = code.find_function(name, PAGE_C)
    assert facts is not None, name
    body = code.body(facts)
    assert isinstance(body, ctree.FunctionDef), body
    found = []
    for node in iter_nodes(body):
        if isinstance(node, ctree.If):
            names = [n.callee.name for n in iter_nodes(node.then) if is_direct(n)]  # type: ignore[attr-defined] # is_direct says so
            if names == ["dump_page", "BUG"]:
                texts = [n.value for n in iter_nodes(node.then) if isinstance(n, ctree.Text)]
                found.append((texts[0], node.span))
    return found


def is_direct(node: object) -> bool:
    return isinstance(node, ctree.Call) and isinstance(node.callee, ctree.Name)


def test_page_double_map_asserts_a_head_at_its_invocation(
    kernel_code: Callable[[str], CodeBase],
) -> None:
    code = kernel_code(OLD)
    (text, span), _poisoned = asserted(code, "PageDoubleMap")
    assert text == "VM_BUG_ON_PAGE(!PageHead(page))"
    assert [use.name for use in span.via] == [
        *("PAGEFLAG", "TESTPAGEFLAG", "PF_SECOND", "VM_BUG_ON_PGFLAGS", "VM_BUG_ON_PAGE"),
    ]
    header = "include/linux/page-flags.h"
    lines = code.source.read(header).decode().split("\n")
    assert span.at_path == header
    assert lines[span.at_line - 1].startswith("PAGEFLAG(DoubleMap")


def test_without_the_option_nothing_is_asserted(kernel_code: Callable[[str], CodeBase]) -> None:
    whole = kernel_code(OLD)
    config = whole.config.with_options({"DEBUG_VM_PGFLAGS": "n"})
    code = CodeBase(whole.source, config, None)
    assert asserted(code, "PageDoubleMap") == []
    assert [text for text, _ in asserted(code, "folio_entire_mapcount")] == [
        "VM_BUG_ON_FOLIO(!folio_test_large(folio))"
    ]


def test_the_era_decides_what_exists(kernel_code: Callable[[str], CodeBase]) -> None:
    old, new = kernel_code(OLD), kernel_code(NEW)
    gone = ("PageDoubleMap", "page_mapcount", "__page_mapcount", "compound_mapcount_ptr")
    assert all(old.find_function(name) for name in gone)
    assert not any(new.find_function(name) for name in gone)
    assert old.find_function("folio_precise_page_mapcount") is None
    assert new.find_function("folio_precise_page_mapcount") is not None


@pytest.mark.parametrize("variable", [OLD, NEW])
def test_the_layout_of_struct_page_is_known(
    variable: str, kernel_code: Callable[[str], CodeBase]
) -> None:
    code = kernel_code(variable)
    page = code.find_struct("struct page")
    assert page is not None
    names = [field.name for field in page.fields]
    assert names[0] == "flags"
    assert "_refcount" in names
    assert code.find_enumerator("PG_locked") == 0
    count = code.find_enumerator("__NR_PAGEFLAGS")
    assert count is not None
    assert 20 < count < 40
    assert code.evaluate("NR_PAGEFLAGS") == count
    assert code.evaluate("PAGE_SIZE") == 4096
    shift = code.evaluate("ZONES_PGSHIFT")
    assert shift is not None
    assert 40 < shift < 64


@pytest.mark.parametrize("variable", [OLD, NEW])
def test_the_proc_files_are_entry_points(
    variable: str, kernel_code: Callable[[str], CodeBase]
) -> None:
    code = kernel_code(variable)
    for name in ("kpagecount_read", "kpageflags_read", "kpagecgroup_read"):
        assert "proc_read" in [fact.member for fact in code.pointers(name)]
    callers = {facts.name for facts, _ in code.callers("stable_page_flags")}
    assert "kpageflags_read" in callers
