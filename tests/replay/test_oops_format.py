"""The oops in the format of the tree, filled in from simulated memory."""

from __future__ import annotations

from reviewer.model.facts import FunctionFacts
from reviewer.replay.evidence.oops import DumpFormat, extract_dump_format, render_oops
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, Pages
from reviewer.replay.memory.words import Memory
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.scheme.steps import perform
from reviewer.replay.stepping.program import Failure

OLD = """
void dump_page(struct page *page, const char *reason)
{
\tpr_emerg("page:%p count:%d mapcount:%d mapping:%p index:%#lx\\n",
\t\tpage, 0, 0, page->mapping, page->index);
\tpr_emerg("flags: %#lx(%pGp)\\n", page->flags, &page->flags);
\tif (reason)
\t\tpr_emerg("page dumped because: %s\\n", reason);
}
"""

NEW = """
static void __dump_page(struct page *page)
{
\tpr_warn("page:%p refcount:%d mapcount:%d mapping:%p index:%#lx "
\t\t"pfn:%#lx\\n", page);
\tif (compound)
\t\tpr_warn("head:%p order:%u compound_mapcount:%d newcount:%d\\n", head);
\tpr_warn("%sflags: %pGp%s\\n", type, &head->flags, "");
\tprint_hex_dump(KERN_WARNING, "raw: ", DUMP_PREFIX_NONE, 32, 8, page, 64, false);
\tif (head != page)
\t\tprint_hex_dump(KERN_WARNING, "head: ", DUMP_PREFIX_NONE, 32, 8, head, 64, false);
}

void dump_page(struct page *page, const char *reason)
{
\tif (PagePoisoned(page))
\t\tpr_warn("page:%p is uninitialized and poisoned", page);
\tif (reason)
\t\tpr_warn("page dumped because: %s\\n", reason);
}
"""


def formats(text: str) -> DumpFormat:
    def find_function(name: str) -> FunctionFacts | None:
        start = text.find(f" {name}(")
        if start < 0:
            return None
        end = text.index("\n}\n", start)
        return FunctionFacts(name, "mm/debug.c", 1, 9, start, end, (), False, (), ())

    return extract_dump_format(find_function, lambda path: text.encode())


def freed_huge_page() -> Pages:
    memory = Memory()
    pages = Pages(memory, REFERENCE_LAYOUT, 0xCF800, 512)
    pages.place()
    for page in range(512):
        pages.poke(page, "_mapcount", -1)
    scheme = Scheme(pages)
    pages.poke(0, "_refcount", 1)
    perform(scheme.prep_compound_page(0, 9))
    perform(scheme.page_add_new_anon_rmap(0, 9, 0xFFFF888012345678, 0x700000200))
    return pages


def free(pages: Pages) -> None:
    scheme = Scheme(pages)
    perform(scheme.page_remove_rmap(0, 9, anon=True))
    perform(scheme.put_and_free(0, 9))


def fired(pages: Pages, page: int) -> Failure:
    return Failure(
        "oops",
        0,
        "VM_BUG_ON_PAGE(!PageHead(page))",
        "include/linux/page-flags.h",
        552,
        "PageDoubleMap",
        pages.address(page),
    )


def lines(pages: Pages, page: int, text: str) -> list[str]:
    trace = (("PageDoubleMap", "include/linux/page-flags.h", 552), ("f", "fs/proc/page.c", 7))
    oops = render_oops(
        fired(pages, page), pages, formats(text), cpu=0, comm="reader", backtrace=trace
    )
    return oops.splitlines()


def test_the_old_format_of_a_freed_head_is_that_of_the_seeds_report() -> None:
    pages = freed_huge_page()
    free(pages)
    assert lines(pages, 0, OLD) == [
        "page:ffffea00033e0000 count:0 mapcount:0 mapping:0000000000000000 index:0x700000200",
        "flags: 0x0()",
        "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))",
        "------------[ cut here ]------------",
        "kernel BUG at include/linux/page-flags.h:552!",
        "invalid opcode: 0000 [#1] SMP",
        "CPU: 0 PID: 1 Comm: reader Not tainted",
        "RIP: 0010:PageDoubleMap",
        "Call Trace:",
        " <TASK>",
        " PageDoubleMap  (include/linux/page-flags.h:552)",
        " f  (fs/proc/page.c:7)",
        " </TASK>",
    ]


def test_a_tail_shows_its_head_and_both_raw_dumps() -> None:
    pages = freed_huge_page()
    shown = lines(pages, 397, NEW)
    assert shown[0] == (
        "page:ffffea00033e6340 refcount:1 mapcount:1 mapping:0000000000000000"
        " index:0x70000038d pfn:0xcf98d"
    )
    assert shown[1] == "head:ffffea00033e0000 order:9 compound_mapcount:1 newcount:?"
    assert shown[2].startswith("anon flags: 0x")
    assert "head" in shown[2]
    assert shown[3].startswith("raw: 0000000000000000 ffffea00033e0001 ")
    assert shown[5].startswith("head: ")
    assert shown[7] == "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))"


def test_a_page_of_its_own_shows_no_head_line() -> None:
    pages = freed_huge_page()
    free(pages)
    shown = lines(pages, 0, NEW)
    assert not any(line.startswith("head:") for line in shown)
    assert shown[0].startswith("page:ffffea00033e0000 refcount:0 mapcount:0 ")
    assert shown[0].endswith("pfn:0xcf800")
    assert shown[1] == "flags: 0x0()"


def test_a_fault_is_told_as_one() -> None:
    pages = freed_huge_page()
    text = "unable to handle page fault for address: 0000000000000008"
    failure = Failure("oops", 1, text, "mm/util.c", 3, "f")
    oops = render_oops(failure, pages, formats(NEW), cpu=1, comm="actor", backtrace=())
    assert oops.splitlines()[0] == f"BUG: {text}"
    assert "kernel BUG at" not in oops
