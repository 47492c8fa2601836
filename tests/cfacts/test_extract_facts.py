from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.cfacts.extract import MAX_BYTES, extract_file
from reviewer.cfacts.filefacts import FileFacts
from reviewer.cfacts.normalize import normalize

C_TEXT = st.lists(
    st.sampled_from(
        [
            *("int f(int a)\n{\n\treturn a;\n}\n", "#ifdef CONFIG_A\n", "#else\n", "#endif\n"),
            *(
                "/* a } comment\n * of lines */\n",
                '"a string { \\" "',
                "'{'",
                "// line {\n",
                "\\\n",
            ),
            *("#define M(x) do { \\\n\tx; \\\n} while (0)\n", "struct s { int x; };\n", "{", "}"),
            *(
                "for_each(x, y) {\n",
                "\t",
                "x = 1;\n",
                "#if 1 /* a\n b */\n",
                "\r\n",
                "é",
                "PAGE(a)\n",
            ),
        ]
    )
    | st.text(alphabet=string.printable, max_size=8),
    max_size=25,
).map("".join)


def facts(text: str) -> FileFacts:
    return extract_file(text.encode())


@given(C_TEXT)
def test_normalising_keeps_length_and_newlines(text: str) -> None:
    data = text.encode()
    views = normalize(data)
    raw = data.decode("latin-1")
    assert len(views.code) == len(views.bare) == len(data)
    newlines = [i for i, char in enumerate(raw) if char == "\n"]
    for view in (views.code, views.bare):
        assert [i for i, char in enumerate(view) if char == "\n"] == newlines
        kept = [i for i, char in enumerate(view) if char not in " \n\\"]
        assert all(view[i] == raw[i] for i in kept)


@given(C_TEXT)
def test_any_text_gives_facts_inside_it(text: str) -> None:
    data = text.encode()
    found = extract_file(data)
    for row in found.functions:
        assert 0 <= row.start < row.end <= len(data)
        assert 1 <= row.line <= row.end_line <= text.count("\n") + 1


def test_functions_have_their_lines_parameters_and_calls() -> None:
    (row,) = facts(
        "/* a comment\n */\n"
        "static __always_inline struct page *\n"
        "next_page(struct page *page, unsigned int nr, int (*fn)(int), char name[8])\n"
        "\t__must_hold(&lock)\n"
        "{\n\tif (PageTail(page))\n\t\treturn fn(nr) ? page : NULL;\n\treturn next(page);\n}\n"
    ).functions
    assert (row.name, row.static) == ("next_page", True)
    assert (row.line, row.end_line) == (3, 10)
    assert row.parameters == ("page", "nr", "fn", "name")
    assert row.calls == "PageTail:7 fn:8 next:9"


def test_loop_and_attribute_macros_make_and_lose_no_function() -> None:
    found = facts(
        "void a(void)\n{\n\tfor_each_zone(z) {\n\t\tif (z) {\n\t\t}\n\t}\n}\n"
        "static noinline_for_stack int __init b(int x) { return x; }\n"
        "__printf(1, 2)\nvoid c(const char *f, ...) { }\n"
        "EXPORT_SYMBOL(c);\n"
        "int d(void) __acquires(x) __releases(y)\n{\n\treturn 0;\n}\n"
    )
    assert [row.name for row in found.functions] == ["a", "b", "c", "d"]
    (weak,) = facts("void __attribute__((weak)) e(struct seq_file *m)\n{\n}\n").functions
    assert (weak.name, weak.parameters) == ("e", ("m",))


def test_both_sides_of_a_conditional_are_read_with_their_conditions() -> None:
    found = facts(
        "#ifndef GUARD_H\n#define GUARD_H\n"
        "#ifdef CONFIG_A\nint f(void) { return 1; }\n"
        "#elif defined(CONFIG_B) && X > 2\nint f(void) { return 2; }\n"
        "#else\nint f(void) { return 3; }\n#endif\n"
        "#define OUT 1\n#endif\n"
    )
    assert [row.conditions for row in found.functions] == [
        ("defined(CONFIG_A)",),
        ("!(defined(CONFIG_A)) && (defined(CONFIG_B) && X > 2)",),
        ("!(defined(CONFIG_A)) && !(defined(CONFIG_B) && X > 2)",),
    ]
    assert found.guard == "GUARD_H"
    assert [row.conditions for row in found.macros if row.name == "OUT"] == [()]


def test_braces_that_differ_between_branches_are_counted_once() -> None:
    found = facts(
        "int f(int a)\n{\n#ifdef CONFIG_A\n\tif (a) {\n#else\n\tif (!a) {\n#endif\n"
        "\t\tg();\n\t}\n}\n"
        "#ifdef CONFIG_A\nint h(int a)\n#else\nint h(void)\n#endif\n{\n}\nint last(void) { }\n"
    )
    assert [row.name for row in found.functions] == ["f", "h", "last"]
    assert [row.error for row in found.functions] == [True, False, False]


