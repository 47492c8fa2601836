"""The words of ``rules/vocabulary.toml``: what yields, pins, unpins and tests a page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reviewer.model.pagestate import ANYWHERE, Pin, Position


@dataclass(frozen=True, slots=True)
class SourceWord:
    """A function that yields a page. ``null`` says that it may yield NULL.

    The page is pinned where one of the predicates ``pinned_if`` was found true for the argument,
    all of ``pinned_unless`` false, where one of the locks ``pinned_under`` was taken before, and
    in a function whose address stands in one of the table members ``pinned_in``
    ("mm_walk_ops.hugetlb_entry"). With one of the flags ``head_with`` among its arguments it
    gives no tail, nor in a tree that has none of the functions ``tail_with``. ``by_offset`` says
    that it is asked for one offset of a mapping, whose pages the caller knows.
    """

    name: str
    pin: Pin
    reason: str
    positions: frozenset[Position] = ANYWHERE
    null: bool = False
    pinned_if: tuple[str, ...] = ()
    pinned_unless: tuple[str, ...] = ()
    pinned_under: tuple[str, ...] = ()
    pinned_in: tuple[str, ...] = ()
    head_with: tuple[str, ...] = ()
    tail_with: tuple[str, ...] = ()
    by_offset: bool = False


@dataclass(frozen=True, slots=True)
class CarrierWord:
    """A function whose value names a page: a pfn or an entry that a source is handed.

    ``pin`` is what holds the page it names (None: what the source says), ``positions`` where
    the page can be. With ``same`` it names the page that is its argument.
    """

    name: str
    reason: str
    pin: Pin | None = None
    positions: frozenset[Position] = ANYWHERE
    same: bool = False


@dataclass(frozen=True, slots=True)
class FieldWord:
    """A word that the head keeps for the compound page: a tail has something else there.

    With ``pinned`` a read counts on a pinned page only. It does not count in a function, or
    below one, that asks one of ``unless``.
    """

    name: str
    reason: str
    pinned: bool = False
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PinWord:
    """A function that pins its first argument.

    ``when`` is "true" (if it returns non-zero), "zero" (if it returns no error), "always", or
    "keep": it holds only what is held already. ``positions`` is where the page can be once it is
    pinned. With ``by_pfn`` its argument is the pfn a source is handed. With ``heads`` it holds the
    head computed before, too. With ``under`` it counts where a lock so spelled is held.
    """

    name: str
    kind: str
    when: str
    reason: str
    positions: frozenset[Position] | None = None
    by_pfn: bool = False
    heads: bool = False
    under: str = ""


@dataclass(frozen=True, slots=True)
class SplitterWord:
    """A function that splits a compound page: zero says it did, and its argument alone is held.

    In a tree that has none of the functions ``pins_stay_without``, each page keeps the references
    that were taken on it.
    """

    name: str
    reason: str
    pins_stay_without: tuple[str, ...] = ()


class Unit(StrEnum):
    """What one count of a counter stands for."""

    PAGE = "page"  # a mapping of this page
    WHOLE = "whole"  # a mapping of the compound page as a whole
    TOTAL = "total"  # a mapping of the compound page or of any page of it
    MAPPED = "mapped"  # a page of the compound page that is mapped
    REFERENCES = "references"  # a reference to the compound page
    PINS = "pins"  # a long-term pin of the compound page


@dataclass(frozen=True, slots=True)
class CounterWord:
    """A counter in struct page or struct folio: what it counts and what it starts at."""

    field: str
    unit: Unit
    start: int
    reason: str


@dataclass(frozen=True, slots=True)
class CountingWords:
    """The words of the accounting rules. ``statistics`` and ``changed_by`` are expressions.

    ``hugetlb`` are tests that say a page is a hugetlb page, ``sizes`` functions that return how
    many pages a compound page has, ``orders`` those that return its order. ``pmd_pages`` yield
    the page that a huge entry maps, ``pte_pages`` the one that a page-table entry maps.
    ``watched`` queue a page to be split, ``makes_compound`` mark a page as a head.
    ``hugetlb_files`` are tests that say that a file's pages are hugetlb pages. Files that hold
    one of the words ``outside`` under a path of ``outside_of`` are read beside the scope.
    """

    counters: dict[str, CounterWord]
    statistics: str
    changed_by: str
    double_map: frozenset[str]
    hugetlb: frozenset[str]
    sizes: frozenset[str]
    orders: frozenset[str]
    pmd_pages: frozenset[str]
    pte_pages: frozenset[str]
    watched: frozenset[str]
    makes_compound: frozenset[str]
    hugetlb_files: frozenset[str]
    outside: tuple[str, ...]
    outside_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryWord:
    """What makes a function an entry point: a table's member, a macro, or a registration."""

    what: str
    table: str = ""
    members: tuple[str, ...] = ()
    made_by: str = ""
    passed_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All words, each looked up by name."""

    page_types: frozenset[str]
    head_word_fields: frozenset[str]
    head_pointer_fields: frozenset[str]
    flags_fields: frozenset[str]
    refcount_fields: frozenset[str]
    same_object_fields: frozenset[str]
    folio_types: frozenset[str]
    head_flags: frozenset[str]
    tail_flags: frozenset[str]
    stop: frozenset[str]
    warn: frozenset[str]
    dump: frozenset[str]
    reads: frozenset[str]  # primitives that change nothing
    compound_fields: dict[str, FieldWord]
    sources: dict[str, SourceWord]
    loose_parameters: dict[str, str]  # functions whose pages nobody need hold, and why
    carriers: dict[str, CarrierWord]
    pins: dict[str, PinWord]
    unpins: frozenset[str]
    owners: frozenset[str]  # their argument is the allocator's own: free, or just handed out
    splitters: dict[str, SplitterWord]
    locks: frozenset[str]  # functions that take a lock
    unlocks: frozenset[str]
    page_table_lock: str  # an expression: how a page-table lock is spelled
    clear_entry: frozenset[str]  # functions that take an entry away
    same_entry: frozenset[str]  # questions whether an entry is what it was before
    whole_under: frozenset[str]  # under one of these a pinned head holds the page it was read of
    locks_by_name: frozenset[str]  # those some source is pinned under, whatever they are handed
    lock_endings: frozenset[str]  # how the locks end that some pin counts under
    promises: frozenset[str]  # flags by which a caller says that it holds the page
    predicates: frozenset[str]
    never_hugetlb: frozenset[str]  # questions that a hugetlb page always answers by no
    boot: frozenset[str]  # marks of functions that run before anybody else has the page
    no_pins: dict[str, str]  # what looks like a pin, and why it is none
    entries: tuple[EntryWord, ...]
    reach_files: tuple[str, ...]  # outside of the scope, read for the paths from entry points
    counting: CountingWords
