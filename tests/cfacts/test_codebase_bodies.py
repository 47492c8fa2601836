from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree as c
from reviewer.model.facts import Skipped

Maker = Callable[..., CodeBase]
N = TypeVar("N")

BUG_H = """
#define BUG() do { asm volatile("ud2"); } while (0)
#define BUG_ON(condition) do { if (unlikely(condition)) BUG(); } while (0)
#ifdef CONFIG_DEBUG_VM
#define VM_BUG_ON_PAGE(cond, page) \\
	do { \\
		if (unlikely(cond)) { \\
			dump_page(page, "VM_BUG_ON_PAGE(" __stringify(cond)")"); \\
			BUG(); \\
		} \\
	} while (0)
#else
#define VM_BUG_ON_PAGE(cond, page) BUILD_BUG_ON_INVALID(cond)
#endif
#define __stringify_1(x...) #x
#define __stringify(x...) __stringify_1(x)
"""


def body_of(code: CodeBase, name: str) -> c.FunctionDef:
    facts = code.find_function(name)
    assert facts is not None, f"no function {name}"
    body = code.body(facts)
    assert isinstance(body, c.FunctionDef), body
    return body


def nodes(value: object, kind: type[N]) -> list[N]:
    found: list[N] = []
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo += reversed(node)
        elif hasattr(node, "__dataclass_fields__") and not isinstance(node, c.Span):
            if isinstance(node, kind):
                found.append(node)
            todo += [getattr(node, name) for name in reversed(list(node.__dataclass_fields__))]
    return found


def calls(value: object) -> list[str]:
    return [n.callee.name for n in nodes(value, c.Call) if isinstance(n.callee, c.Name)]


def returned(code: CodeBase, name: str) -> c.Expr:
    statement = body_of(code, name).body.items[-1]
    assert isinstance(statement, c.Return)
    assert statement.value is not None
    return statement.value


def test_an_assertion_reads_as_a_test_before_a_trap(code_of: Maker) -> None:
    text = "int f(struct page *page)\n{\n\tVM_BUG_ON_PAGE(!PageHead(page), page);\n\treturn 0;\n}\n"
    code = code_of({"include/linux/bug.h": BUG_H, "mm/a.c": text})
    body = body_of(code, "f")
    (test,) = nodes(body, c.If)
    assert isinstance(test.cond, c.Unary)
    assert test.cond.op == "!"
    assert calls(test.then) == ["dump_page", "BUG"]
    (message,) = nodes(test.then, c.Text)
    assert message.value == "VM_BUG_ON_PAGE(!PageHead(page))"
    assert [use.name for use in test.span.via] == ["VM_BUG_ON_PAGE"]
    assert (test.span.at_path, test.span.at_line) == ("mm/a.c", 3)
    assert (test.span.path, test.span.line) == ("include/linux/bug.h", 7)


def test_the_configuration_decides_which_definition_is_meant(code_of: Maker) -> None:
    files = {
        "include/linux/bug.h": BUG_H,
        "mm/a.c": "void f(struct page *p) { VM_BUG_ON_PAGE(PageTail(p), p); }\n",
    }
    assert "BUG" in calls(body_of(code_of(files), "f"))
    assert calls(body_of(code_of(files, DEBUG_VM="n"), "f")) == []


GENERATOR = """
#define TESTPAGEFLAG(uname, lname, policy) \\
static inline int Page##uname(struct page *page) \\
{ return test_bit(PG_##lname, &policy(page, 0)->flags); }
#define SETPAGEFLAG(uname, lname, policy) \\
static inline void SetPage##uname(struct page *page) \\
{ set_bit(PG_##lname, &policy(page, 1)->flags); }
#define PAGEFLAG(uname, lname, policy) TESTPAGEFLAG(uname, lname, policy) \\
	SETPAGEFLAG(uname, lname, policy)
#define PF_ANY(page, enforce) page
#define PF_SECOND(page, enforce) ({ \\
		BUG_ON(!PageHead(page)); \\
		&page[1]; })
PAGEFLAG(Locked, locked, PF_ANY)

PAGEFLAG(DoubleMap, double_map, PF_SECOND)
#undef PF_ANY
"""


def test_functions_that_a_macro_makes_exist_at_its_invocation(code_of: Maker) -> None:
    code = code_of({"include/linux/bug.h": BUG_H, "include/linux/page-flags.h": GENERATOR})
    facts = code.find_function("PageDoubleMap")
    assert facts is not None
    assert (facts.made_by, facts.line, facts.parameters) == ("PAGEFLAG", 16, ("page",))
    body = code.body(facts)
    assert isinstance(body, c.FunctionDef)
    assert body.span.at_line == 16
    (test,) = nodes(body, c.If)
    assert [use.name for use in test.span.via] == [
        *("PAGEFLAG", "TESTPAGEFLAG", "PF_SECOND", "BUG_ON"),
    ]
    assert test.span.at_line == 16
    assert calls(body) == ["test_bit", "PageHead", "BUG"]
    names = sorted(f.name for f in code.iter_functions() if f.made_by)
    assert names == ["PageDoubleMap", "PageLocked", "SetPageDoubleMap", "SetPageLocked"]
    assert calls(body_of(code, "PageLocked")) == ["test_bit"]
    assert code.find_function("PageNothing") is None


