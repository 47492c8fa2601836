"""The accounting of 6.1's own source: clean as it is, and not once a counter rule is undone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model.source import SourceTree
from reviewer.replay.histories.accounting import AccountingRow, compare, run_accounting
from reviewer.replay.scenarios.scenario import find_scenarios, load_scenario
from reviewer.tree.edits import edit_text
from reviewer.tree.recipes import find_recipe, load_recipe


class EditedTree:
    """A tree with some files replaced."""

    def __init__(self, tree: SourceTree, files: Mapping[str, str]) -> None:
        self._tree = tree
        self._files = {path: text.encode() for path, text in files.items()}

    @property
    def name(self) -> str:
        return f"{self._tree.name}-edited"

    def read(self, path: str) -> bytes:
        return self._files.get(path) or self._tree.read(path)

    def exists(self, path: str) -> bool:
        return self._tree.exists(path)

    def blob_id(self, path: str) -> str:
        if path not in self._files:
            return self._tree.blob_id(path)
        return hashlib.sha1(self._files[path], usedforsecurity=False).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        return self._tree.iter_paths(prefixes)

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        return self._tree.grep_words(words, prefixes)


def _rows(code: CodeBase, history: str = "") -> tuple[AccountingRow, ...]:
    """Run all histories, or the one of that name."""
    histories = load_scenario(find_scenarios(), "accounting").histories
    wanted = [h for h in histories if history in ("", h.name)]
    assert wanted, history
    return run_accounting(code, wanted).rows


def _recipe(code: CodeBase, name: str) -> CodeBase:
    """Return a tree to which all patches of a recipe are applied."""
    recipe = load_recipe(find_recipe(name))
    files: dict[str, str] = {}
    for patch in recipe.patch:
        for edit in patch.edit:
            text = files.get(edit.file) or code.source.read(edit.file).decode()
            files[edit.file] = edit_text(text, edit)
    return CodeBase(EditedTree(code.source, files), default_config())


@pytest.fixture(scope="module")
def clean(request: pytest.FixtureRequest) -> dict[str, tuple[AccountingRow, ...]]:
    return {}


BOTH = "anonymous huge page, by PMD and by PTE"
LIVE = "pagemap tells P that page[100], mapped 2 times, is exclusive"
UNDONE = [
    (
        "6_1",
        "undo-deferred-split",
        "the last PMD goes, nothing is left",
        "queued for a deferred split",
    ),
    (
        "6_1",
        "undo-file-rmap-exit",
        "shared memory, two go at once",
        "NR_FILE_MAPPED is 512 with 0 such pages mapped, if",
    ),
    ("6_1", "undo-subpage-mapcount", BOTH, "page[100] is mapped 2 times, kpagecount says 1"),
    ("6_1", "double-map-order", BOTH, "mapped 2 times before and 2 after, is seen mapped 1 times"),
    (
        "6_1",
        "counter-not-initialised",
        "shared memory, by PMD and by PTE",
        "NR_SHMEM_PMDMAPPED is 0",
    ),
    (
        "6_1",
        "undo-write-fault-mapcount",
        "write to what was shared",
        "P may write to page[100], which is mapped 2 times",
    ),
    ("6_12", "undo-pagemap-exclusive", BOTH, LIVE),
]


@pytest.mark.kernel
@pytest.mark.parametrize(("version", "recipe", "history", "rule"), UNDONE)
def test_undoing_a_counter_rule_makes_a_row_differ(
    kernel_code: Callable[[str], CodeBase],
    clean: dict[str, tuple[AccountingRow, ...]],
    version: str,
    recipe: str,
    history: str,
    rule: str,
) -> None:
    code = kernel_code(version)
    before = clean.get(version)
    if before is None:
        before = clean[version] = _rows(code)
    assert [row for row in before if row.undecided] == []
    if version == "6_1":  # what 2c1f057e5be6 mended later
        assert {rule for row in before for rule in row.broken} == {LIVE}
    same = [row for row in before if row.history == history]
    pairs = compare(same, _rows(_recipe(code, recipe), history))
    assert any(rule in text for _, row in pairs if row is not None for text in row.broken)


@pytest.mark.kernel
def test_a_fix_makes_6_1_keep_all_its_counts(kernel_code: Callable[[str], CodeBase]) -> None:
    rows = _rows(_recipe(kernel_code("6_1"), "fix-pagemap-exclusive"))
    assert [row for row in rows if row.undecided or row.broken] == []


@pytest.mark.kernel
def test_6_12_keeps_its_counts(kernel_code: Callable[[str], CodeBase]) -> None:
    rows = _rows(kernel_code("6_12"))
    assert [row for row in rows if row.undecided or row.broken] == []


def test_equal_rows_say_nothing_and_others_are_paired() -> None:
    one = AccountingRow("h", "1. P exit 0 0", (("kpagecount", "0-511:1"),))
    other = AccountingRow("h", "1. P exit 0 0", (("kpagecount", "0-511:0"),))
    assert compare((one,), (one,)) == ()
    assert compare((one,), (other,)) == ((one, other),)
    assert compare((one,), ()) == ((one, None),)
