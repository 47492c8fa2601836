from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.model.errors import BadInputError
from reviewer.tree.repo import KernelTree, default_cache_dir, open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


def refusal(path: Path, cache_dir: Path) -> str:
    with pytest.raises(BadInputError) as caught:
        open_tree(path, cache_dir=cache_dir)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_checkout_is_read_at_its_head(lab: Lab, tree: KernelTree) -> None:
    head = lab.git("rev-parse", "HEAD")
    assert tree.resolve("HEAD") == tree.resolve("master") == tree.resolve(head[:8]) == head
    assert tree.snapshot("HEAD").name == lab.git("rev-parse", "HEAD^{tree}")
    assert not tree.imported


def test_uncommitted_work_is_not_read(lab: Lab, cache_dir: Path) -> None:
    lab.replace("mm/util.c", "return 0", "return dirty")
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert b"dirty" not in tree.snapshot("HEAD").read("mm/util.c")


def test_a_tag_names_its_commit_and_its_tree(lab: Lab, tree: KernelTree) -> None:
    lab.git("tag", "-a", "-m", "six", "v6.0")
    lab.git("tag", "-a", "-m", "of a tag", "twice", "v6.0")
    assert tree.resolve("v6.0") == tree.resolve("twice") == lab.git("rev-parse", "HEAD")
    tag = lab.git("rev-parse", "twice")
    assert tree.snapshot(tag).name == tree.snapshot("HEAD").name


