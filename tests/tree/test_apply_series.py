from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reviewer.model.errors import DoesNotApplyError
from reviewer.tree.apply import apply_series
from reviewer.tree.changes import LineRange
from reviewer.tree.repo import KernelTree

if TYPE_CHECKING:
    from tests.tree.conftest import Lab


def without_blobs(diff: bytes) -> bytes:
    """Return the diff as a mailer's user might paste it: git cannot merge it then."""
    return re.sub(rb"(?m)^index .*\n", b"", diff)


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
    assert (
        applied.end.read("mm/util.c")
        == b"int page_mapcount(struct page *page)\n{\n\treturn 1;\n}\n"
    )
    (changed,) = one.changed
    assert (changed.path, changed.status) == ("mm/rmap.c", "M")
    assert changed.added == changed.removed == (LineRange(7, 7),)


def test_a_patch_that_does_not_apply_says_where_it_would(lab: Lab, tree: KernelTree) -> None:
    (diff,) = lab.diff(lambda: lab.replace("mm/rmap.c", "line_20(", "line_twenty("))
    lab.replace("mm/rmap.c", "int line_1(", "int extra(void);\nint more(void);\nint line_1(")
    lab.replace("mm/rmap.c", "line_22(", "line_22x(")
    lab.commit()
    with pytest.raises(DoesNotApplyError) as caught:
        apply_series(tree, tree.resolve("HEAD"), lab.series(without_blobs(diff)))
    message = str(caught.value)
    assert "patch 1/1 'mm: step 1'" in message
    assert "mm/rmap.c, hunk at line 17" in message
    assert "2 lines further down, at line 19 (6 of 7 lines agree, line 24 does not)" in message
