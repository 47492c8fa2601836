"""A review like the one of the seed, built by hand: our own text, example people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reviewer.model.facts import Skipped
from reviewer.model.finding import Evidence, Finding, Origin, PatchRef, PathStep, Reason
from reviewer.model.location import Location
from reviewer.model.review import Base, ReplayRow, Review, Stats, Use
from reviewer.model.rule import Confidence, Severity
from reviewer.model.series import Mail, Patch, PatchSeries
from reviewer.model.witness import (
    Outcome,
    PageKind,
    PageRun,
    Schedule,
    SourceText,
    Step,
    Witness,
)

AUTHOR = "Ada Example <ada@example.org>"
LISTS = ("linux-mm@example.org", "linux-kernel@example.org")

HELPER_DIFF = """\
diff --git a/include/linux/page-flags.h b/include/linux/page-flags.h
--- a/include/linux/page-flags.h
+++ b/include/linux/page-flags.h
@@ -540,4 +540,10 @@ static inline int PageTransTail(struct page *page)
 \treturn PageTail(page);
 }
\x20
+static inline int PageDoubleMap(struct page *page)
+{
+\tVM_BUG_ON_PAGE(!PageHead(page), page);
+\treturn test_bit(PG_double_map, &page[1].flags);
+}
+
 #endif
"""

READER_DIFF = """\
diff --git a/fs/proc/page.c b/fs/proc/page.c
--- a/fs/proc/page.c
+++ b/fs/proc/page.c
@@ -102,9 +102,9 @@ u64 stable_page_flags(struct page *page)
 \tk = page->flags;
 \tu = 0;
\x20
 \t/*
 \t * pseudo flags for the well known (anonymous) memory mapped pages
 \t */
-\tif (!PageSlab(page) && page_mapped(page))
+\tif (!PageSlab(page) && page_mapcount(page))
 \t\tu |= 1 << KPF_MMAP;
 \tif (PageAnon(page))
 \t\tu |= 1 << KPF_ANON;
"""


def make_mail(counter: int, subject: str, message: str, diff: str) -> Mail:
    """A patch mail of the example series."""
    msgid = f"20151006.{counter}-ada@example.org"
    return Mail(
        msgid=msgid,
        subject=f"[PATCH v12 {counter}/2] {subject}",
        author=AUTHOR,
        date=1444145033 + counter,
        to=("Brian Example <brian@example.org>",),
        cc=("Rita Reviewer <rita@example.org>", *LISTS, "Åsa Öberg <asa@example.org>"),
        in_reply_to="20151006.0-ada@example.org",
        references=("20151006.0-ada@example.org",),
        body=f"{message}\n---\n file | 2 +-\n\n{diff}-- \n2.5.3\n",
        headers=(("Date", "Tue, 6 Oct 2015 18:23:53 +0300"),),
    )


def make_patch(counter: int, subject: str, message: str, diff: str) -> Patch:
    """A patch of the example series."""
    return Patch(
        mail=make_mail(counter, subject, message, diff),
        counter=counter,
        expected=2,
        subject=subject,
        author=AUTHOR,
        message=message,
        diff=diff.encode(),
    )


def make_series() -> PatchSeries:
    """The seed's pair: one patch tightens a helper, the next makes a new caller."""
    cover = Mail(
        msgid="20151006.0-ada@example.org",
        subject="[PATCH v12 0/2] thp: count mappings per page",
        author=AUTHOR,
        date=1444145033,
        to=("Brian Example <brian@example.org>",),
        cc=LISTS,
        in_reply_to="",
        references=(),
        body="Ada Example (2):\n  thp: add PageDoubleMap()\n  proc: count mappings\n",
    )
    return PatchSeries(
        msgid=cover.msgid,
        title="thp: count mappings per page",
        revision=12,
        expected=2,
        cover=cover,
        patches=(
            make_patch(1, "thp: add PageDoubleMap()", "A flag for the offset.\n", HELPER_DIFF),
            make_patch(2, "proc: count mappings", "Ask page_mapcount().\n", READER_DIFF),
        ),
        missing=(),
        grouped_because="In-Reply-To the cover letter, counters 1 and 2 of 2",
    )


