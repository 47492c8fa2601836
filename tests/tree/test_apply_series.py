from __future__ import annotations

import base64
import re
import shutil
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.model.errors import BadInputError, DoesNotApplyError
from reviewer.series.hunks import LineRange
from reviewer.tree.apply import AppliedPatch, apply_series
from reviewer.tree.repo import KernelTree, open_tree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


def without_blobs(diff: bytes) -> bytes:
    """Return the diff as some mailers leave it: git cannot merge it then."""
    return re.sub(rb"(?m)^index .*\n", b"", diff)


def apply_one(tree: KernelTree, lab: Lab, diff: bytes) -> AppliedPatch:
    (step,) = apply_series(tree, tree.resolve("HEAD"), lab.series(diff)).steps
    return step


def refusal(tree: KernelTree, lab: Lab, *diffs: bytes) -> str:
    with pytest.raises(DoesNotApplyError) as caught:
        apply_series(tree, tree.resolve("HEAD"), lab.series(*diffs))
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_each_patch_has_a_tree_before_and_after(lab: Lab, tree: KernelTree) -> None:
    first, second = lab.diff(
        lambda: lab.replace("mm/rmap.c", "line_7(", "line_seven("),
        lambda: lab.replace("mm/util.c", "0;", "1;"),
    )
    applied = apply_series(tree, tree.resolve("HEAD"), lab.series(first, second))
    assert applied.base.name == lab.git("rev-parse", "HEAD^{tree}")
    one, two = applied.steps
    assert b"line_7(" in one.before.read("mm/rmap.c")
    assert b"line_seven(" in one.after.read("mm/rmap.c")
    assert one.after.read("mm/util.c") == applied.base.read("mm/util.c")
    assert two.before is one.after
    assert b"return 1;" in applied.end.read("mm/util.c")
    (changed,) = one.changed
    assert (changed.path, changed.status) == ("mm/rmap.c", "M")
    assert changed.added == changed.removed == (LineRange(7, 7),)


def test_the_same_series_gives_the_same_trees(lab: Lab, cache_dir: Path) -> None:
    diffs = lab.diff(
        lambda: lab.replace("mm/rmap.c", "line_7(", "line_seven("),
        lambda: lab.write({"mm/deep/er/new.c": "int x;\n"}),
    )
    names = []
    for _ in range(2):
        with open_tree(lab.root, cache_dir=cache_dir) as tree:
            applied = apply_series(tree, tree.resolve("HEAD"), lab.series(*diffs))
            names.append([step.after.name for step in applied.steps])
    assert names[0] == names[1]


def test_every_kind_of_change_is_as_git_makes_it(lab: Lab, tree: KernelTree) -> None:
    def move() -> None:
        lab.git("mv", "-f", "mm/util.c", "mm/helper.c")
        lab.replace("mm/helper.c", "return 0", "return 2")

    def binary() -> None:
        (lab.root / "mm/logo.bin").write_bytes(bytes(range(256)) * 8)

    def more_binary() -> None:
        (lab.root / "mm/logo.bin").write_bytes(bytes(range(255, -1, -1)) * 8)

    def to_symlink() -> None:
        (lab.root / "mm/rmap.c").unlink()
        (lab.root / "mm/rmap.c").symlink_to("/etc/passwd")

    edits = [
        lambda: lab.write({"mm/a b\"c\n'ü.c": "int odd;\n", "new/dir/file.c": "int n;\n"}),
        lambda: lab.git("rm", "-qf", "new/dir/file.c"),
        move,
        lambda: (lab.root / "mm/helper.c").chmod(0o755),
        lambda: lab.git("mv", "mm/damon", "mm/daemon"),
        binary,
        more_binary,
        to_symlink,
        lambda: lab.write({"mm/no-newline.c": "int x;"}),
        lambda: lab.write({"mm/no-newline.c": "int x;\nint y;"}),
        lambda: lab.write({"mm/cr.c": "a\r\nb\r\n"}),
        lambda: lab.write({"mm/cr.c": "a\r\nc\r\n"}),
        lambda: shutil.rmtree(lab.root / "fs/proc"),
        lambda: lab.write({"fs/proc": "a file where a directory was\n"}),
    ]
    diffs = lab.diff(*edits[:-2], lambda: None, edits[-2], edits[-1])
    trees = []
    start = lab.git("rev-parse", "HEAD")
    for diff in diffs:
        if diff.strip():
            lab.git("apply", "--index", "--whitespace=nowarn", "-", stdin=diff)
        trees.append(lab.git("write-tree"))
    lab.git("reset", "-q", "--hard", start)
    applied = apply_series(tree, start, lab.series(*diffs))
    assert [step.after.name for step in applied.steps] == trees
    assert [step.how for step in applied.steps].count("empty") == 1
    seen = [[(c.status, c.old_path, c.new_path) for c in step.changed] for step in applied.steps]
    assert seen[0] == [("A", "", "mm/a b\"c\n'ü.c"), ("A", "", "new/dir/file.c")]
    assert seen[1] == [("D", "new/dir/file.c", "")]
    assert seen[2] == [("R", "mm/util.c", "mm/helper.c")]
    assert seen[3] == [("M", "mm/helper.c", "mm/helper.c")]
    assert seen[4] == [("R", "mm/damon/core.c", "mm/daemon/core.c")]
    assert seen[7] == [("T", "mm/rmap.c", "mm/rmap.c")]
    assert seen[12] == []
    assert applied.steps[3].changed[0].added == ()
    assert not applied.end.exists("mm/rmap.c")
    assert applied.end.read("fs/proc") == b"a file where a directory was\n"


