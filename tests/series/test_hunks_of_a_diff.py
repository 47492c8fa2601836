"""Paths and line ranges of diffs, as git writes them and as people break them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.series.hunks import FileDiff, HunkLines, LineRange, is_patch, parse_diff

HUNK = b"@@ -10,4 +10,5 @@ int f(void)\n a\n-b\n+c\n+d\n e\n f\n"
PLAIN = b"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n" + HUNK
LINES = HunkLines(10, 4, 10, 5, (LineRange(11, 11),), (LineRange(11, 12),), "int f(void)")


def git_diff(old: str, new: str, extra: str = "", hunk: bytes = HUNK) -> bytes:
    head = f"diff --git a/{old} b/{new}\n{extra}--- a/{old}\n+++ b/{new}\n"
    return head.encode() + hunk


@pytest.mark.parametrize(
    ("diff", "old", "new"),
    [
        (PLAIN, "mm/rmap.c", "mm/rmap.c"),
        (b"---\n mm/rmap.c | 3 ++-\n\n" + PLAIN + b"-- \n2.39.5\n\n", "mm/rmap.c", "mm/rmap.c"),
        (git_diff("mm/a b.c", "mm/a b.c", "index 1..2 100644\n"), "mm/a b.c", "mm/a b.c"),
        (PLAIN.replace(b"rmap.c", b"rmap.c\t2015-10-06 17:23:53"), "mm/rmap.c", "mm/rmap.c"),
        (
            b'diff --git "a/mm/\\303\\266.c" "b/mm/\\303\\266.c"\n--- "a/mm/\\303\\266.c"\n'
            b'+++ "b/mm/\\303\\266.c"\n' + HUNK,
            "mm/ö.c",
            "mm/ö.c",
        ),
        (PLAIN.replace(b"a/", b"linux.orig/").replace(b"b/", b"linux/"), "mm/rmap.c", "mm/rmap.c"),
        (PLAIN + b"\ntext behind the diff\n--\nYou are on this list\n", "mm/rmap.c", "mm/rmap.c"),
    ],
)
def test_one_file_is_read(diff: bytes, old: str, new: str) -> None:
    found = parse_diff(diff)
    assert found.problem == ""
    assert found.files == (FileDiff(old, new, (LINES,)),)


@pytest.mark.parametrize(
    ("diff", "old", "new"),
    [
        (b"diff --git a/x b/x\nnew file mode 100644\nindex 0..1\n", "", "x"),
        (b"diff --git a/x b/x\ndeleted file mode 100644\nindex 1..0\n", "x", ""),
        (b"diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n", "x", "y"),
        (b"diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", "x", "x"),
    ],
)
def test_file_without_hunks_is_read(diff: bytes, old: str, new: str) -> None:
    assert is_patch(diff)
    assert parse_diff(diff).files == (FileDiff(old, new, ()),)


def test_binary_file_is_told() -> None:
    diff = b"diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIc$@)@0000100\n\n"
    assert parse_diff(diff).files == (FileDiff("x", "x", (), binary=True),)


def test_new_and_removed_files_have_one_path() -> None:
    new = b"diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n"
    [file] = parse_diff(new).files
    assert (file.old_path, file.path, file.hunks[0].added) == ("", "x", (LineRange(1, 1),))
    gone = (
        b"diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    )
    [file] = parse_diff(gone).files
    assert (file.new_path, file.path, file.hunks[0].removed) == ("", "x", (LineRange(1, 1),))


@pytest.mark.parametrize("path", ["../etc/passwd", "x/../../y", "x/..", "a\0b"])
def test_path_outside_the_tree_is_refused_and_the_rest_is_read(path: str) -> None:
    found = parse_diff(git_diff(path, path) + PLAIN)
    assert [file.path for file in found.files] == ["mm/rmap.c"]
    assert "outside the tree" in found.problem


@pytest.mark.parametrize(
    "diff",
    [
        PLAIN[:-8],
        PLAIN[:-3],  # without the last context line
        PLAIN.replace(b"+10,5", b"+10,50"),
        PLAIN.replace(b"\n e", b"\nwrapped e"),
        b"--- a/x\n+++ b/x\n@@ -" + b"9" * 5000 + b" +1 @@\n",
        b"+++ b/x\n@@ -1 +1 @@\n",
        b"--- a/x\n+++ b/x\n@@ -... f() ...\n-a\n+b\n" + PLAIN,
    ],
)
def test_damaged_diff_comes_back_with_a_problem_in_one_line(diff: bytes) -> None:
    found = parse_diff(diff)
    assert found.problem
    assert "\n" not in found.problem


@pytest.mark.parametrize("marker", [b"\\ No newline at end of file\n", b"\\ Kein Ende\n"])
def test_marker_of_a_missing_newline_counts_as_no_line(marker: bytes) -> None:
    hunk = b"@@ -1 +1 @@\n-a\n" + marker + b"+b\n" + marker
    for diff in (git_diff("x", "x", hunk=hunk), git_diff("x", "x", hunk=hunk + b"\n" + marker)):
        found = parse_diff(diff + b"-- \n2.39.5\n")
        assert found.problem == ""
        lines = HunkLines(1, 1, 1, 1, (LineRange(1, 1),), (LineRange(1, 1),))
        assert found.files == (FileDiff("x", "x", (lines,)),)


def test_second_diff_behind_a_signature_counts_and_prose_there_harms_nothing() -> None:
    mail = PLAIN + b"-- \n2.39.5\n\n"
    [first, second] = parse_diff(mail + git_diff("x", "x")).files
    assert (first.path, second.path) == ("mm/rmap.c", "x")
    found = parse_diff(mail + b"+++ I mean it\n@@ -1 +1 @@\nbroken\n")
    assert [file.path for file in found.files] == ["mm/rmap.c"]
    assert found.problem.startswith("behind the signature: ")


def test_removed_line_that_looks_like_a_signature_is_a_removed_line() -> None:
    diff = b"--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@\n a\n-- \n b\n"
    [file] = parse_diff(diff).files
    assert file.hunks[0].removed == (LineRange(2, 2),)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (b"", False),
        (b"---\nbase-commit: 1234\n-- \n2.39\n", False),
        (b"--- On Monday A wrote:\n+++ no\n", False),
        (b"> --- a/x\n> +++ b/x\n> @@ -1 +1 @@\n", False),
        (b"diff --git is a command\n", False),
        (PLAIN, True),
        (PLAIN.replace(b"\n", b"\r\n"), True),
        (git_diff("x", "x"), True),
    ],
)
def test_patch_is_told_from_prose(text: bytes, holds: bool) -> None:
    assert is_patch(text) is holds


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_a_problem(tail: bytes) -> None:
    parse_diff(PLAIN + tail)
    parse_diff(tail)


_text = st.lists(st.sampled_from([b"a", b"b", b"-- ", b"++ x", b"", b"\x0c", b"\r"]), max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=_text, new=_text)
def test_added_and_removed_lines_are_those_of_gits_diff(
    old: list[bytes], new: list[bytes], run_git_here: Callable[..., bytes]
) -> None:
    before = run_git_here("hash-object", "-w", "--stdin", stdin=b"".join(x + b"\n" for x in old))
    after = run_git_here("hash-object", "-w", "--stdin", stdin=b"".join(x + b"\n" for x in new))
    names = before.decode().strip(), after.decode().strip()
    found = parse_diff(run_git_here("diff", "-U1", *names))
    assert found.problem == ""
    gone, come = list(old), list(new)
    for file in found.files:
        for hunk in file.hunks:
            for taken in hunk.removed:
                gone[taken.first - 1 : taken.last] = [b"!"] * (taken.last - taken.first + 1)
            for given_ in hunk.added:
                come[given_.first - 1 : given_.last] = [b"!"] * (given_.last - given_.first + 1)
    # What is neither removed nor added is common to both, and in the same order.
    assert [x for x in gone if x != b"!"] == [x for x in come if x != b"!"]
    assert (old == new) is (not found.files)