def test_a_static_function_is_seen_in_its_own_file_only(code_of: Maker) -> None:
    code = code_of(
        {
            "mm/a.c": "static int f(void) { return 1; }\n",
            "mm/b.c": "int g(void) { return f(); }\n",
            "mm/c.c": "int f(void) { return 3; }\n",
            "mm/d.c": '#include "x.h"\n',
            "mm/x.h": "static inline int f(void) { return 4; }\n",
        }
    )
    near = {path: code.find_function("f", path) for path in ("mm/a.c", "mm/b.c", "mm/d.c")}
    assert {path: facts and facts.path for path, facts in near.items()} == {
        "mm/a.c": "mm/a.c",
        "mm/b.c": "mm/c.c",
        "mm/d.c": "mm/x.h",
    }


def test_conditionals_in_a_body_follow_the_configuration(code_of: Maker) -> None:
    text = (
        "int f(int x)\n{\n#ifdef CONFIG_NUMA\n\tif (x) {\n#else\n\tif (!x) {\n#endif\n"
        "\t\tg();\n\t}\n"
        "#if defined(CONFIG_KSM) && CONFIG_PGTABLE_LEVELS > 4\n\tfive();\n#endif\n"
        "\treturn IS_ENABLED(CONFIG_SWAP) + IS_ENABLED(CONFIG_NOTHING);\n}\n"
    )
    body = body_of(code_of({"mm/a.c": text}), "f")
    assert calls(body) == ["g", "five"]
    assert not nodes(body, c.Unary)
    assert [n.value for n in nodes(body.body.items[-1], c.Number)] == [1, 0]
    off = body_of(code_of({"mm/a.c": text}, NUMA="n", PGTABLE_LEVELS="4"), "f")
    assert calls(off) == ["g"]
    assert [n.op for n in nodes(off, c.Unary)] == ["!"]


def test_a_cast_is_no_and_and_an_and_is_no_cast(code_of: Maker) -> None:
    header = "typedef unsigned long ulong_t;\n#define LOW(x) ((x) & MASK)\n"
    text = (
        "int f(unsigned long a) { return LOW(a) - (a) * 2 + (ulong_t) -1; }\n"
        "int g(int ulong_t) { return (ulong_t) & 3; }\n"
        "int h(char *x) { return *(ulong_t *)x * sizeof(ulong_t) - sizeof(x) * 2; }\n"
    )
    code = code_of({"include/linux/t.h": header, "mm/a.c": "#include <linux/t.h>\n" + text})
    value = returned(code, "f")
    assert [n.op for n in nodes(value, c.Binary)] == ["+", "-", "&", "*"]
    assert [n.type.base for n in nodes(value, c.Cast)] == ["ulong_t"]
    shadowed = returned(code, "g")
    assert isinstance(shadowed, c.Binary)
    assert shadowed.op == "&"
    sizes = nodes(returned(code, "h"), c.SizeOf)
    assert [size.type is None for size in sizes] == [False, True]


def test_expressions_of_gnu_c(code_of: Maker) -> None:
    header = (
        "struct list_head { struct list_head *next; };\n"
        "#define container_of(p, t, m) bad\n"
        "#define list_entry(ptr, type, member) container_of(ptr, type, member)\n"
        "#define for_each(pos, head) \\\n"
        "\tfor (pos = list_entry((head)->next, typeof(*pos), lru); &pos->lru != (head); )\n"
        "#define folio(p) (_Generic((p), const struct page *: (const struct folio *)h(p), \\\n"
        "\tstruct page *: (struct folio *)h(p), default: 0))\n"
    )
    text = (
        "int f(struct page *p, struct list_head *head)\n{\n"
        "\tstruct page *q;\n\tint n = p ?: 3, *r = &(int){ 4 };\n"
        "\tfor_each(q, head) {\n\t\tn++;\n\t}\n"
        "\tfor_each_unknown(q, head) {\n\t\t--n;\n\t}\n"
        "\tswitch (n) {\n\tcase 1 ... 3:\n\t\tbreak;\n\tdefault:\n\t\tgoto out;\n\t}\n"
        "out:\n\treturn folio(p) == offsetof(struct page, u.x[2]) ? ({ int z = 1; z; }) : 'a';\n}\n"
    )
    code = code_of({"include/linux/l.h": header, "mm/a.c": "#include <linux/l.h>\n" + text})
    body = body_of(code, "f")
    assert not nodes(body, c.UnparsedExpr) + nodes(body, c.UnparsedStmt)
    first, second = nodes(body, c.Loop)
    (entry,) = nodes(first.first, c.Call)
    assert isinstance(entry.args[1], c.TypeArg)
    assert isinstance(entry.args[1].type.typeof, c.Unary)
    assert isinstance(second.cond, c.Call)
    assert calls(second.cond) == ["for_each_unknown"]
    (low, default) = nodes(body, c.Case)
    assert [n.value for n in nodes((low.low, low.high), c.Number)] == [1, 3]
    assert default.low is None
    (generic,) = nodes(body, c.Generic)
    assert [arm[0] and (arm[0].base, arm[0].pointers) for arm in generic.arms] == [
        *(("struct page", 1), ("struct page", 1), None),
    ]
    assert [n.member for n in nodes(body, c.OffsetOf)] == ["u.x[2]"]
    assert nodes(body, c.Ternary)[0].then is None
    assert {"x++", "--x"} <= {n.op for n in nodes(body, c.Unary)}