def test_line_ranges_count_in_the_tree_they_belong_to(lab: Lab, tree: KernelTree) -> None:
    def edit() -> None:
        lab.replace(
            "mm/rmap.c", "int line_3(", "int extra_a(void);\nint extra_b(void);\nint line_3("
        )
        lab.replace("mm/rmap.c", "int line_20(void);\nint line_21(void);\n", "")
        lab.replace("mm/rmap.c", "int line_40(void);\n", "int line_forty(void);\nint more;\n")

    (diff,) = lab.diff(edit)
    (changed,) = apply_one(tree, lab, diff).changed
    assert changed.added == (LineRange(3, 4), LineRange(40, 41))
    assert changed.removed == (LineRange(20, 21), LineRange(40, 40))
    assert changed.touched == (LineRange(3, 4), LineRange(21, 21), LineRange(40, 41))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 39), st.sampled_from("rdi")), max_size=5), max_size=4
    )
)
def test_any_edits_come_out_as_git_commits_them(
    lab: Lab, tree: KernelTree, steps: list[list[tuple[int, str]]]
) -> None:
    lines = [f"int line_{number}(void);" for number in range(1, 41)]
    texts = []
    for number, step in enumerate(steps):
        for line, kind in step:
            at = min(line, len(lines) - 1)
            lines[at : at + (kind != "i")] = [] if kind == "d" else [f"int new_{number}_{at};"]
        texts.append("\n".join(lines) + "\n")
    diffs = lab.diff(*(lambda text=text: lab.write({"mm/rmap.c": text}) for text in texts))
    applied = apply_series(tree, tree.resolve("HEAD"), lab.series(*diffs))
    assert [done.after.read("mm/rmap.c").decode() for done in applied.steps] == texts
    for done in applied.steps:
        for changed in done.changed:
            before = done.before.read("mm/rmap.c").split(b"\n")
            after = done.after.read("mm/rmap.c").split(b"\n")
            for ranges, text in ((changed.removed, before), (changed.added, after)):
                for lines_of in reversed(ranges):
                    del text[lines_of.first - 1 : lines_of.last]
            assert before == after


def test_moved_lines_apply_exactly(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "int line_1(", "int extra(void);\nint line_1(")
    lab.commit()
    step = apply_one(tree, lab, without_blobs(diff))
    assert step.how == "exact"
    assert step.changed[0].added == (LineRange(21, 21),)


def test_changed_context_is_merged_where_the_blob_exists(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "line_22(", "line_22x(")
    lab.commit()
    step = apply_one(tree, lab, diff)
    assert step.how == "three-way merge"
    assert b"line_twenty(" in step.after.read("mm/rmap.c")
    assert b"line_22x(" in step.after.read("mm/rmap.c")


