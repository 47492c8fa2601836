"""What of a tree the standard lifecycle can run: the functions its parts begin with, and theirs.

A change elsewhere cannot make a row differ, so the lifecycle need not run for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from reviewer.model.facts import FunctionFacts
from reviewer.replay.kernel_api import find_primitive

READERS = ("kpagecount_read", "kpageflags_read")

ACCOUNTING = (
    *("kpagecount_read", "prep_compound_page", "__folio_set_hugetlb", "prep_transhuge_page"),
    *("page_rmappable_folio", "free_transhuge_page", "__folio_unqueue_deferred_split"),
    *("free_pages_prepare", "page_add_new_anon_rmap", "folio_add_new_anon_rmap"),
    *("page_try_dup_anon_rmap", "folio_try_dup_anon_rmap_pte", "folio_try_dup_anon_rmap_pmd"),
    *("page_dup_rmap", "page_dup_file_rmap", "folio_dup_file_rmap_pte"),
    *("folio_dup_file_rmap_pmd", "page_add_file_rmap", "folio_add_file_rmap_ptes"),
    *("folio_add_file_rmap_pmd", "__split_huge_pmd_locked", "page_remove_rmap"),
    *("folio_remove_rmap_ptes", "folio_remove_rmap_pmd", "hugetlb_remove_rmap"),
    *("hugepage_add_new_anon_rmap", "hugetlb_add_new_anon_rmap", "hugetlb_add_file_rmap"),
    *("hugetlb_try_dup_anon_rmap", "wp_can_reuse_anon_folio", "reuse_swap_page"),
    *("do_huge_pmd_wp_page", "pagemap_pmd_range", "zap_huge_pmd"),
    *("try_to_migrate_one", "remove_migration_pte", "page_add_anon_rmap"),
    *("folio_add_anon_rmap_pte", "folio_add_anon_rmap_pmd"),
    *("hugepage_add_anon_rmap", "hugetlb_add_anon_rmap"),
)
"""What the histories call of a tree, under every name it has had.

The fault of a driver's mapping is not among them: it reaches most of mm/.
"""


class Functions(Protocol):
    """What is asked of the code base."""

    def iter_functions(self, name: str) -> Iterable[FunctionFacts]:
        """Return every function of that name."""
        ...

    def find_function(self, name: str, near: str = "") -> FunctionFacts | None:
        """Return the function a caller in file ``near`` means."""
        ...


def find_reach(code: Functions, names: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return (path, name) of the functions and of all they call, down to what is modelled."""
    waiting = deque(function for name in names for function in code.iter_functions(name))
    found: dict[tuple[str, str], None] = {}
    while waiting:
        function = waiting.popleft()
        key = (function.path, function.name)
        if key in found:
            continue
        found[key] = None
        for name in {call.name for call in function.calls}:
            called = None if find_primitive(name) else code.find_function(name, function.path)
            if called is not None:
                waiting.append(called)
    return frozenset(found)
