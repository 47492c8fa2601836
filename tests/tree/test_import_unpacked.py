from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.model.errors import BadInputError
from reviewer.tree import unpacked
from reviewer.tree.repo import KernelTree, open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


@pytest.fixture
def source(lab: Lab) -> Path:
    """The tiny kernel, unpacked: its .gitignore ignores all, its attributes ask for filters."""
    shutil.rmtree(lab.root / ".git")
    return lab.root


@pytest.fixture
def said() -> list[str]:
    """What the progress callback was told."""
    return []


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_source(lab: Lab) -> Iterator[None]:
    yield
    assert not list(lab.root.rglob("*.git"))


def all_files(tree: KernelTree) -> dict[str, bytes]:
    snapshot = tree.snapshot("HEAD")
    return {path: snapshot.read(path) for path in snapshot.iter_paths()}


def test_every_file_comes_as_it_is(source: Path, cache_dir: Path) -> None:
    odd = {
        "mm/cr.c": b"a\r\nb\r\n",
        "mm/$Id$.c": b"$Id$\n",
        "mm/utf16.c": "int x;".encode("utf-16"),
        "mm/empty.c": b"",
        'mm/quo"te\n\\.c': b"odd name\n",
        '"quoted".c': b"quotes\n",
        "big.bin": bytes(range(256)) * 8192,
        "vmlinux.o": b"\x7fELF",
    }
    for name, data in odd.items():
        (source / name).write_bytes(data)
    (source / os.fsdecode(b"mm/latin\xe9.c")).write_bytes(b"latin\n")
    files = [path for path in source.rglob("*") if path.is_file()]
    expected = {str(path.relative_to(source)): path.read_bytes() for path in files}
    with open_tree(source, cache_dir=cache_dir) as tree:
        assert tree.imported
        assert all_files(tree) == expected


def test_the_tree_is_the_one_git_would_make(source: Path, lab: Lab, cache_dir: Path) -> None:
    (source / "mm/script.sh").write_text("#!/bin/sh\n")
    (source / "mm/script.sh").chmod(0o755)
    (source / "mm/link").symlink_to("nowhere//./in-particular/")
    with open_tree(source, cache_dir=cache_dir) as tree:
        name = tree.snapshot("HEAD").name
    lab.git("init", "-q", "--template=")
    (source / ".git/info").mkdir()
    (source / ".git/info/attributes").write_text("* !text !eol !filter !diff\n")
    lab.commit()
    assert lab.git("rev-parse", "HEAD^{tree}") == name
    shutil.rmtree(source / ".git")


def test_the_same_content_is_the_same_commit_anywhere(
    source: Path, tmp_path: Path, cache_dir: Path
) -> None:
    shutil.copytree(source, tmp_path / "copy")
    first = open_tree(source, cache_dir=cache_dir)
    with first, open_tree(tmp_path / "copy", cache_dir=cache_dir) as second:
        assert first.resolve("HEAD") == second.resolve("HEAD")
    (source / "mm/rmap.c").write_text("changed\n")
    (tmp_path / "copy/mm/rmap.c").write_text("changed\n")
    first = open_tree(source, cache_dir=cache_dir)
    with first, open_tree(tmp_path / "copy", cache_dir=tmp_path / "fresh") as second:
        assert first.resolve("HEAD") == second.resolve("HEAD")


def test_links_are_not_followed_and_devices_not_read(source: Path, cache_dir: Path) -> None:
    (source / "mm/passwd").symlink_to("/etc/passwd")
    (source / "mm/up").symlink_to("..")
    (source / "mm/loop").symlink_to("loop")
    os.mkfifo(source / "mm/pipe.c")
    with open_tree(source, cache_dir=cache_dir) as tree:
        snapshot = tree.snapshot("HEAD")
        assert not any("passwd" in path or "/up" in path for path in snapshot.iter_paths())
        assert not snapshot.exists("mm/passwd")
        assert not snapshot.exists("mm/up/Makefile")
        assert not snapshot.exists("mm/pipe.c")
        with pytest.raises(KeyError):
            snapshot.read("mm/passwd")


