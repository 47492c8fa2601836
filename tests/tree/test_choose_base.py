from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.model.errors import BadInputError
from reviewer.tree.apply import apply_series
from reviewer.tree.baseline import find_base
from reviewer.tree.preimages import PreImage, extract_preimages
from reviewer.tree.repo import KernelTree, open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


def advance(lab: Lab, count: int = 1, path: str = "mm/rmap.c") -> list[str]:
    """Commit changes to one file, and return the commits, oldest first."""
    commits = []
    for _ in range(count):
        lab.clock += 3600
        text = (lab.root / path).read_text()
        lab.write({path: f"int at_{lab.clock};\n{text}"})
        commits.append(lab.commit(f"mm: change {path}"))
    return commits


def two_patches(lab: Lab) -> tuple[bytes, ...]:
    """Return two patches on HEAD: both touch rmap.c, the second also util.c and a new file."""

    def second() -> None:
        lab.replace("mm/rmap.c", "line_8(", "line_eight(")
        lab.replace("mm/util.c", "return 0", "return 1")
        lab.write({"mm/new.c": "int new;\n"})

    return lab.diff(lambda: lab.replace("mm/rmap.c", "line_7(", "line_seven("), second)


def test_the_user_s_base_comes_first(lab: Lab, tree: KernelTree) -> None:
    old = lab.git("rev-parse", "HEAD")
    (new,) = advance(lab)
    base = find_base(tree, lab.series(), "HEAD~1")
    assert (base.commit, base.how) == (old, "--base HEAD~1")
    base = find_base(tree, lab.series(base_commit=new), old)
    assert base.how == f"--base {old}, though the series names base-commit {new}"
    with pytest.raises(BadInputError, match=r"unknown revision 'v6\.99'"):
        find_base(tree, lab.series(base_commit=new), "v6.99")


def test_the_base_commit_trailer(lab: Lab, tree: KernelTree) -> None:
    old = lab.git("rev-parse", "HEAD")
    diffs = two_patches(lab)
    advance(lab, 3)
    base = find_base(tree, lab.series(*diffs, base_commit=old))
    assert (base.commit, base.how) == (old, "base-commit trailer")


@pytest.mark.parametrize("named", ["deadbeef" * 5, "--output=owned", "a\nb", "x" * 5000])
def test_a_base_commit_that_is_not_in_the_tree_is_said(
    lab: Lab, tree: KernelTree, named: str
) -> None:
    head = lab.git("rev-parse", "HEAD")
    base = find_base(tree, lab.series(*two_patches(lab), base_commit=named))
    assert base.commit == head
    assert base.how.startswith("HEAD, the newest commit on which all 2 pre-image blobs exist; ")
    assert base.how.endswith(" is not in the tree")
    assert base.how.isprintable()
    assert len(base.how) < 200


def test_the_newest_commit_that_has_the_blobs(lab: Lab, tree: KernelTree) -> None:
    diffs = two_patches(lab)
    before = advance(lab, 2, "fs/proc/page.c")[-1]
    advance(lab, 3)
    advance(lab, 1, "mm/util.c")
    base = find_base(tree, lab.series(*diffs))
    assert base.commit == before
    assert base.how == "newest commit on which all 2 pre-image blobs exist"
    applied = apply_series(tree, base.commit, lab.series(*diffs))
    assert [step.how for step in applied.steps] == ["exact", "exact"]


def test_the_first_commit_of_all_can_be_the_base(lab: Lab, tree: KernelTree) -> None:
    first = lab.git("rev-parse", "HEAD")
    diffs = two_patches(lab)
    advance(lab, 4)
    assert find_base(tree, lab.series(*diffs)).commit == first


def test_a_state_that_only_a_merged_branch_had(lab: Lab, tree: KernelTree) -> None:
    lab.git("checkout", "-q", "-b", "topic")
    (side,) = advance(lab)
    diffs = two_patches(lab)
    advance(lab)
    lab.git("checkout", "-q", "master")
    lab.replace("mm/rmap.c", "line_40(", "line_forty(")
    lab.commit()
    lab.git("merge", "-q", "-m", "merge", "topic")
    base = find_base(tree, lab.series(*diffs))
    assert base.commit == side


def test_another_branch_is_looked_at_when_head_has_none(lab: Lab, tree: KernelTree) -> None:
    lab.git("checkout", "-q", "-b", "mm-unstable")
    (there,) = advance(lab)
    diffs = two_patches(lab)
    lab.git("checkout", "-q", "master")
    base = find_base(tree, lab.series(*diffs))
    assert base.commit == there
    assert base.how == ("newest commit off HEAD on which all 2 pre-image blobs exist (mm-unstable)")


def test_blobs_that_are_nowhere_leave_head(lab: Lab, tree: KernelTree) -> None:
    (head,) = advance(lab)
    diffs = [diff.replace(b"index ", b"index 0f0f0f0f0f") for diff in two_patches(lab)[:1]]
    base = find_base(tree, lab.series(*diffs, prerequisites=("a", "b")))
    assert base.commit == head
    assert base.how == (
        "HEAD: on no recent commit the pre-image blob exists, HEAD has not the pre-image blob;"
        " the series needs 2 prerequisite patches first"
    )


