from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import default_config
from reviewer.model import ctree as c
from reviewer.model.facts import Skipped

Maker = Callable[..., CodeBase]


def test_the_default_configuration_is_what_the_review_assumes() -> None:
    config = default_config()
    for name in ("X86_64", "SMP", "MMU", "TRANSPARENT_HUGEPAGE", "DEBUG_VM", "DEBUG_VM_PGFLAGS"):
        assert config.value(name) == config.value(f"CONFIG_{name}") == "y"
    assert config.value("HUGETLB_PAGE_OPTIMIZE_VMEMMAP") == ""
    changed = config.with_options({"DEBUG_VM": "n", "CONFIG_NR_CPUS": "8"})
    assert changed.value("DEBUG_VM") == ""
    assert "CONFIG_NR_CPUS=8" in changed.lines()
    names = [line.partition("=")[0] for line in config.lines()]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("defined(CONFIG_NUMA)", True),
        ("defined CONFIG_NUMA && !defined(CONFIG_FLATMEM)", True),
        ("IS_ENABLED(CONFIG_FLATMEM)", False),
        ("CONFIG_PGTABLE_LEVELS > 4", True),
        ("HERE == 2 && defined(HERE)", True),
        ("defined(NOWHERE)", False),
        ("defined(MAYBE)", None),
        ("defined(MAYBE) || 1", True),
        ("defined(MAYBE) && 0", False),
        ("__has_attribute(packed)", None),
        ("__GNUC__ >= 5 && !defined(__ASSEMBLY__)", True),
        ("UNKNOWN_IS_ZERO", False),
        ("((", None),
        ("0x10 == 16 ? 1 : 0", True),
    ],
)
def test_conditions_have_three_values(
    code_of: Maker, condition: str, expected: bool | None
) -> None:
    header = "#define HERE 2\n#if __has_builtin(x)\n#define MAYBE\n#endif\n"
    code = code_of({"include/linux/h.h": header, "mm/a.c": "#include <linux/h.h>\n"})
    assert code.enabled((condition,), "mm/a.c") is expected


def test_a_fallback_counts_only_without_the_real_definition(code_of: Maker) -> None:
    files = {
        "include/linux/b.h": (
            "#ifndef pte_a\n#define pte_a(x) generic_a(x)\n#define pte_b(x) generic_b(x)\n#endif\n"
            "#ifndef pte_c\n#define pte_c(x) generic_c(x)\n#define pte_d(x) generic_d(x)\n#endif\n"
        ),
        "arch/x86/include/asm/a.h": "#define pte_a(x) x86_a(x)\n#define pte_b(x) x86_b(x)\n",
        "mm/a.c": "#include <asm/a.h>\n#include <linux/b.h>\n",
    }
    code = code_of(files)
    found = {name: code.find_macro(name, "mm/a.c") for name in ("pte_a", "pte_b", "pte_c", "pte_d")}
    assert {name: macro and macro.body for name, macro in found.items()} == {
        "pte_a": "x86_a(x)",
        "pte_b": "x86_b(x)",
        "pte_c": "generic_c(x)",
        "pte_d": "generic_d(x)",
    }


def test_a_macro_of_a_file_lives_from_define_to_undef(code_of: Maker) -> None:
    text = (
        "int before(int head) { return head; }\n#define head 1\nint in(void) { return head; }\n"
        "#undef head\nint after(int head) { return head; }\n"
        "int own(int x)\n{\n#define half(x) ((x) / 2)\n\treturn half(x);\n#undef half\n}\n"
    )
    code = code_of({"mm/a.c": text})
    values = []
    for name in ("before", "in", "after", "own"):
        facts = code.find_function(name)
        assert facts is not None
        body = code.body(facts)
        assert isinstance(body, c.FunctionDef)
        (statement,) = body.body.items
        assert isinstance(statement, c.Return)
        values.append(type(statement.value).__name__)
    assert values == ["Name", "Number", "Name", "Binary"]


def test_a_word_of_a_far_header_is_no_macro_here(code_of: Maker) -> None:
    files = {
        "include/linux/far.h": "#define mask 255\n#define FAR 3\n",
        "mm/a.c": "int f(int mask) { return mask + FAR; }\n",
    }
    code = code_of(files)
    assert code.find_macro("mask", "mm/a.c") is None
    assert code.find_macro("FAR", "mm/a.c") is not None


STRUCTS = """
typedef struct { int counter; } atomic_t;
#define struct_group(NAME, MEMBERS...) \\
	union { struct { MEMBERS }; struct { MEMBERS } NAME; }
#define _struct_page_alignment __aligned(2 * sizeof(unsigned long))
#define __aligned(x) __attribute__((__aligned__(x)))
#define __packed __attribute__((__packed__))
struct page {
	unsigned long flags;
	union {
		struct {
			struct list_head *lru, **prev;
			void (*dtor)(struct page *);
		};
		struct_group(pair, int a; int b;);
		unsigned int order:4, :2, is_tail:1;
	};
#ifdef CONFIG_MEMCG
	unsigned long memcg_data;
#endif
#ifdef CONFIG_NOT_THERE
	int nothing;
#endif
	atomic_t counts[2][NR_COUNTS + 1];
	unsigned long private __aligned(16);
} _struct_page_alignment;
struct small { char c; int i; } __packed;
enum counts { NR_A, NR_B = 4, NR_C, NR_COUNTS, NR_ALIAS = NR_B };
typedef int (*walk_t)(struct page *, unsigned long);
"""