def test_a_conflict_is_refused_and_leaves_nothing(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "line_20(", "line_zwanzig(")
    lab.commit()
    message = refusal(tree, lab, diff)
    assert "mm/rmap.c, hunk at line 17: the nearest match is right there" in message
    assert "(6 of 7 lines agree, line 20 does not)" in message


def test_a_misfit_says_how_far_off_it_is(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "int line_1(", "int extra(void);\nint more(void);\nint line_1(")
    lab.replace("mm/rmap.c", "line_22(", "line_22x(")
    head = lab.commit()
    message = refusal(tree, lab, without_blobs(diff))
    assert message == (
        f"patch 1/1 'mm: step 1' does not apply to {head[:12]}: mm/rmap.c, hunk at line 17:"
        " the nearest match is 2 lines further down, at line 19"
        " (6 of 7 lines agree, line 24 does not);"
        " name the commit it was made on with --base, or ask for a rebase"
    )


def test_a_hunk_for_the_start_of_a_file_may_have_moved(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "int line_1(", "int x;\nint line_1("))
    lab.replace("mm/rmap.c", "int line_1(", "/* SPDX */\nint line_1(")
    lab.commit()
    message = refusal(tree, lab, without_blobs(diff))
    assert "hunk at line 1: would apply 1 line further down, at line 2;" in message


def test_a_diff_made_to_be_slow_is_not(lab: Lab, tree: KernelTree) -> None:
    lab.write({"mm/rmap.c": "x\n" * 60_000})
    lab.commit()
    head = b"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,30000 +1,30000 @@\n"
    started = time.monotonic()
    message = refusal(tree, lab, head + b"-y\n+z\n" + b" x\n" * 29_999)
    assert "hunk at line 1: the nearest match is right there" in message
    assert time.monotonic() - started < 10


def test_an_unpacked_tree_is_named_so(lab: Lab, cache_dir: Path) -> None:
    shutil.rmtree(lab.root / ".git")
    with open_tree(lab.root, cache_dir=cache_dir) as tree:
        assert "does not apply to the unpacked tree: " in refusal(tree, lab, b"nothing\n")


def test_the_second_patch_is_the_one_named(lab: Lab, tree: KernelTree) -> None:
    good, bad = lab.diff(
        lambda: lab.replace("mm/rmap.c", "line_7(", "line_seven("),
        lambda: lab.write({"mm/rmap.c": "something else\n"}),
    )
    lab.write({"mm/util.c": "changed\n"})
    message = refusal(tree, lab, good, without_blobs(bad).replace(b"line_", b"other_"))
    assert "patch 2/2 'mm: step 2' does not apply" in message
    assert "mm/rmap.c, hunk at line 1: nothing like its 40 lines is in the file" in message


def test_what_is_already_there_is_said(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "line_20(", "line_twenty(")
    lab.commit()
    assert "it is already in the tree; name a commit before it" in refusal(tree, lab, diff)


def test_files_that_are_there_or_not_are_said(lab: Lab, tree: KernelTree) -> None:
    new, change = lab.diff(
        lambda: lab.write({"mm/new.c": "int x;\n"}), lambda: lab.write({"mm/new.c": "int y;\n"})
    )
    assert "there is no file mm/new.c in the tree" in refusal(tree, lab, without_blobs(change))
    lab.write({"mm/new.c": "int other;\n"})
    lab.commit()
    assert "the file mm/new.c that it adds is in the tree" in refusal(tree, lab, without_blobs(new))


def test_a_hole_in_the_series_is_mentioned(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.write({"mm/rmap.c": "x\n"}))
    series = lab.series(without_blobs(diff).replace(b"line_", b"other_"), missing=(0,))
    with pytest.raises(DoesNotApplyError, match=r"\(the series lacks patch 0\)"):
        apply_series(tree, tree.resolve("HEAD"), series)


NEW_FILE = b"""diff --git a/%b b/%b
new file mode %b
index 0000000..587be6b
--- /dev/null
+++ b/%b
@@ -0,0 +1 @@
+x
"""


