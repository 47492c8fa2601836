"""Functions of our own in the code of real trees: each wrong one is found, no right one is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from pathlib import Path

import pytest

from reviewer.model.source import SourceTree
from reviewer.pipeline.options import Options
from reviewer.pipeline.session import Session
from reviewer.tree.repo import open_tree

pytestmark = pytest.mark.kernel
PROBES = Path(__file__).with_name("probes")
FILE = "mm/probe.c"
CASE = re.compile(r"^/\* (?:want: (?P<rules>.*)|silent) \*/\n.*?(?P<name>\w+)\(", re.MULTILINE)


class OneMoreFile:
    """A tree with one more file in it."""

    def __init__(self, tree: SourceTree, text: bytes) -> None:
        self.tree = tree
        self.text = text
        self.name = f"{tree.name} with {sha1(text, usedforsecurity=False).hexdigest()}"

    def read(self, path: str) -> bytes:
        return self.text if path == FILE else self.tree.read(path)

    def exists(self, path: str) -> bool:
        return path == FILE or self.tree.exists(path)

    def blob_id(self, path: str) -> str:
        if path != FILE:
            return self.tree.blob_id(path)
        header = f"blob {len(self.text)}\0".encode()
        return sha1(header + self.text, usedforsecurity=False).hexdigest()

    def iter_paths(self, prefixes: Sequence[str] = ()) -> Iterator[str]:
        found = {*self.tree.iter_paths(prefixes)}
        if not prefixes or FILE.startswith(tuple(prefixes)):
            found.add(FILE)
        yield from sorted(found)

    def grep_words(self, words: Iterable[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
        words = tuple(words)
        found = {*self.tree.grep_words(words, prefixes)}
        word = re.compile(rb"\b(?:" + b"|".join(re.escape(w.encode()) for w in words) + rb")\b")
        if (not prefixes or FILE.startswith(tuple(prefixes))) and word.search(self.text):
            found.add(FILE)
        return tuple(sorted(found))


def _find(root: Path, probe: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the rules that each function of the probe wants, and those that find it."""
    text = probe.read_text()
    wanted = {
        case["name"]: set((case["rules"] or "").split(", ")) - {""} for case in CASE.finditer(text)
    }
    found: dict[str, set[str]] = {name: set() for name in wanted}
    options = Options(tree=root)
    with open_tree(root) as tree:
        session = Session(options, tree)
        knowledge = session.know(OneMoreFile(tree.snapshot("HEAD"), text.encode()))
        for function in session.subjects(knowledge):
            if function.path == FILE:
                rules = {f.rule for f in session.checking(knowledge).find(function)}
                found.setdefault(function.name, set()).update(rules)
        assert not [s for s in knowledge.skipped() if s.path == FILE]
    return wanted, found


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_each_wrong_function_is_found_and_no_right_one(
    version: str, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue(f"kernel_{version.replace('.', '_')}")
    wanted, found = _find(root, PROBES / f"linux-{version}.c")
    assert len(wanted) > 20
    assert found == wanted