def test_declarations(code_of: Maker) -> None:
    text = (
        "void f(void)\n{\n\tstatic const unsigned long long *a[2], b = 0x10UL;\n"
        "\tint (*fn)(int) = g;\n"
        "\tstruct rmap_walk_control rwc = { .rmap_one = one, .arg[3] = 5, };\n"
        "\textern int other;\n\tint proto(int);\n\tenum { A, B = 4, C };\n}\n"
    )
    body = body_of(code_of({"mm/a.c": text}), "f")
    found = nodes(body, c.Declare)
    assert len(found) == len(body.body.items)
    rows = [(d.name, d.type.base, d.type.pointers, len(d.type.dims), d.static) for d in found]
    assert rows == [
        ("a", "unsigned long long", 1, 1, True),
        ("b", "unsigned long long", 0, 0, True),
        ("fn", "int", 1, 0, False),
        ("rwc", "struct rmap_walk_control", 0, 0, False),
        *(("A", "int", 0, 0, False), ("B", "int", 0, 0, False), ("C", "int", 0, 0, False)),
    ]
    number = nodes(body.body.items[1], c.Number)[0]
    assert (number.value, number.suffix, number.decimal) == (16, "lu", False)
    (table,) = nodes(body.body.items[3], c.InitList)
    assert [name for name, _ in table.items] == [".rmap_one", ".arg[3]"]


def test_assembly_is_said_to_be_unread(code_of: Maker) -> None:
    text = (
        'int f(int a)\n{\n\tasm volatile("nop" : "+r" (a));\n'
        '\tif (a)\n\t\tasm goto("x");\n\treturn a;\n}\n'
    )
    unread = nodes(body_of(code_of({"mm/a.c": text}), "f"), c.UnparsedStmt)
    assert [(item.reason, item.span.line) for item in unread] == [
        ("inline assembly", 3),
        ("inline assembly", 5),
    ]


def test_a_broken_statement_costs_that_statement_only(code_of: Maker) -> None:
    text = "int f(int a)\n{\n\tg(a);\n\ta = = 3 +;\n\th(a);\n\treturn a;\n}\n"
    body = body_of(code_of({"mm/a.c": text}), "f")
    unread = nodes(body, c.UnparsedStmt) + nodes(body, c.UnparsedExpr)
    assert [item.reason for item in unread] == ["the parser could not read it"]
    assert "g" in calls(body)
    assert "h" in calls(body) or "h ( a )" in unread[0].text
    assert isinstance(body.body.items[-1], c.Return)


def test_a_system_call_is_a_function_of_its_macro(code_of: Maker) -> None:
    header = (
        "#define SYSCALL_DEFINE1(name, t, a) \\\n"
        "\tstatic long __do_sys_##name(t a); \\\n"
        "\tlong __x64_sys_##name(t a) { return __do_sys_##name(a); } \\\n"
        "\tstatic long __do_sys_##name(t a)\n"
    )
    text = "#include <linux/s.h>\nSYSCALL_DEFINE1(mlock, int, fd)\n{\n\treturn work(fd);\n}\n"
    code = code_of({"include/linux/s.h": header, "mm/a.c": text})
    facts = code.find_function("__do_sys_mlock")
    assert facts is not None
    assert facts.made_by == "SYSCALL_DEFINE1"
    body = code.body(facts)
    assert isinstance(body, c.FunctionDef)
    assert [p.name for p in body.parameters] == ["fd"]
    assert calls(body) == ["work"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "".join(f"#define A{i} A{i - 1} A{i - 1}\n" for i in range(1, 40))
            + "#define A0 x +\nint f(int x) { return A39 x; }\n",
            "expands to more than",
        ),
        ("int f(int x) { return " + "(x + " * 3000 + "1" + ")" * 3000 + "; }\n", "nests deeper"),
        ("void f(int x) { " + "if (x) { " * 3000 + "}" * 3000 + " }\n", "nests deeper"),
        ("void f(int x) { " + "x = x + 1;" * 200_000 + " }\n", "bytes, more than"),
    ],
    ids=["macro bomb", "nested expressions", "nested blocks", "huge body"],
)
def test_hostile_functions_cost_bounded_time(code_of: Maker, text: str, reason: str) -> None:
    code = code_of({"mm/a.c": text})
    facts = code.find_function("f")
    assert facts is not None
    body = code.body(facts)
    if isinstance(body, Skipped):
        assert reason in body.reason
        assert body in code.skipped()
    else:
        unread = nodes(body, c.UnparsedExpr) + nodes(body, c.UnparsedStmt)
        assert any(reason in item.reason for item in unread)