READER_SOURCE = """\
u64 stable_page_flags(struct page *page)
{
\tif (!PageSlab(page) && page_mapcount(page))
\t\tu |= 1 << KPF_MMAP;
}
"""


FREER_SOURCE = """\
static bool free_pages_prepare(struct page *page, unsigned int order)
{
\tint i;

\tfor (i = 1; i < (1 << order); i++) {
\t\tif (bad_page(page + i))
\t\t\treturn false;
\t\tpage[i].compound_head = 0;
\t}
\tClearPageHead(page);
\treturn true;
}
"""


def make_trace() -> tuple[Step, ...]:
    """Nine steps: the reader takes the head, the other thread frees it, the reader asks it."""
    pfn = "stable_page_flags"
    reader = ("kpageflags_read", "fs/proc/page.c")
    freer = ("munmap", "mm/page_alloc.c")

    def step(
        thread: int,
        function: str,
        line: int,
        text: str,
        access: str,
        place: str,
        page: int | None,
        *after: PageRun,
    ) -> Step:
        actor, path = reader if thread == 0 else freer
        return Step(thread, actor, function, path, line, text, access, place, page, after)

    dead = (("_refcount", 0), ("_mapcount", -1))
    return (
        step(1, "zap_pmd", 40, "page[1].compound_mapcount: 0 -> -1", "rmw",
             "page[1].compound_mapcount", 1,
             PageRun(0, 1, PageKind.HEAD,
                     (("_refcount", 1), ("_mapcount", -1), ("compound_mapcount", -1)))),
        step(0, pfn, 103, "k = page[397].flags", "load", "page[397].flags", 397),
        step(0, "compound_head", 190, "head = page[0]", "load", "page[397].compound_head", 397),
        step(1, "put_page", 71, "page[0]._refcount: 1 -> 0", "rmw", "page[0]._refcount", 0,
             PageRun(0, 1, PageKind.HEAD,
                     (("_refcount", 0), ("_mapcount", -1), ("compound_mapcount", -1)))),
        step(1, "free_pages_prepare", 84, "page[397].compound_head = 0", "store",
             "page[397].compound_head", 397, PageRun(1, 511, PageKind.FREED, dead)),
        step(1, "free_pages_prepare", 86, "page[0].flags loses PG_head", "store", "page[0].flags",
             0, PageRun(0, 1, PageKind.FREED, dead)),
        step(0, "page_mapcount", 410, "v = page[397]._mapcount", "load", "page[397]._mapcount",
             397),
        step(0, "PageDoubleMap", 545, "load page[0].flags = 0x4000000000000000", "load",
             "page[0].flags", 0),
        step(0, "PageDoubleMap", 545, "VM_BUG_ON_PAGE(!PageHead(page))", "", "", 0),
    )  # fmt: skip


OOPS = """\
page:ffffea00033e0000 count:0 mapcount:0 mapping:          (null) index:0x700000200
flags: 0x4000000000000000()
page dumped because: VM_BUG_ON_PAGE(!PageHead(page))
------------[ cut here ]------------
kernel BUG at include/linux/page-flags.h:545!
invalid opcode: 0000 [#1] SMP
"""


def make_witness() -> Witness:
    """The failing replay of the example."""
    trace = make_trace()
    return Witness(
        outcome=Outcome.SOMETIMES,
        scenario="kpageflags-against-munmap",
        schedule=Schedule(tuple(step.thread for step in trace)),
        trace=trace,
        oops=OOPS,
        states=412,
        executions=37,
        model="reader: the tree's source; munmap: reference model",
        pages=(
            PageRun(0, 1, PageKind.HEAD,
                    (("_refcount", 1), ("_mapcount", -1), ("compound_mapcount", 0))),
            PageRun(1, 511, PageKind.TAIL, (("_refcount", 0), ("_mapcount", -1))),
        ),
        first_pfn=0xCF800,
        sources=(
            SourceText("fs/proc/page.c", 101, "stable_page_flags", READER_SOURCE),
            SourceText("mm/page_alloc.c", 77, "free_pages_prepare", FREER_SOURCE),
        ),
    )  # fmt: skip


