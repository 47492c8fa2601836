"""Loads ``rules/vocabulary.toml``: what cannot be read off a function's body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from reviewer.model.errors import BadInputError
from reviewer.model.pagestate import Pin, Position
from reviewer.model.vocabulary import (
    CarrierWord,
    CounterWord,
    CountingWords,
    EntryWord,
    FieldWord,
    PinWord,
    SourceWord,
    SplitterWord,
    Unit,
    Vocabulary,
)
from reviewer.rulebook.data import find_data, load_toml, require

Word = TypeVar("Word")
_FILE = "rules/vocabulary.toml"
_READERS: dict[str, Callable[[Any], object]] = {
    "pin": Pin,
    "positions": lambda words: frozenset(Position(word) for word in words),
    "unit": Unit,
}


def _fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's values as the fields of a word hold them."""
    return {key: _READERS.get(key, _plain)(value) for key, value in entry.items()}


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _iter_named(
    data: Mapping[str, Any], table: str, key: str
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield each name of a table's entries, the rest of the entry, and where it stands."""
    for entry in data[table]:
        for name in entry[key]:
            where = f"{_FILE}: [[{table}]] {name}"
            require(entry, "reason", where)
            yield name, {k: v for k, v in entry.items() if k != key}, where


def _words(
    data: Mapping[str, Any], table: str, kind: Callable[..., Word], *, key: str = "name"
) -> dict[str, Word]:
    """Return the words of a table by name; the keys of an entry are the fields of its word."""
    words: dict[str, Word] = {}
    for name, entry, where in _iter_named(data, table, key):
        try:
            words[name] = kind(name, **_fields(entry))
        except (TypeError, ValueError) as error:
            raise BadInputError(f"{where}: {error}; see reviewer/model/vocabulary.py") from error
    return words


def _reasons(data: Mapping[str, Any], table: str) -> dict[str, str]:
    """Return the names of a table, each with its reason."""
    return {name: entry["reason"] for name, entry, _ in _iter_named(data, table, "name")}


def _counting(data: Mapping[str, Any]) -> CountingWords:
    words = data["counting"]
    return CountingWords(
        counters=_words(data, "counter", CounterWord, key="field"),
        statistics=words["statistics"],
        changed_by=words["changed_by"],
        double_map=frozenset(words["double_map"]),
        hugetlb=frozenset(words["hugetlb"]),
        sizes=frozenset(words["sizes"]),
        orders=frozenset(words["orders"]),
        pmd_pages=frozenset(words["pmd_pages"]),
        pte_pages=frozenset(words["pte_pages"]),
        watched=frozenset(words["watched"]),
        makes_compound=frozenset(words["makes_compound"]),
        hugetlb_files=frozenset(words["hugetlb_files"]),
        outside=tuple(words["outside"]),
        outside_of=tuple(words["outside_of"]),
    )


@cache
def load_vocabulary(directory: Path | None = None) -> Vocabulary:
    """Load ``rules/vocabulary.toml``.

    Raises:
        BadInputError: the file is not valid, or an entry gives no reason.
    """
    data = load_toml((directory or find_data("rules")) / "vocabulary.toml")
    fields, flags, asserts = data["fields"], data["flags"], data["asserts"]
    by_name = frozenset(n for entry in data["source"] for n in entry.get("pinned_under", ()))
    whole_under = frozenset(data["locks"]["whole_under"])
    return Vocabulary(
        page_types=frozenset(data["types"]["page"]),
        head_word_fields=frozenset(fields["head_word"]),
        head_pointer_fields=frozenset(fields["head_pointer"]),
        flags_fields=frozenset(fields["flags"]),
        refcount_fields=frozenset(fields["refcount"]),
        same_object_fields=frozenset(fields["same_object"]),
        folio_types=frozenset(data["types"]["folio"]),
        head_flags=frozenset(flags["head"]),
        tail_flags=frozenset(flags["tail"]),
        stop=frozenset(asserts["stop"]),
        warn=frozenset(asserts["warn"]),
        dump=frozenset(asserts["dump"]),
        reads=frozenset(data["reads"]["names"]),
        compound_fields=_words(data, "compound_field", FieldWord),
        sources=_words(data, "source", SourceWord),
        loose_parameters=_reasons(data, "loose_parameter"),
        carriers=_words(data, "carrier", CarrierWord),
        pins=_words(data, "pin", PinWord),
        unpins=frozenset(_reasons(data, "unpin")),
        promises=frozenset(_reasons(data, "promise")),
        owners=frozenset(_reasons(data, "owner")),
        splitters=_words(data, "splitter", SplitterWord),
        locks=frozenset(data["locks"]["take"]) | by_name,
        unlocks=frozenset(data["locks"]["drop"]),
        page_table_lock=data["locks"]["page_table"],
        clear_entry=frozenset(data["locks"]["clear_entry"]),
        same_entry=frozenset(data["locks"]["same_entry"]),
        whole_under=whole_under,
        locks_by_name=by_name,
        lock_endings=whole_under | {entry["under"] for entry in data["pin"] if "under" in entry},
        predicates=frozenset(data["predicates"]["names"]),
        never_hugetlb=frozenset(data["predicates"]["never_hugetlb"]),
        boot=frozenset(data["boot"]["marks"]),
        no_pins=_reasons(data, "no_pin"),
        entries=tuple(EntryWord(**_fields(entry)) for entry in data["entry"]),
        reach_files=tuple(data["reach"]["files"]),
        counting=_counting(data),
    )