def new_file(path: bytes, mode: bytes = b"100644") -> bytes:
    return NEW_FILE % (path, path, mode, path)


@pytest.mark.parametrize(
    "path",
    [
        b"../outside.c",
        b"mm/../../outside.c",
        b".git/hooks/post-commit",
        b"mm/.GIT/config",
        b"/etc/x",
    ],
)
def test_a_path_outside_the_tree_is_refused(lab: Lab, tree: KernelTree, path: bytes) -> None:
    assert "names a path outside the tree" in refusal(tree, lab, new_file(path))
    assert not list(lab.root.parent.glob("outside*"))


def test_nothing_is_written_through_a_symbolic_link(lab: Lab, tree: KernelTree) -> None:
    link = new_file(b"mm/link", b"120000").replace(b"+x", b"+../..")
    through = new_file(b"mm/link/outside.c")
    message = refusal(tree, lab, link, through)
    assert "patch 2/2" in message
    assert "beyond a symbolic link" in message
    lab.root.joinpath("mm/known").symlink_to("..")
    lab.commit()
    assert "beyond a symbolic link" in refusal(tree, lab, new_file(b"mm/known/outside.c"))


def test_a_file_does_not_take_the_place_of_a_directory(lab: Lab, tree: KernelTree) -> None:
    assert "does not apply" in refusal(tree, lab, new_file(b"mm"))
    assert "does not apply" in refusal(tree, lab, new_file(b"Makefile/x.c"))


@pytest.mark.parametrize(
    "diff",
    [
        b"this is no diff\n",
        b"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,3 +1,3 @@\n int line_1(void);\n",
        b"diff --git a/mm/rmap.c b/mm/rmap.c\nGIT binary patch\nliteral 5\nnonsense\n\n",
        b"\0\xff\x1b[31m\n",
    ],
)
def test_a_damaged_diff_is_one_line(lab: Lab, tree: KernelTree, diff: bytes) -> None:
    assert "patch 1/1 'mm: step 1' does not apply" in refusal(tree, lab, diff)


def test_a_path_without_end_is_refused(lab: Lab, tree: KernelTree) -> None:
    message = refusal(tree, lab, new_file(b"a/" * 1500 + b"x"))
    assert "patch 1/1" in message
    assert len(message) < 500


def test_a_binary_patch_that_unpacks_without_end_is_refused(lab: Lab, tree: KernelTree) -> None:
    size = 1 << 31
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    lines = b""
    for at in range(0, len(packed), 52):
        piece = packed[at : at + 52]
        letter = chr(len(piece) + (64 if len(piece) <= 26 else 70)).encode()
        lines += letter + base64.b85encode(piece, pad=True) + b"\n"
    diff = new_file(b"mm/bomb.bin").split(b"---")[0].replace(b"0000000..587be6b", b"0" * 40)
    diff = diff.replace(b"0" * 40, b"0" * 40 + b".." + b"1" * 40)
    diff += b"GIT binary patch\nliteral %d\n" % size + lines + b"\nliteral 0\nHcmV?d00001\n\n"
    assert "attempting to allocate" in refusal(tree, lab, diff)


def test_a_hostile_subject_stays_on_its_line(lab: Lab, tree: KernelTree) -> None:
    with pytest.raises(DoesNotApplyError) as caught:
        series = lab.series(b"no diff\n", subject="a\nb\x1b[31m" + "c" * 500)
        apply_series(tree, tree.resolve("HEAD"), series)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_an_unknown_base_is_bad_input(lab: Lab, tree: KernelTree) -> None:
    with pytest.raises(BadInputError, match="has no tree"):
        apply_series(tree, "0123456789" * 4, lab.series())


def test_two_series_at_once_do_not_meet(lab: Lab, tree: KernelTree) -> None:
    one, two = lab.diff(
        lambda: lab.write({"mm/one.c": "1\n"}), lambda: lab.write({"mm/two.c": "2\n"})
    )
    head = tree.resolve("HEAD")
    first = apply_series(tree, head, lab.series(one))
    second = apply_series(tree, head, lab.series(two))
    assert first.end.exists("mm/one.c")
    assert not second.end.exists("mm/one.c")
