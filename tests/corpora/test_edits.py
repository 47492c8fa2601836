"""An edit finds its place in C as the kernel writes it, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.tree.edits import AnchorError, Edit, edit_text, find_definition

SOURCE = """\
#define TWICE(x) \\
	((x) + \\
	(x))

int callee(int page);
struct thing {
	int callee;
};

static inline
int callee(int page)
{
	if (page) {
		return callee(page - 1);
	}
	return page;
}

static int spread(int page,
		int other)

{
	return callee(page);
}

static inline int one(int page) { return page; }

SYSCALL_DEFINE2(twin, int, page, int, other)
{
	return spread(page, other);
}
"""


def lines_of(name: str) -> list[str]:
    lines = SOURCE.splitlines(keepends=True)
    first, last = find_definition(lines, name)
    return lines[first:last]


@pytest.mark.parametrize(
    ("name", "first", "last", "count"),
    [
        ("callee", "static inline\n", "}\n", 8),
        ("spread", "static int spread(int page,\n", "}\n", 6),
        ("one", "static inline int one(int page) { return page; }\n", "page; }\n", 1),
        ("SYSCALL_DEFINE2(twin", "SYSCALL_DEFINE2(twin, int, page, int, other)\n", "}\n", 4),
        ("struct thing", "struct thing {\n", "};\n", 3),
        ("#define TWICE", "#define TWICE(x) \\\n", "\t(x))\n", 3),
    ],
)
def test_a_definition_is_found_whole(name: str, first: str, last: str, count: int) -> None:
    lines = lines_of(name)
    assert (lines[0], len(lines)) == (first, count)
    assert lines[-1].endswith(last)


def test_a_callee_is_exchanged_in_one_function_only() -> None:
    edit = Edit("f.c", "substitute", inside="spread", anchor=r"callee\(", text="other(")
    changed = edit_text(SOURCE, edit)
    assert changed.count("other(page)") == 1
    assert "return callee(page - 1);" in changed


def test_lines_are_replaced_up_to_the_last_one_named() -> None:
    edit = Edit("f.c", "replace", inside="callee", anchor="if", until=r"^\t\}", text="\tnew();\n")
    assert "{\n\tnew();\n\treturn page;\n}" in edit_text(SOURCE, edit)


def test_the_last_line_is_looked_for_in_the_same_function() -> None:
    edit = Edit("f.c", "replace", inside="callee", anchor="if", until="spread", text="x\n")
    with pytest.raises(AnchorError, match="spread"):
        edit_text(SOURCE, edit)


def test_a_later_match_is_counted_to() -> None:
    edit = Edit("f.c", "before", anchor="return", nth=3, text="\there();\n")
    assert "\there();\n\treturn callee(page);" in edit_text(SOURCE, edit)
    with pytest.raises(AnchorError):
        edit_text(SOURCE, Edit("f.c", "before", anchor="return", nth=30, text="x\n"))


def test_a_whole_definition_is_replaced() -> None:
    edit = Edit("f.c", "replace-definition", inside="one", text="int one;\n")
    changed = edit_text(SOURCE, edit)
    assert "int one;\n\nSYSCALL_DEFINE2" in changed
    assert changed.startswith("#define TWICE")


@given(st.text(), st.text(min_size=1))
def test_appending_keeps_every_byte_before(before: str, added: str) -> None:
    assert edit_text(before, Edit("f.c", "append", text=added)) == before + added


@given(st.text(alphabet="ab\n\f\r\x85"), st.integers(0, 3))
def test_inserting_a_line_changes_no_other(before: str, at: int) -> None:
    text = before + "\nmark\n" + before
    inserted = edit_text(text, Edit("f.c", "after", anchor="^mark$", text="new\n"))
    assert inserted.replace("mark\nnew\n", "mark\n", 1) == text