def test_a_repository_inside_the_source_is_no_source(
    source: Path, lab: Lab, cache_dir: Path
) -> None:
    (source / "tools/.GIT/hooks").mkdir(parents=True)
    (source / "tools/.GIT/hooks/x").write_text("no\n")
    with open_tree(source, cache_dir=cache_dir) as tree:
        assert not any(".git/" in path.lower() for path in tree.snapshot("HEAD").iter_paths())
    shutil.rmtree(source / "tools")


def test_a_second_open_reads_nothing(source: Path, cache_dir: Path, said: list[str]) -> None:
    open_tree(source, cache_dir=cache_dir, progress=said.append).close()
    assert said[-1].endswith("done")
    said.clear()
    packs = sorted(cache_dir.rglob("*.pack"))
    with open_tree(source, cache_dir=cache_dir, progress=said.append) as tree:
        assert tree.snapshot("HEAD").exists("mm/rmap.c")
    assert said == []
    assert sorted(cache_dir.rglob("*.pack")) == packs


def test_a_changed_tree_is_read_where_it_changed(
    source: Path, cache_dir: Path, said: list[str]
) -> None:
    open_tree(source, cache_dir=cache_dir).close()
    (source / "mm/util.c").write_text("changed\n")
    (source / "fs/proc/page.c").unlink()
    (source / "mm/damon").rename(source / "mm/daemon")
    (source / "Makefile").unlink()
    (source / "Makefile").mkdir()
    (source / "Makefile/inner.c").write_text("int inner;\n")
    with open_tree(source, cache_dir=cache_dir, progress=said.append) as tree:
        files = [path for path in source.rglob("*") if path.is_file()]
        expected = {str(path.relative_to(source)): path.read_bytes() for path in files}
        assert all_files(tree) == expected
    assert ": 3 files" in said[0]


