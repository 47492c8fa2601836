"""The words of ``rules/vocabulary.toml``: what yields, pins, unpins and tests a page."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.pagestate import Pin, Position


@dataclass(frozen=True, slots=True)
class SourceWord:
    """A function that yields a page. ``null`` says that it may yield NULL.

    With ``pinned_unless`` the page is pinned where the first of these predicates was found
    false for the argument, with ``pinned_under`` where one of these locks was taken before.
    """

    name: str
    positions: frozenset[Position]
    pin: Pin
    null: bool
    pinned_unless: tuple[str, ...]
    pinned_under: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class PinWord:
    """A function that pins its first argument.

    ``when`` is "true" (if it returns non-zero), "always", or "keep": it holds only what is
    held already. ``positions`` is where the page can be once it is pinned.
    """

    name: str
    kind: str
    when: str
    positions: frozenset[Position] | None
    reason: str


@dataclass(frozen=True, slots=True)
class EntryWord:
    """What makes a function an entry point: a table's member, a macro, or a registration."""

    table: str
    members: tuple[str, ...]
    made_by: str
    passed_to: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All words, each looked up by name."""

    page_types: frozenset[str]
    head_word_fields: frozenset[str]
    head_pointer_fields: frozenset[str]
    flags_fields: frozenset[str]
    refcount_fields: frozenset[str]
    same_object_fields: frozenset[str]
    second_page_fields: frozenset[str]
    head_flags: frozenset[str]
    tail_flags: frozenset[str]
    stop: frozenset[str]
    warn: frozenset[str]
    dump: frozenset[str]
    sources: dict[str, SourceWord]
    pins: dict[str, PinWord]
    unpins: frozenset[str]
    locks: frozenset[str]  # those some source is pinned under
    predicates: frozenset[str]
    no_pins: dict[str, str]  # what looks like a pin, and why it is none
    entries: tuple[EntryWord, ...]
