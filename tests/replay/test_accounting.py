"""The accounting of 6.1's own source: clean as it is, and not once a counter rule is undone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.replay.histories.accounting import AccountingRow, compare, run_accounting


class EditedTree:
    """A tree with one place of one file replaced; the pattern must match exactly once."""

    def __init__(self, tree: SourceTree, path: str, pattern: str, text: str) -> None:
        self._tree = tree
        self._path = path
        self._data, count = re.subn(pattern.encode(), text.encode(), tree.read(path))
        assert count == 1, f"{path}: {count} places match"

    @property
    def name(self) -> str:
        return f"{self._tree.name}-edited"

    def read(self, path: str) -> bytes:
        return self._data if path == self._path else self._tree.read(path)

    def exists(self, path: str) -> bool:
        return self._tree.exists(path)

    def blob_id(self, path: str) -> str:
        return f"edited-{path}" if path == self._path else self._tree.blob_id(path)

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        return self._tree.iter_paths(prefixes)

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        return self._tree.grep_words(words, prefixes)


def _rows(code: CodeBase, path: str, pattern: str, text: str) -> tuple[AccountingRow, ...]:
    edited = EditedTree(code.source, path, pattern, text)
    return run_accounting(CodeBase(edited, default_config()))


@pytest.mark.kernel
def test_undoing_a_counter_rule_makes_a_row_differ(
    kernel_code: Callable[[str], CodeBase],
) -> None:
    code = kernel_code("6_1")
    clean = run_accounting(code)
    assert [row.broken for row in clean if row.broken] == []
    assert not any("undecided" in dict(row.values) for row in clean)

    queued = _rows(code, "mm/rmap.c", r"if \(nr && nr < [^)]*\)\)", "if (nr)")
    differing = [(b, a) for b, a in compare(clean, queued) if b is not None and a is not None]
    assert [row.step for row, _after in differing] == ["6. P munmap 0 512"]
    assert dict(differing[0][1].values)["THP_DEFERRED_SPLIT_PAGE"] == "1"

    head = _rows(
        code,
        "mm/util.c",
        r"ret = atomic_read\(&page->_mapcount\)",
        "ret = atomic_read(&compound_head(page)->_mapcount)",
    )
    broken = [rule for row in head for rule in row.broken]
    assert "page[100] is mapped 2 times, kpagecount says 1" in broken