def test_structs_are_read_under_the_configuration(code_of: Maker) -> None:
    code = code_of({"include/linux/mm_types.h": STRUCTS})
    page = code.find_struct("struct page")
    assert page is not None
    assert [field.name for field in page.fields] == ["flags", "", "memcg_data", "counts", "private"]
    assert page.aligned is not None
    assert code.fold(page.aligned) == 16
    union = page.fields[1].type.inline
    assert isinstance(union, c.StructDef)
    assert union.kind == "union"
    kinds = [(f.name, f.type.base, f.bits and code.fold(f.bits)) for f in union.fields]
    assert kinds == [
        *(("", "struct", None), ("", "union", None), ("order", "unsigned int", 4)),
        *(("", "unsigned int", 2), ("is_tail", "unsigned int", 1)),
    ]
    first = union.fields[0].type.inline
    assert isinstance(first, c.StructDef)
    assert [(f.name, f.type.pointers, f.type.function) for f in first.fields] == [
        *(("lru", 1, False), ("prev", 2, False), ("dtor", 1, True)),
    ]
    counts, private = page.fields[3:]
    assert [size and code.fold(size) for size in counts.type.dims] == [2, 7]
    assert private.aligned is not None
    assert code.fold(private.aligned) == 16
    small = code.find_struct("struct small")
    assert small is not None
    assert small.packed
    assert code.find_struct("struct nothing") is None


def test_enumerators_typedefs_and_constants(code_of: Maker) -> None:
    text = STRUCTS + "#define MASK (~((1UL << NR_B) - 1))\n#define LOG ilog2(NR_COUNTS * 10)\n"
    code = code_of({"include/linux/mm_types.h": text})
    names = ("NR_A", "NR_B", "NR_C", "NR_COUNTS", "NR_ALIAS", "NR_NONE")
    assert [code.find_enumerator(name) for name in names] == [0, 4, 5, 6, 4, None]
    assert code.evaluate("MASK") == -16
    assert code.evaluate("LOG") == 5
    assert code.evaluate("min(NR_B, NR_C) + max_t(int, NR_B, 7)") == 11
    assert code.evaluate("sizeof(unsigned long) * 8 - NR_A") == 64
    assert code.evaluate("f(x)") is None
    assert code.evaluate("1 +") is None
    atomic, walk = code.find_typedef("atomic_t"), code.find_typedef("walk_t")
    assert atomic is not None
    assert isinstance(atomic.type.inline, c.StructDef)
    assert walk is not None
    assert (walk.type.base, walk.type.pointers, walk.type.function) == ("int", 1, True)


def test_generated_constants_come_from_bounds_c(code_of: Maker) -> None:
    bounds = "int main(void)\n{\n\tDEFINE(NR_PAGEFLAGS, __NR_PAGEFLAGS);\n\treturn 0;\n}\n"
    flags = "enum pageflags { PG_locked, PG_head, __NR_PAGEFLAGS, PG_second = PG_locked };\n"
    code = code_of({"kernel/bounds.c": bounds, "include/linux/page-flags.h": flags})
    assert code.evaluate("NR_PAGEFLAGS") == 2
    near = "include/linux/page-flags.h"
    assert code.enabled(("NR_PAGEFLAGS > 1 && __NR_PAGEFLAGS == 0",), near) is True


POINTERS = """
static ssize_t kpageflags_read(struct file *file) { return 0; }
static int one(struct page *page) { return kpageflags_read(0); }
static const struct proc_ops kpageflags_proc_ops = {
	.proc_flags	= PROC_ENTRY,
	.proc_read	= kpageflags_read,
};
static struct action table[] = {
	{ "first", one },
	{ .name = "second", .act = &one },
};
int user(struct walk *walk)
{
	struct rmap_walk_control rwc = { .rmap_one = one, };
	walk->fn = one;
	register_it(walk, one);
	return one(0);
}
"""


def test_where_the_address_of_a_function_goes(code_of: Maker) -> None:
    code = code_of({"fs/proc/page.c": POINTERS})
    found = [(p.member, p.type, p.table, p.line) for p in code.pointers("kpageflags_read")]
    assert found == [("proc_read", "proc_ops", "kpageflags_proc_ops", 6)]
    assert [(p.member, p.type, p.table, p.line) for p in code.pointers("one")] == [
        ("", "action", "table", 9),
        ("act", "action", "table", 10),
        ("rmap_one", "rmap_walk_control", "rwc", 14),
        ("fn", "", "user", 15),
        ("", "", "register_it", 16),
    ]
    assert code.pointers("user") == ()


def test_callers_are_found_by_name(code_of: Maker) -> None:
    code = code_of({"fs/proc/page.c": POINTERS, "mm/a.c": "int g(void)\n{\n\treturn one(0);\n}\n"})
    found = [(facts.name, facts.path, call.line) for facts, call in code.callers("one")]
    assert found == [("user", "fs/proc/page.c", 17), ("g", "mm/a.c", 3)]


def test_callers_stand_in_invocations_and_macros_too(code_of: Maker) -> None:
    text = (
        "#define twice(x) (one(x) + one(x))\n"
        "TRACE_EVENT(mm_event,\n\tTP_ARGS(page),\n\tTP_fast_assign(\n\t\te = one(page);\n\t)\n);\n"
        "int one(int x)\n{\n\treturn x;\n}\n"
    )
    code = code_of({"mm/a.c": text})
    ((facts, call),) = code.callers("one")
    assert (facts.name, facts.made_by, facts.line, call.line) == ("mm_event", "TRACE_EVENT", 2, 5)
    assert isinstance(code.body(facts), Skipped)
    assert [macro.name for macro in code.macros_with("one")] == ["twice"]
