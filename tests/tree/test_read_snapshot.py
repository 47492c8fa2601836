from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.model.errors import BadInputError
from reviewer.model.source import SourceTree
from reviewer.tree import snapshot as snapshot_module
from reviewer.tree.apply import apply_series
from reviewer.tree.command import Result
from reviewer.tree.gitdirectory import GitDirectory
from reviewer.tree.repo import KernelTree, open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


def git_grep(lab: Lab, treeish: str, *words: str) -> tuple[str, ...]:
    """Return what git itself finds."""
    patterns = [option for word in words for option in ("-e", word)]
    try:
        out = lab.run("grep", "-lwFz", *patterns, treeish, "--", "*.c", "*.h")
    except AssertionError:
        return ()
    names = out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    return tuple(sorted(name.partition(":")[2] for name in names))


@pytest.fixture
def grep_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which git commands ran."""
    seen: list[str] = []
    run = GitDirectory.run

    def watch(self: GitDirectory, *args: str, **options: object) -> Result:
        seen.append(args[0])
        return run(self, *args, **options)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(GitDirectory, "run", watch)
    return seen


def test_a_snapshot_is_a_source_tree(tree: KernelTree) -> None:
    source: SourceTree = tree.snapshot("HEAD")
    assert source.name == tree.snapshot("HEAD").name


def test_files_are_read_by_path(lab: Lab, tree: KernelTree) -> None:
    snapshot = tree.snapshot("HEAD")
    assert snapshot.read("mm/damon/core.c") == b"int x_page_mapcount(void);\n"
    assert snapshot.blob_id("mm/rmap.c") == lab.git("rev-parse", "HEAD:mm/rmap.c")
    assert snapshot.exists("Makefile")
    assert not snapshot.exists("mm")
    assert snapshot.is_directory("mm/") and snapshot.is_directory("include/linux")
    for missing in ("mm/none.c", "none", "mm/rmap.c/x"):
        assert not snapshot.exists(missing)
        with pytest.raises(KeyError):
            snapshot.read(missing)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../outside",
        "mm/../Makefile",
        "mm/./rmap.c",
        "mm//rmap.c",
        ".git/config",
        "mm/.GIT",
        "Makefile\0",
        "",
        "/",
        "mm/rmap.c\n",
        "HEAD:Makefile",
    ],
)
def test_a_path_that_could_lead_out_is_no_file(tree: KernelTree, path: str) -> None:
    snapshot = tree.snapshot("HEAD")
    assert not snapshot.exists(path)
    assert list(snapshot.iter_paths([path])) == []
    assert snapshot.grep_words(["page_mapcount"], [path]) == ()
    with pytest.raises(KeyError):
        snapshot.read(path)
    with pytest.raises(KeyError):
        snapshot.blob_id(path)


def test_paths_are_listed_sorted_and_once(lab: Lab, tree: KernelTree) -> None:
    lab.write({"mm-old/x.c": "", "mm.c": "", "mm/a.c": "", "mm0": ""})
    snapshot = tree.snapshot(lab.commit())
    everything = list(snapshot.iter_paths())
    assert everything == sorted(lab.git("ls-files").split("\n"))
    inside = ["mm/a.c", "mm/damon/core.c", "mm/rmap.c", "mm/util.c"]
    assert list(snapshot.iter_paths(["mm"])) == list(snapshot.iter_paths(["mm/"])) == inside
    assert list(snapshot.iter_paths(["mm/damon/", "mm/", "mm", "mm/rmap.c"])) == inside
    both = list(snapshot.iter_paths(["mm/damon", "mm-old", "none/", "Makefile"]))
    assert both == ["Makefile", "mm-old/x.c", "mm/damon/core.c"]


def test_words_are_found_as_git_finds_them(lab: Lab, tree: KernelTree) -> None:
    lab.write(
        {
            "mm/[glob]*.c": "compound_head\n",
            "mm/binary.c": "\0compound_head\0",
            "mm/in.S": "compound_head\n",
            "mm/near.c": "xcompound_head compound_head2 _compound_head\n",
            "mm/dash.h": "-compound_head-\n",
            "mm/crlf.c": "\r\ncompound_head\r\n",
            "mm/latin.c": "écompound_headé\n",
        }
    )
    snapshot = tree.snapshot(lab.commit())
    for words in (["compound_head"], ["page_mapcount", "compound_head"], ["line_4"], ["absent"]):
        assert snapshot.grep_words(words) == git_grep(lab, "HEAD", *words)
    assert snapshot.grep_words(["page_mapcount"]) == ("include/linux/mm.h", "mm/util.c")
    assert snapshot.grep_words(["page_mapcount"], ["mm/"]) == ("mm/util.c",)
    assert snapshot.grep_words(["page_mapcount"], ["mm/util.c"]) == ("mm/util.c",)
    assert snapshot.grep_words(["compound_head"], ["mm/[glob]*.c"]) == ("mm/[glob]*.c",)
    assert snapshot.grep_words([]) == ()


def test_what_is_no_word_is_refused(tree: KernelTree) -> None:
    for word in ("", "a b", "-e", "a.b", "a\nb", "a\0"):
        with pytest.raises(ValueError, match="not a word"):
            tree.snapshot("HEAD").grep_words([word])


def test_an_answer_is_given_once(lab: Lab, cache_dir: Path, grep_runs: list[str]) -> None:
    for _ in range(2):
        with open_tree(lab.root, cache_dir=cache_dir) as tree:
            snapshot = tree.snapshot("HEAD")
            assert snapshot.grep_words(["line_4", "page_mapcount"]) == snapshot.grep_words(
                ["page_mapcount", "line_4", "line_4"]
            )
    assert grep_runs.count("grep") == 1


def test_a_damaged_answer_is_not_believed(lab: Lab, cache_dir: Path) -> None:
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        expected = tree.snapshot("HEAD").grep_words(["page_mapcount"])
    for file in (cache_dir / "grep").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-2])
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").grep_words(["page_mapcount"]) == expected


def test_a_cache_that_cannot_be_written_is_no_error(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with open_tree(lab.root, cache_dir=tmp_path / "file/cache") as tree:
        assert tree.snapshot("HEAD").grep_words(["line_4"]) == ("mm/rmap.c",)


def test_after_a_patch_only_what_differs_is_searched(
    lab: Lab, tree: KernelTree, grep_runs: list[str]
) -> None:
    diffs = lab.diff(
        lambda: lab.write(
            {"mm/rmap.c": "page_mapcount(page);\n", "mm/text.txt": "page_mapcount\n"}
        ),
        lambda: lab.git("mv", "mm/util.c", "mm/moved.c"),
        lambda: lab.git("rm", "-qf", "include/linux/mm.h"),
        lambda: lab.replace("mm/rmap.c", "page_mapcount", "other"),
    )
    applied = apply_series(tree, tree.resolve("HEAD"), lab.series(*diffs))
    words = ["page_mapcount", "line_4"]
    found = [step.after.grep_words(words) for step in applied.steps]
    for step, answer in zip(applied.steps, found, strict=True):
        assert answer == (*git_grep_in(tree, step.after.name, words),), step.patch.subject
    assert grep_runs.count("grep") == 1 + len(applied.steps)
    assert found[-1] == ("mm/moved.c",)


def test_a_series_of_any_length_is_searched(
    lab: Lab, tree: KernelTree, grep_runs: list[str]
) -> None:
    snapshot = tree.snapshot("HEAD")
    count = sys.getrecursionlimit() // 2
    stream = b""
    for number in range(count):
        stream += b"commit refs/heads/long\nmark :%d\ncommitter C <c@e> 1 +0000\n" % (number + 1)
        stream += b"data 0\n" + (b"" if number else b"from refs/heads/master\n")
        stream += b"M 100644 inline mm/n.c\ndata <<E\nn%d line_4\nE\n\n" % number
    lab.run("fast-import", "--quiet", stdin=stream)
    for commit in lab.git("rev-list", "--reverse", "master..long").split("\n"):
        snapshot = tree.snapshot(commit, based_on=snapshot)
    words = ["line_4", f"n{count - 1}"]
    assert snapshot.grep_words(words) == ("mm/n.c", "mm/rmap.c")
    assert snapshot.grep_words(words) == ("mm/n.c", "mm/rmap.c")
    assert grep_runs.count("grep") == 1


def test_a_tree_much_like_the_last_one_is_searched_where_it_differs(
    lab: Lab, cache_dir: Path, grep_runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["page_mapcount", "line_4"]
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        tree.snapshot("HEAD").grep_words(words)
    lab.write({"mm/more.c": "page_mapcount\n", "mm/rmap.c": "\n"})
    lab.commit()
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        found = tree.snapshot("HEAD").grep_words(words)
        assert found == ("include/linux/mm.h", "mm/more.c", "mm/util.c")
        assert grep_runs.count("grep") == 1
        monkeypatch.setattr(snapshot_module, "_FEW", 1)
        assert tree.snapshot("HEAD~1").grep_words(["line_4"]) == ("mm/rmap.c",)
        assert tree.snapshot("HEAD").grep_words(["line_4"]) == ()
        assert grep_runs.count("grep") == 3


def test_the_last_searched_tree_may_be_of_another_repository(
    lab: Lab, tmp_path: Path, cache_dir: Path
) -> None:
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        tree.snapshot("HEAD").grep_words(["line_4"])
    shutil.rmtree(lab.root / ".git")
    lab.write({"mm/rmap.c": "nothing\n", "mm/other.c": "line_4\n"})
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").grep_words(["line_4"]) == ("mm/other.c",)


def git_grep_in(tree: KernelTree, name: str, words: list[str]) -> list[str]:
    patterns = [option for word in words for option in ("-e", word)]
    result = tree.git.run("grep", "-lwF", *patterns, name, "--", "*.c", "*.h", accept=(0, 1))
    return sorted(line.partition(":")[2] for line in result.out.decode().splitlines())


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text("ab_1 -\n\té\0", max_size=12), min_size=1, max_size=6))
def test_both_ways_to_search_agree(lab: Lab, tree: KernelTree, texts: list[str]) -> None:
    start = tree.snapshot("HEAD")
    lab.write({f"mm/g{number}.c": text for number, text in enumerate(texts)})
    commit = lab.commit()
    lab.git("reset", "-q", "--hard", "HEAD~1")
    other = tree.snapshot(commit, based_on=start)
    for words in (["a"], ["ab", "_1"], ["b1"]):
        quick = other.grep_words(words, ["mm"])
        patterns = "".join(f"{word}\n" for word in words).encode()
        options = ("grep", "-l", "-w", "-F", "-a", "-f", "-", other.name, "--", "mm/*.c")
        slow = tree.git.run(*options, stdin=patterns, accept=(0, 1)).out.decode().splitlines()
        assert list(quick) == sorted(line.partition(":")[2] for line in slow)


def test_what_differs_is_found(lab: Lab, tree: KernelTree) -> None:
    before = tree.snapshot("HEAD")
    lab.write({"mm/rmap.c": "new\n", "fs/new/file.c": "new\n"})
    lab.git("rm", "-qf", "mm/damon/core.c")
    lab.write({"mm/damon": "a file now\n"})
    after = tree.snapshot(lab.commit())
    changed = ["fs/new/file.c", "mm/damon/core.c", "mm/damon", "mm/rmap.c"]
    assert list(after.iter_changed(before)) == changed
    assert list(after.iter_changed(after)) == []


def test_links_and_submodules_are_no_files(lab: Lab, tree: KernelTree) -> None:
    (lab.root / "mm/link.c").symlink_to("rmap.c")
    head = lab.git("rev-parse", "HEAD")
    lab.git("add", "-f", "mm/link.c")
    lab.git("update-index", "--add", "--cacheinfo", f"160000,{head},mm/module.c")
    lab.git("commit", "-q", "-m", "odd entries")
    snapshot = tree.snapshot("HEAD")
    assert "mm/link.c" not in snapshot.iter_paths(["mm"])
    assert "mm/module.c" not in snapshot.iter_paths(["mm"])
    assert not snapshot.exists("mm/link.c") and not snapshot.exists("mm/module.c")
    assert snapshot.grep_words(["line_4"]) == ("mm/rmap.c",)


def test_threads_share_a_snapshot(lab: Lab, tree: KernelTree) -> None:
    lab.write({f"mm/t{number}.c": f"int t{number};\n" * 500 for number in range(40)})
    snapshot = tree.snapshot(lab.commit())
    wrong: list[bytes] = []

    def read_all() -> None:
        for number in range(40):
            text = snapshot.read(f"mm/t{number}.c")
            wrong.extend([text] if text != f"int t{number};\n".encode() * 500 else [])

    threads = [threading.Thread(target=read_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_partial_clone_is_said_and_nothing_is_fetched(
    lab: Lab, tmp_path: Path, cache_dir: Path
) -> None:
    lab.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial.git"
    source = f"file://{lab.root}"
    lab.git("clone", "-q", "--bare", "--filter=blob:none", source, str(partial))
    with open_tree(partial, cache_dir=cache_dir) as tree:
        snapshot = tree.snapshot("HEAD")
        assert snapshot.exists("mm/rmap.c")
        with pytest.raises(BadInputError, match="if it is a partial clone, fetch the rest"):
            snapshot.read("mm/rmap.c")
        with pytest.raises(BadInputError, match="partial clone"):
            snapshot.grep_words(["line_4"])


def test_a_damaged_object_is_said(lab: Lab, tree: KernelTree) -> None:
    blob = lab.git("rev-parse", "HEAD:mm/rmap.c")
    file = lab.root / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    with pytest.raises(BadInputError, match="run git fsck"):
        tree.snapshot("HEAD").read("mm/rmap.c")
    assert tree.snapshot("HEAD").read("Makefile") == b"VERSION = 6\n"


def test_names_that_are_no_text_keep_their_bytes(lab: Lab, tree: KernelTree) -> None:
    name = os.fsdecode(b"mm/latin\xe9.c")
    lab.write({name: "compound_head\n"})
    snapshot = tree.snapshot(lab.commit())
    assert name in snapshot.iter_paths(["mm"])
    assert snapshot.read(name) == b"compound_head\n"
    assert snapshot.grep_words(["compound_head"]) == (name,)
