from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.cfacts.defines import read_define
from reviewer.cfacts.expand import Expander, ExpansionLimitError, Macro
from reviewer.cfacts.normalize import normalize
from reviewer.cfacts.tokens import Token, iter_tokens


def expander(defines: str, options: Mapping[str, str] | None = None, limit: int = 5000) -> Expander:
    macros = {}
    for directive in normalize(defines.encode()).directives:
        line = defines.count("\n", 0, directive.start) + 1
        row = read_define(directive, line, ())
        assert row is not None
        body = tuple(iter_tokens(row.body, "x.h", row.line))
        macros[row.name] = Macro(row.name, "x.h", row.parameters, row.variadic, body)
    return Expander(macros.get, lambda name: (options or {}).get(name, ""), limit=limit)


def expand(text: str, defines: str, options: Mapping[str, str] | None = None) -> str:
    tokens = expander(defines, options).expand(list(iter_tokens(text, "a.c", 1)))
    return " ".join(token.text for token in tokens)


@pytest.mark.parametrize(
    ("defines", "text", "expected"),
    [
        ("#define A 1", "A + B", "1 + B"),
        ("#define F(x) (x)", "F (a, b) F F(a)", "F ( a , b ) F ( a )"),
        ("#define F(x, y) x y", "F((a, b), {c)", "( a , b ) { c"),
        ("#define F() z", "F() F(a)", "z F ( a )"),
        ("#define f f + 1", "f", "f + 1"),
        ("#define A B\n#define B A", "A B", "A B"),
        (
            "#define S(x) #x\n#define X(x) S(x)\n#define V 3",
            'S(V  +"a\\n") X(V)',
            '"V +\\"a\\\\n\\"" "3"',
        ),
        ("#define P(a, b) a##b##_t", "P(x, 1) P(,y)", "x1_t y_t"),
        ("#define L(f, a...) p(f, ##a)", 'L("x") L("x", 1, 2)', 'p ( "x" ) p ( "x" , 1 , 2 )'),
        ("#define L(f, ...) p(f, __VA_ARGS__)", "L(1, 2, 3)", "p ( 1 , 2 , 3 )"),
        # C11 6.10.3.5, example 3
        (
            "#define x 3\n#define f(a) f(x * (a))\n#undef_ x\n#define z z[0]\n#define t(a) a\n",
            "t(t(f)(1)) z",
            "f ( 3 * ( 1 ) ) z [ 0 ]",
        ),
        ("#define G h\n#define h(x) x", "G(2)", "2"),
        ("", "likely(a && b) BUILD_BUG_ON(sizeof(x) > 3);", "( a && b ) ( ( void ) 0 ) ;"),
        ("", "__LINE__ __FILE__", '1 "a.c"'),
    ],
)
def test_expansion(defines: str, text: str, expected: str) -> None:
    usable = "\n".join(line for line in defines.split("\n") if line.startswith("#define"))
    assert expand(text, usable) == expected


def test_options_are_numbers_in_code() -> None:
    options = {"CONFIG_A": "y", "CONFIG_B": "m", "CONFIG_N": "5"}
    text = "IS_ENABLED(CONFIG_A) IS_ENABLED(CONFIG_B) IS_BUILTIN(CONFIG_B) IS_ENABLED(CONFIG_C) "
    assert expand(text + "CONFIG_N CONFIG_A", "", options) == "1 1 0 0 5 1"


def test_tokens_say_where_they_are_spelled_and_how_they_came() -> None:
    defines = "#define IN(x) \\\n\tcheck(x)\n#define OUT(y) IN(y + 1)\n"
    tokens = expander(defines).expand(list(iter_tokens("a;\nOUT(v)", "a.c", 10)))
    found = {t.text: (t.path, t.line, [(u.name, u.path, u.line) for u in t.via]) for t in tokens}
    through = [("OUT", "a.c", 11), ("IN", "x.h", 3)]
    assert found["a"] == ("a.c", 10, [])
    assert found["check"] == ("x.h", 2, through)
    assert found["v"] == ("a.c", 11, through)
    assert found["1"] == ("x.h", 3, through)
    assert tokens[-1].span.at_line == 11


def test_a_bomb_and_a_ladder_are_stopped() -> None:
    bomb = "\n".join(f"#define A{i} A{i - 1} A{i - 1}" for i in range(1, 60)) + "\n#define A0 x"
    with pytest.raises(ExpansionLimitError, match="expands to more than 5000 tokens"):
        expand("A59", bomb)
    deep = "F(" * 500 + "x" + ")" * 500
    with pytest.raises(ExpansionLimitError, match="nest deeper"):
        expand(deep, "#define F(x) x")


@given(st.text(alphabet='abF(){}[]+-*/<>=!&|^%~?:;,.#"x 0123456789\n\t', max_size=60))
def test_text_without_macros_is_what_it_was(text: str) -> None:
    tokens = list(iter_tokens(text, "a.c", 1))
    assert expander("").expand(tokens) == tokens
    assert "".join(t.text for t in tokens).split() == "".join(text.split()).split() or '"' in text


@given(st.lists(st.sampled_from(["A", "F", "(", ")", ",", "x", "G(A)", "##", "#"]), max_size=30))
def test_any_use_of_macros_ends(words: list[str]) -> None:
    defines = "#define A F(A, x)\n#define F(a, b...) a##x b G(a) #a\n#define G(x) F(x) A"
    tokens: list[Token] = list(iter_tokens(" ".join(words), "a.c", 1))
    with contextlib.suppress(ExpansionLimitError):
        expander(defines).expand(tokens)