def test_macros_keep_their_lines_and_their_end() -> None:
    found = facts(
        "#define A(x, y...) \\\n\tfoo(x, \\\n\t    ## y)\n"
        "#define B /* one\n two */ 3\n"
        "#define C(a, ...) a\n#undef B\n#define B 4\n"
    )
    rows = [(row.name, row.line, row.parameters, row.variadic, row.until) for row in found.macros]
    assert rows == [
        ("A", 1, ("x", "y"), True, 0),
        ("B", 4, None, False, 7),
        ("C", 6, ("a", "__VA_ARGS__"), True, 0),
        ("B", 8, None, False, 0),
    ]
    assert found.macros[1].body.endswith("3")


def test_invocations_at_file_scope() -> None:
    found = facts(
        "PAGEFLAG(Error, error, PF_NO_TAIL) TESTCLEARFLAG(Error, error, PF_NO_TAIL)\n"
        "\tSETPAGEFLAG(A, a, f(x, y))\n"
        "static inline int f(void) { return 0; }\n"
        "module_init(f);\nint proto(int a);\n"
    )
    assert [(i.name, i.arguments, i.line) for i in found.invocations] == [
        ("PAGEFLAG", "Error, error, PF_NO_TAIL", 1),
        ("TESTCLEARFLAG", "Error, error, PF_NO_TAIL", 1),
        ("SETPAGEFLAG", "A, a, f(x, y)", 2),
        ("module_init", "f", 4),
    ]
    assert [row.name for row in found.functions] == ["f"]


def test_a_macro_with_a_body_names_the_function() -> None:
    found = facts(
        "SYSCALL_DEFINE2(mlock, unsigned long, start, size_t, len)\n{\n"
        "\treturn do_mlock(start);\n}\n"
    )
    (row,) = found.functions
    assert (row.name, row.made_by, row.calls) == ("__do_sys_mlock", "SYSCALL_DEFINE2", "do_mlock:3")


def test_types_and_their_enumerators() -> None:
    found = facts(
        "struct page {\n\tunion { int a; struct { int b; }; };\n} __aligned(8);\n"
        "enum flags {\n\tPG_a,\n#ifdef CONFIG_X\n\tPG_b = 3,\n#endif\n\tMAKE(PG)\n};\n"
        "typedef struct { int v; } atomic_t;\ntypedef int (*fn_t)(int, char);\n"
        "typedef int (g_t)(int);\n"
        "typedef unsigned long a_t, *b_t;\ntypedef u8 arr_t[16];\n"
        "struct outer { struct inner { int x; } i; enum { IN_A, IN_B } e; };\n"
    )
    names = [(row.kind, row.name) for row in found.types]
    assert names == [
        *(("struct", "page"), ("enum", "flags"), ("struct", ""), ("typedef", "atomic_t")),
        *(("typedef", "fn_t"), ("typedef", "g_t"), ("typedef", "a_t"), ("typedef", "b_t")),
        *(("typedef", "arr_t"), ("struct", "outer"), ("struct", "inner"), ("enum", "")),
    ]
    enums = [row.enumerators for row in found.types if row.kind == "enum"]
    assert enums == [("PG_a", "PG_b", "?"), ("IN_A", "IN_B")]


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 200_000, "f(" + ";" * 200_000, "{" * 200_000, '"' * 200_000, "a" * 500_000),
        *("int a = " + " " * 1_000_000 + "b;", "x = /*" + "a\n" * 300_000 + "*/ y"),
        *("struct a {" * 20_000 + "};" * 20_000, "typedef " + "a " * 200_000 + ";"),
        *("#if A\n" * 20_000 + "#endif\n" * 20_000, "#if A\n" + "#elif B\n" * 5000),
        *("#if 1\n" + "#else\nint f(\n" * 3000 + "void) {}\n", "#define A \\\n" * 50_000),
        *("F(" + "((" * 50_000, "F(a) " * 100_000, "enum a {" + "a," * 200_000),
    ],
    ids=lambda text: text[:8],
)
def test_a_hostile_file_costs_bounded_time(text: str) -> None:
    found = facts(text)
    assert isinstance(found, FileFacts)
    assert all(len(row.conditions) <= 51 for row in found.functions)


def test_what_cannot_be_read_is_said() -> None:
    assert facts("int f(void) {\n").skipped == ("line 1: a brace is never closed",)
    assert facts("}\nint f(void) { }\n").skipped == ("line 1: a brace too many",)
    assert extract_file(b"int a;\0").skipped == ("not a text file: it holds a NUL byte",)
    assert "is over" in extract_file(b" " * (MAX_BYTES + 1)).skipped[0]
