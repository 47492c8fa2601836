"""Loads ``rules/``: the rules and the vocabulary. The only module that knows their files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reviewer.model.errors import BadInputError
from reviewer.model.pagestate import ANYWHERE, Pin, Position
from reviewer.model.rule import Confidence, Rule, Severity
from reviewer.model.vocabulary import (
    CarrierWord,
    CounterWord,
    CountingWords,
    EntryWord,
    FieldWord,
    PinWord,
    SourceWord,
    Unit,
    Vocabulary,
)


def find_data(name: str) -> Path:
    """Return the directory of shipped data ``name`` ("rules", "corpora").

    In a wheel it lies inside the package, in a checkout beside it.

    Raises:
        BadInputError: the installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_data" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise BadInputError(f"{name}/ is missing from this installation: reinstall mm-reviewer")


def _load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path.name}: not valid TOML: {error}; fix the file") from error


def _require(data: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in data:
        raise BadInputError(f"{where}: '{key}' is missing; see rules/README.md")
    return data[key]


def load_rule(path: Path) -> Rule:
    """Load one rule file; its stem is the rule's id.

    Raises:
        BadInputError: a field is missing or has a value that is none of its kind.
    """
    data = _load_toml(path)
    where = f"rules/{path.name}"
    try:
        severity = Severity(_require(data, "severity", where))
        confidence = Confidence(_require(data, "confidence", where))
    except ValueError as error:
        raise BadInputError(f"{where}: {error}; see rules/README.md") from error
    return Rule(
        id=path.stem,
        summary=str(_require(data, "summary", where)),
        question=str(_require(data, "question", where)),
        severity=severity,
        confidence=confidence,
        check=str(_require(data, "check", where)),
        match=dict(data.get("match", {})),
        scenario=str(data.get("scenario", "")),
        remedies=tuple(data.get("remedies", ())),
        references=tuple(data.get("references", ())),
    )


@cache
def load_rules(directory: Path | None = None) -> tuple[Rule, ...]:
    """Load every rule, sorted by id."""
    directory = directory or find_data("rules")
    paths = (p for p in sorted(directory.glob("*.toml")) if p.stem != "vocabulary")
    return tuple(load_rule(path) for path in paths)


def _positions(words: Iterable[str] | None) -> frozenset[Position]:
    return ANYWHERE if words is None else frozenset(Position(w) for w in words)


def _sources(entries: Iterable[Mapping[str, Any]]) -> dict[str, SourceWord]:
    words = {}
    for entry in entries:
        for name in entry["name"]:
            words[name] = SourceWord(
                name=name,
                positions=_positions(entry.get("positions")),
                pin=Pin(entry["pin"]),
                null=bool(entry.get("null", False)),
                pinned_if=tuple(entry.get("pinned_if", ())),
                pinned_unless=tuple(entry.get("pinned_unless", ())),
                pinned_under=tuple(entry.get("pinned_under", ())),
                pinned_in=tuple(entry.get("pinned_in", ())),
                head_with=tuple(entry.get("head_with", ())),
                tail_with=tuple(entry.get("tail_with", ())),
                by_offset=bool(entry.get("by_offset", False)),
                reason=entry["reason"],
            )
    return words


def _carriers(entries: Iterable[Mapping[str, Any]]) -> dict[str, CarrierWord]:
    return {
        name: CarrierWord(
            name=name,
            pin=Pin(entry["pin"]) if "pin" in entry else None,
            positions=_positions(entry.get("positions")),
            same=bool(entry.get("same", False)),
            reason=entry["reason"],
        )
        for entry in entries
        for name in entry["name"]
    }


def _compound_fields(entries: Iterable[Mapping[str, Any]]) -> dict[str, FieldWord]:
    return {
        name: FieldWord(
            name=name,
            pinned=bool(entry.get("pinned", False)),
            unless=tuple(entry.get("unless", ())),
            reason=entry["reason"],
        )
        for entry in entries
        for name in entry["name"]
    }


def _pins(entries: Iterable[Mapping[str, Any]]) -> dict[str, PinWord]:
    words = {}
    for entry in entries:
        positions = _positions(entry["positions"]) if "positions" in entry else None
        for name in entry["name"]:
            words[name] = PinWord(
                name,
                entry["kind"],
                entry["when"],
                positions,
                bool(entry.get("by_pfn", False)),
                bool(entry.get("heads", False)),
                entry.get("under", ""),
                entry["reason"],
            )
    return words


def _counting(data: Mapping[str, Any]) -> CountingWords:
    words = data["counting"]
    counters = {
        field: CounterWord(field, Unit(entry["unit"]), entry["start"], entry["reason"])
        for entry in data["counter"]
        for field in entry["field"]
    }
    return CountingWords(
        counters=counters,
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
    data = _load_toml((directory or find_data("rules")) / "vocabulary.toml")
    fields, flags, asserts = data["fields"], data["flags"], data["asserts"]
    for kind in (
        "compound_field",
        "source",
        "carrier",
        "pin",
        "unpin",
        "owner",
        "splitter",
        "promise",
        "no_pin",
    ):
        for entry in data[kind]:
            _require(entry, "reason", f"rules/vocabulary.toml: [[{kind}]] {entry['name'][0]}")
    for entry in data["counter"]:
        _require(entry, "reason", f"rules/vocabulary.toml: [[counter]] {entry['field'][0]}")
    entries = tuple(
        EntryWord(
            table=entry.get("table", ""),
            members=tuple(entry.get("members", ())),
            made_by=entry.get("made_by", ""),
            passed_to=tuple(entry.get("passed_to", ())),
            what=entry["what"],
        )
        for entry in data["entry"]
    )
    by_name = frozenset(n for entry in data["source"] for n in entry.get("pinned_under", ()))
    whole_under = frozenset(data["locks"]["whole_under"])
    return Vocabulary(
        page_types=frozenset(data["types"]["page"]),
        head_word_fields=frozenset(fields["head_word"]),
        head_pointer_fields=frozenset(fields["head_pointer"]),
        flags_fields=frozenset(fields["flags"]),
        refcount_fields=frozenset(fields["refcount"]),
        same_object_fields=frozenset(fields["same_object"]),
        second_page_fields=frozenset(fields["second_page"]),
        folio_types=frozenset(data["types"]["folio"]),
        head_flags=frozenset(flags["head"]),
        tail_flags=frozenset(flags["tail"]),
        stop=frozenset(asserts["stop"]),
        warn=frozenset(asserts["warn"]),
        dump=frozenset(asserts["dump"]),
        reads=frozenset(data["reads"]["names"]),
        compound_fields=_compound_fields(data["compound_field"]),
        sources=_sources(data["source"]),
        loose_parameters={e["function"]: e["reason"] for e in data["loose_parameter"]},
        carriers=_carriers(data["carrier"]),
        pins=_pins(data["pin"]),
        unpins=frozenset(name for entry in data["unpin"] for name in entry["name"]),
        promises=frozenset(name for entry in data["promise"] for name in entry["name"]),
        owners=frozenset(name for entry in data["owner"] for name in entry["name"]),
        splitters=frozenset(name for entry in data["splitter"] for name in entry["name"]),
        locks=frozenset(data["locks"]["take"]) | by_name,
        unlocks=frozenset(data["locks"]["drop"]),
        whole_under=whole_under,
        locks_by_name=by_name,
        lock_endings=frozenset(data["locks"]["whole_under"])
        | frozenset(entry["under"] for entry in data["pin"] if "under" in entry),
        predicates=frozenset(data["predicates"]["names"]),
        boot=frozenset(data["boot"]["marks"]),
        no_pins={name: entry["reason"] for entry in data["no_pin"] for name in entry["name"]},
        entries=entries,
        counting=_counting(data),
    )