def test_same_size_and_time_but_other_bytes_is_seen(source: Path, cache_dir: Path) -> None:
    open_tree(source, cache_dir=cache_dir).close()
    file = source / "mm/util.c"
    status = file.stat()
    file.write_bytes(file.read_bytes().replace(b"0", b"1"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    with open_tree(source, cache_dir=cache_dir) as tree:
        assert b"return 1;" in tree.snapshot("HEAD").read("mm/util.c")


def test_a_tree_that_changes_while_it_is_read_is_refused(
    source: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = unpacked.scan
    calls: list[int] = []

    def scan_and_change(root: Path) -> Iterator[tuple[bytes, bytes]]:
        yield from scan(root)
        calls.append(1)
        if len(calls) == 1:
            (source / "mm/rmap.c").write_text("int line_1(void);\n" + "x" * 10000)

    monkeypatch.setattr(unpacked, "scan", scan_and_change)
    with pytest.raises(BadInputError, match="changed while it was imported"):
        open_tree(source, cache_dir=cache_dir)
    with open_tree(source, cache_dir=cache_dir) as tree:
        assert all_files(tree)["mm/rmap.c"].endswith(b"xxx")


SLOW_IMPORT = """
import os, pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell put us behind
from reviewer.tree import unpacked
from reviewer.tree.repo import open_tree
write_file, count = unpacked._write_file, 0
def write_and_stop(*args):
    global count
    count += 1
    write_file(*args)
    if count == 4:
        args[0].flush()
        print("in the middle", flush=True)
        sys.stdin.read()
unpacked._write_file = write_and_stop
open_tree(pathlib.Path(sys.argv[1]), cache_dir=pathlib.Path(sys.argv[2]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_import_is_not_taken_for_whole(
    source: Path, cache_dir: Path, how: signal.Signals, said: list[str]
) -> None:
    command = [sys.executable, "-c", SLOW_IMPORT, str(source), str(cache_dir)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in the middle\n"
        process.send_signal(how)
        process.wait()
    assert not list(cache_dir.rglob("manifest"))
    with open_tree(source, cache_dir=cache_dir, progress=said.append) as tree:
        files = [path for path in source.rglob("*") if path.is_file()]
        assert len(all_files(tree)) == len(files)
    assert said[-1].endswith("done")
    for number in range(100):  # the git of the killed run may live a little longer than it
        if not list(cache_dir.rglob("tmp_pack*")):
            return
        time.sleep(0.1)
        (source / "mm/util.c").write_text(f"changed {number}\n")
        open_tree(source, cache_dir=cache_dir).close()
    pytest.fail("what the killed run left is never removed")


def test_a_cache_that_was_damaged_is_made_anew(source: Path, cache_dir: Path) -> None:
    open_tree(source, cache_dir=cache_dir).close()
    for pack in cache_dir.rglob("*.pack"):
        pack.unlink()
    with open_tree(source, cache_dir=cache_dir) as tree:
        assert b"line_1(" in all_files(tree)["mm/rmap.c"]


def test_a_manifest_that_was_damaged_counts_as_none(source: Path, cache_dir: Path) -> None:
    for damage in (b"", b"nonsense", b"mm-reviewer import 1 \0\0", b"\0" * 99):
        open_tree(source, cache_dir=cache_dir).close()
        (manifest,) = cache_dir.rglob("manifest")
        manifest.write_bytes(damage)
        with open_tree(source, cache_dir=cache_dir) as tree:
            assert tree.snapshot("HEAD").exists("mm/rmap.c")


def test_a_manifest_that_was_cut_off_loses_no_file(source: Path, cache_dir: Path) -> None:
    with open_tree(source, cache_dir=cache_dir) as tree:
        whole = all_files(tree)
    (manifest,) = cache_dir.rglob("manifest")
    written = manifest.read_bytes()
    for length in range(len(written) - 60, len(written)):
        manifest.write_bytes(written[:length])
        with open_tree(source, cache_dir=cache_dir) as tree:
            assert all_files(tree) == whole
        assert manifest.read_bytes().partition(b"\0")[2] == written.partition(b"\0")[2]


def test_many_changes_do_not_pile_up(
    source: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked, "_MOST_PACKS", 3)
    for number in range(8):
        (source / "mm/util.c").write_text(f"int x{number};\n")
        with open_tree(source, cache_dir=cache_dir) as tree:
            assert all_files(tree)["mm/util.c"] == f"int x{number};\n".encode()
    assert len(list(cache_dir.rglob("*.pack"))) <= 3


def test_an_unpacked_tree_has_one_revision(source: Path, cache_dir: Path) -> None:
    with open_tree(source, cache_dir=cache_dir) as tree:
        commit = tree.resolve("HEAD")
        assert tree.resolve(commit) == commit
        assert tree.iter_tips() == []
        with pytest.raises(BadInputError, match="an unpacked tree has no history"):
            tree.resolve("v6.1")


def test_a_cache_without_room_is_said_in_one_line(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory\n")
    with pytest.raises(BadInputError) as caught:
        open_tree(source, cache_dir=tmp_path / "file/cache")
    assert "Not a directory; free room or allow access there" in str(caught.value)


def test_a_cache_in_the_source_is_refused(source: Path) -> None:
    with pytest.raises(BadInputError, match="lies in the tree"):
        open_tree(source, cache_dir=source / "cache")
    assert not (source / "cache").exists()


def test_two_runs_at_once_import_once(source: Path, cache_dir: Path) -> None:
    program = "import pathlib,sys\nfrom reviewer.tree.repo import open_tree\n"
    program += "print(open_tree(pathlib.Path(sys.argv[1]),"
    program += "cache_dir=pathlib.Path(sys.argv[2])).resolve())\n"
    command = [sys.executable, "-c", program, str(source), str(cache_dir)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {process.communicate()[0] for process in running}
    assert len(answers) == 1
    assert len(list(cache_dir.rglob("*.pack"))) == 1