def test_a_series_that_names_nothing(lab: Lab, tree: KernelTree) -> None:
    head = lab.git("rev-parse", "HEAD")
    base = find_base(tree, lab.series(b"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1 +1 @@\n-a\n+b\n"))
    assert (base.commit, base.how) == (head, "HEAD: the series names no base and no blob")


def test_an_unpacked_tree(lab: Lab, cache_dir: Path) -> None:
    diffs = two_patches(lab)
    (lab.root / ".git").rename(lab.root.parent / "away")
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        base = find_base(tree, lab.series(*diffs))
        assert base.how == "the unpacked tree, on which all 2 pre-image blobs exist"
        assert base.commit == tree.resolve("HEAD")
        lost = lab.series(diffs[0].replace(b"index ", b"index 0f0f0f0f"), diffs[1])
        base = find_base(tree, lost)
        assert base.how == "the unpacked tree: it has 1 of 2 pre-image blobs"


def test_the_search_goes_back_a_year_from_the_mail(lab: Lab, tree: KernelTree) -> None:
    diffs = two_patches(lab)
    advance(lab)
    old_clock = lab.clock
    lab.clock += 10 * 365 * 86400
    (head,) = advance(lab)
    assert find_base(tree, lab.series(*diffs)).commit == head
    dated = find_base(tree, lab.series(*diffs, date=old_clock))
    assert dated.how == "newest commit on which all 2 pre-image blobs exist"


def test_a_shallow_clone_ends_where_it_ends(lab: Lab, tmp_path: Path, cache_dir: Path) -> None:
    diffs = two_patches(lab)
    advance(lab, 5)
    lab.git("clone", "-q", "--depth=2", f"file://{lab.root}", str(tmp_path / "shallow"))
    with open_tree(tmp_path / "shallow", cache_dir=cache_dir) as tree:
        assert find_base(tree, lab.series(*diffs)).how.startswith("HEAD: on no recent commit")


def cover_trailers(lab: Lab, base: str, count: int) -> tuple[str, ...]:
    """Return the prerequisite-patch-ids that git format-patch writes for HEAD~count..HEAD."""
    text = lab.git("format-patch", "--stdout", f"--base={base}", f"-{count}", "HEAD")
    marker = "prerequisite-patch-id: "
    lines = [line for line in text.split("\n") if line.startswith(marker)]
    return tuple(line.removeprefix(marker) for line in lines)


def test_prerequisites_are_looked_for_after_the_base(lab: Lab, tree: KernelTree) -> None:
    start = lab.git("rev-parse", "HEAD")
    lab.write({"mm/first.c": "int first;\n"})
    lab.commit("mm: first")
    lab.write({"mm/second.c": "int second;\n"})
    needed = lab.commit("mm: second\n\nLink: https://lore.kernel.org/r/second@example.org")
    lab.replace("mm/rmap.c", "line_7(", "line_seven(")
    diff = lab.run("diff", "HEAD", "--full-index")
    lab.commit("mm: the series")
    ids = cover_trailers(lab, start, 1)
    assert len(ids) == 2
    base = find_base(tree, lab.series(diff, base_commit=start, prerequisites=ids))
    assert base.commit == needed
    assert base.how == "base-commit trailer with its 2 prerequisite patches, this the last"
    by_mail = lab.series(diff, base_commit=start, prerequisites=("<second@example.org>",))
    assert find_base(tree, by_mail).commit == needed
    lab.git("reset", "-q", "--hard", start)
    base = find_base(tree, lab.series(diff, base_commit=start, prerequisites=ids))
    assert base.commit == start
    assert base.how.startswith(
        f"base-commit trailer; 2 of 2 prerequisite patches are not in the tree ({ids[0]}, "
    )


def test_pre_images_are_those_before_the_series(lab: Lab) -> None:
    rmap, util = (lab.git("rev-parse", f"HEAD:mm/{name}") for name in ("rmap.c", "util.c"))

    def rename() -> None:
        lab.git("mv", "mm/util.c", "mm/moved.c")
        lab.replace("mm/moved.c", "return 0", "return 1")

    diffs = lab.diff(
        lambda: lab.replace("mm/rmap.c", "line_7(", "line_seven("),
        lambda: lab.write({"mm/new.c": "int new;\n"}),
        lambda: lab.write({"mm/new.c": "int newer;\n"}),
        lambda: lab.replace("mm/rmap.c", "line_8(", "line_eight("),
        rename,
        lambda: lab.replace("mm/moved.c", "return 1", "return 2"),
        lambda: lab.git("rm", "-qf", "Makefile"),
    )
    makefile, *images = extract_preimages(diffs)
    assert makefile.path == "Makefile"
    assert [image.path for image in images] == ["mm/rmap.c", "mm/util.c"]
    assert rmap.startswith(images[0].blob)
    assert util.startswith(images[1].blob)


def test_an_index_line_inside_a_file_is_no_index_line() -> None:
    diff = (
        b"diff --git a/mm/x.c b/mm/x.c\nindex 1111111..2222222 100644\n--- a/mm/x.c\n"
        b"+++ b/mm/x.c\n@@ -1,2 +1,2 @@\n index 3333333..4444444 100644\n-a\n+b\n"
    )
    assert extract_preimages([diff]) == (PreImage("mm/x.c", "1111111"),)