def make_finding() -> Finding:
    """The seed's finding, on patch 2."""
    return Finding(
        rule="unpinned-compound-head",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        origin=Origin.INTRODUCED,
        reason=Reason.STABILITY,
        message="stable_page_flags() hands an unpinned page to page_mapcount(), which asks the "
        "head it computes for PageDoubleMap(); the compound page may be freed in between.",
        question="What keeps the compound page from being freed between compound_head() in "
        "page_mapcount() and the assertion in PageDoubleMap()? kpageflags_read() walks pfns "
        "and holds no reference.",
        primary=Location("fs/proc/page.c", 108, "stable_page_flags"),
        related=(Location("mm/util.c", 410, "page_mapcount"),),
        call_path=(
            PathStep("kpageflags_read", "fs/proc/page.c", 190),
            PathStep("stable_page_flags", "fs/proc/page.c", 108),
            PathStep("page_mapcount", "include/linux/mm.h", 430),
            PathStep("__page_mapcount", "mm/util.c", 410),
            PathStep("PageDoubleMap", "include/linux/page-flags.h", 545),
        ),
        guards=("PageSlab(page): a flag test pins nothing",),
        states=(
            "kpageflags_read: page from pfn_to_page(), order0|head|tail, pin none",
            "PageDoubleMap: head of that page, pin none: may be freed by now",
        ),
        evidence=(
            Evidence(
                "include/linux/page-flags.h",
                545,
                "VM_BUG_ON_PAGE(!PageHead(page), page);",
                ("CONFIG_DEBUG_VM", "CONFIG_TRANSPARENT_HUGEPAGE"),
            ),
        ),
        remedies=("take a reference with get_page_unless_zero() and look at the head again",),
        patch=PatchRef(2, "20151006.2-ada@example.org", "proc: count mappings"),
        witness=make_witness(),
    )


def make_review() -> Review:
    """A review with a finding to answer for, an old one, one fixed later, and gaps."""
    finding = make_finding()
    old = replace(
        finding,
        origin=Origin.PREEXISTING,
        confidence=Confidence.MEDIUM,
        primary=Location("fs/proc/page.c", 60, "kpagecount_read"),
        call_path=(PathStep("kpagecount_read", "fs/proc/page.c", 60), *finding.call_path[2:]),
        patch=None,
        witness=None,
    )
    later = replace(
        finding,
        origin=Origin.FIXED_LATER,
        primary=Location("mm/example.c", 12, "example_reader"),
        call_path=(PathStep("example_reader", "mm/example.c", 12), *finding.call_path[2:]),
        patch=PatchRef(1, "20151006.1-ada@example.org", "thp: add PageDoubleMap()"),
        fixed_by=PatchRef(2, "20151006.2-ada@example.org", "proc: count mappings"),
        witness=None,
    )
    return Review(
        series=make_series(),
        base=Base("0123456789abcdef0123456789abcdef01234567", "named on the command line"),
        findings=(later, old, finding),
        replays=(
            ReplayRow("map-unmap", Outcome.NEVER, Outcome.NEVER),
            ReplayRow("kpageflags-against-munmap", Outcome.NEVER, Outcome.SOMETIMES, "PageHead"),
        ),
        skipped=(
            Skipped("parse", "mm/odd.c", "odd", "the parser met text it could not read"),
            Skipped("parse", "mm/odd.c", "even", "the parser met text it could not read"),
            Skipped("calls", "mm/table.c", "via_table", "a call through a pointer"),
        ),
        stats=Stats(functions=812, call_sites=59, decided=57, undecided=2),
        uses=(
            Use("stable_page_flags", "page_mapcount", "fs/proc/page.c", 108),
            Use("via_table", "PageDoubleMap", "mm/table.c", 9, "no walk brings a page here"),
        ),
        configuration=("CONFIG_TRANSPARENT_HUGEPAGE=y", "CONFIG_DEBUG_VM=y"),
    )


@pytest.fixture
def review() -> Review:
    """The example review."""
    return make_review()


@pytest.fixture
def clean_review() -> Review:
    """A review of the same series that found nothing."""
    return replace(make_review(), findings=(), replays=(), skipped=())