def test_a_bare_repository(lab: Lab, tmp_path: Path, cache_dir: Path) -> None:
    lab.git("clone", "-q", "--bare", str(lab.root), str(tmp_path / "linux.git"))
    with open_tree(tmp_path / "linux.git", cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").exists("mm/rmap.c")


def test_a_worktree_has_a_head_of_its_own(lab: Lab, tmp_path: Path, cache_dir: Path) -> None:
    lab.git("worktree", "add", "-q", "-b", "topic", str(tmp_path / "topic"))
    lab.replace("mm/util.c", "return 0", "return 1")
    lab.commit()
    with open_tree(tmp_path / "topic", cache_dir=cache_dir) as tree:
        assert b"return 0" in tree.snapshot("HEAD").read("mm/util.c")


def test_borrowed_objects_are_found_through_every_alternate(
    lab: Lab, tmp_path: Path, cache_dir: Path
) -> None:
    middle, last = tmp_path / "middle", tmp_path / "last"
    lab.git("clone", "-q", "--shared", str(lab.root), str(middle))
    lab.git("clone", "-q", "--shared", str(middle), str(last))
    relative = os.path.relpath(lab.root / ".git/objects", middle / ".git/objects")
    (middle / ".git/objects/info/alternates").write_text(f"{relative}\n")
    with open_tree(last, cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").read("Makefile") == b"VERSION = 6\n"


@pytest.mark.parametrize(
    "name", ["with space", 'quo"te', "co:lon", "new\nline", "back\\slash", "ü"]
)
def test_any_name_of_the_directory_will_do(
    lab: Lab, tmp_path: Path, cache_dir: Path, name: str
) -> None:
    moved = tmp_path / name
    lab.root.rename(moved)
    with open_tree(moved, cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").exists("mm/rmap.c")


def test_a_sha256_repository(tmp_path: Path, lab: Lab, cache_dir: Path) -> None:
    root = tmp_path / "sha256"
    root.mkdir()
    lab.git("init", "-q", "--object-format=sha256", str(root))
    shutil.rmtree(lab.root / ".git")
    (root / ".git").rename(lab.root / ".git")
    head = lab.commit()
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert len(head) == 64
        assert tree.resolve("HEAD") == head
        assert tree.snapshot("HEAD").read("Makefile") == b"VERSION = 6\n"


def test_a_repository_of_another_user(lab: Lab, cache_dir: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in [lab.root, *lab.root.rglob("*")]:
        os.lchown(path, 65534, 65534)
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").exists("mm/rmap.c")


@pytest.mark.parametrize(
    "revision",
    [
        "no-such-branch",
        "",
        "--output=owned",
        "--git-dir",
        "-h",
        "HEAD\0x",
        "HEAD:mm",
        "HEAD HEAD",
        "deadbeef" * 5,
        "a\nb\x1b[31m",
        "^HEAD",
        "HEAD..HEAD",
    ],
)
def test_an_unknown_revision_is_one_line_and_no_option(
    lab: Lab, tree: KernelTree, revision: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        tree.resolve(revision)
    message = str(caught.value)
    assert message.startswith("unknown revision '")
    assert message.isprintable()
    assert "name a commit, branch or tag" in message
    assert not list(tree.scratch.rglob("owned"))
    assert not list(lab.root.rglob("owned"))


def test_an_unknown_object_is_refused(tree: KernelTree) -> None:
    with pytest.raises(BadInputError, match="has no tree"):
        tree.snapshot("0123456789" * 4)


def test_what_is_no_kernel_is_refused(tmp_path: Path, lab: Lab, cache_dir: Path) -> None:
    assert "is no directory" in refusal(tmp_path / "missing", cache_dir)
    assert "is no directory" in refusal(lab.root / "Makefile", cache_dir)
    assert "no mm/ and is no git repository" in refusal(lab.root / "mm", cache_dir)
    assert not cache_dir.exists()
    lab.git("rm", "-rqf", "include")
    lab.commit()
    assert "is no kernel tree: it has no include/linux/" in refusal(lab.root, cache_dir)


def test_a_damaged_repository_is_refused(lab: Lab, cache_dir: Path) -> None:
    (lab.root / ".git/config").write_text("[core\n")
    assert "git rev-parse failed" in refusal(lab.root, cache_dir)


def test_a_directory_inside_another_repository_is_not_that_repository(
    lab: Lab, cache_dir: Path
) -> None:
    inner = lab.root / "corpora/tiny"
    lab.write({"corpora/tiny/mm/own.c": "int own;\n", "corpora/tiny/include/linux/own.h": "\n"})
    with open_tree(inner, cache_dir=cache_dir) as tree:
        assert tree.imported
        assert list(tree.snapshot("HEAD").iter_paths()) == ["include/linux/own.h", "mm/own.c"]


def test_a_repository_without_a_commit_opens_and_has_no_head(tmp_path: Path, lab: Lab) -> None:
    lab.git("checkout", "-q", "--orphan", "empty")
    with open_tree(lab.root, cache_dir=tmp_path) as tree:
        assert tree.resolve("master")
        with pytest.raises(BadInputError, match="unknown revision 'HEAD'"):
            tree.resolve("HEAD")


def test_variables_of_a_git_hook_do_not_reach_us(
    lab: Lab, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    variables = {
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_COMMON_DIR": str(tmp_path / "elsewhere"),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "objects"),
        "GIT_NAMESPACE": "other",
        "GIT_TRACE": str(trace),
        "GIT_EXTERNAL_DIFF": f"touch {tmp_path}/ran",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "maybe",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert tree.snapshot("HEAD").exists("mm/rmap.c")
    assert not trace.exists()
    assert not (tmp_path / "index").exists()
    assert not (tmp_path / "objects").exists()


@pytest.mark.parametrize("variable", ["GIT_TRACE", "UNRELATED"])
def test_a_machine_without_git(
    lab: Lab, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    env = shutil.which("env")
    assert env is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/env").symlink_to(env)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv(variable, "0")
    assert "git" in refusal(lab.root, cache_dir)


def test_the_scratch_repository_goes_away(lab: Lab, cache_dir: Path) -> None:
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        scratch = tree.scratch
        assert scratch.is_dir()
        tree.snapshot("HEAD").read("Makefile")
    assert not scratch.exists()


def test_a_snapshot_outlives_a_tree_that_was_dropped(lab: Lab, cache_dir: Path) -> None:
    snapshot = open_tree(lab.root, cache_dir=cache_dir).snapshot("HEAD")
    assert snapshot.read("Makefile") == b"VERSION = 6\n"
    assert snapshot.grep_words(["page_mapcount"]) == ("include/linux/mm.h", "mm/util.c")


def test_the_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "mm-reviewer"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/not/allowed")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_dir() == tmp_path / "home/.cache/mm-reviewer"
