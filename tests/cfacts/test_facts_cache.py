from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from reviewer.cfacts import cache
from reviewer.cfacts.extract import extract_file
from reviewer.cfacts.filefacts import FileFacts
from reviewer.cfacts.load import load_facts
from reviewer.model.codec import from_msgpack, to_msgpack

FILES = {
    f"mm/{i}.c": f"int f{i}(void) {{ return g{i}(1); }}\n#define M{i} {i}\n" for i in range(20)
}


class Counting:
    """Wraps a tree and counts what is read of it."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.reads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        data: bytes = self.source.read(path)
        return data


def load(source: Any, directory: Path | None) -> tuple[dict[str, FileFacts], list[str]]:
    lines: list[str] = []
    blobs = {path: source.blob_id(path) for path in sorted(FILES)}
    return load_facts(source, blobs, directory, lines.append), lines


def test_facts_travel_through_the_cache_unchanged(memory_tree: Any, tmp_path: Path) -> None:
    source = Counting(memory_tree(FILES))
    cold, lines = load(source, tmp_path)
    assert (len(source.reads), lines) == (20, [])
    source.reads.clear()
    warm, lines = load(source, tmp_path)
    assert (source.reads, lines) == ([], [])
    assert warm == cold == load(source, None)[0]
    assert cold["mm/3.c"] == extract_file(FILES["mm/3.c"].encode())


def test_a_changed_tree_costs_what_changed(memory_tree: Any, tmp_path: Path) -> None:
    load(memory_tree(FILES), tmp_path)
    changed = Counting(memory_tree(FILES | {"mm/7.c": "int other(void) { return 0; }\n"}))
    found, _ = load(changed, tmp_path)
    assert changed.reads == ["mm/7.c"]
    assert [row.name for row in found["mm/7.c"].functions] == ["other"]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "flipped"])
def test_a_damaged_cache_is_rebuilt_and_says_so(
    memory_tree: Any, tmp_path: Path, damage: str
) -> None:
    whole, _ = load(memory_tree(FILES), tmp_path)
    path = tmp_path / cache.FILE_NAME
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 500)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:3000])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE facts SET data = x'81' || substr(data, 2)")
        connection.close()
    found, lines = load(memory_tree(FILES), tmp_path)
    assert found == whole
    assert len(lines) == 1
    assert "rebuilt" in lines[0]
    source = Counting(memory_tree(FILES))
    assert load(source, tmp_path) == (whole, [])
    assert source.reads == []


def test_a_cache_of_another_version_is_rebuilt_and_says_so(
    memory_tree: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(memory_tree(FILES), tmp_path)
    monkeypatch.setattr(cache, "extractor_digest", lambda: "another")
    source = Counting(memory_tree(FILES))
    _, lines = load(source, tmp_path)
    assert lines == ["facts cache: made by another version of the reader, rebuilt"]
    assert len(source.reads) == 20


def test_without_a_usable_directory_nothing_is_kept(memory_tree: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    found, lines = load(memory_tree(FILES), blocked / "cache")
    assert len(found) == 20
    assert len(lines) == 1
    assert "nothing is kept" in lines[0]


def _fill(arguments: tuple[str, int]) -> list[str]:
    directory, start = arguments
    lines: list[str] = []
    store = cache.FactStore(Path(directory), lines.append)
    for index in range(start, start + 30):
        store.keep({f"blob{index}": to_msgpack(extract_file(b"int f(void) { }\n"))})
        store.load([f"blob{index}"])
    return lines


def test_several_processes_share_one_cache(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        lines = pool.map(_fill, [(str(tmp_path), start) for start in (0, 15, 30)])
    assert lines == [[], [], []]
    store = cache.FactStore(tmp_path, lines[0].append)
    assert len(store.load([f"blob{i}" for i in range(60)])) == 60


def test_values_survive_encoding() -> None:
    facts = extract_file('#define A(x) "\\xff"\nint f(int a) { return 0; } /* é */\n'.encode())
    assert from_msgpack(to_msgpack(facts), FileFacts, what="facts") == facts
