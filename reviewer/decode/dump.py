"""Reads page dumps: the labels of ``dump_page()`` from 2015 to 6.12, whichever are there."""

from __future__ import annotations

import re
from itertools import pairwise

from reviewer.model.crash import PageDump

_ADDRESS = r"(?:[0-9a-f]{16}|\(_*ptrval_*\)|\(null\)|\(efault\))"
_START = re.compile(rf"(?<![\w>-])page: ?(?={_ADDRESS}(?: |$)|(?:ref)?count:)")
_END = re.compile(r"-+\[ cut here \]|kernel BUG at |Modules linked in:|(?<!\S)RIP: ")
_PAGE = re.compile(rf"page: ?({_ADDRESS})")
_FIELDS = {
    "count": re.compile(r"(?<![\w])(?:ref)?count: ?(-?\d{1,10})(?!\w)"),
    "mapcount": re.compile(r"(?<![\w])mapcount: ?(-?\d{1,10})(?!\w)"),
    "order": re.compile(r"(?<![\w])order: ?(\d{1,2})(?!\w)"),
    "whole": re.compile(r"(?<![\w])(?:compound|entire)_mapcount: ?(-?\d{1,10})(?!\w)"),
}
_HEXES = {
    "index": re.compile(r"(?<![\w])index: ?(?:0x)?([0-9a-f]{1,16})(?!\w)"),
    "pfn": re.compile(r"(?<![\w])pfn: ?(?:0x)?([0-9a-f]{1,14})(?!\w)"),
}
_MAPPING = re.compile(rf"(?<![\w])mapping: ?({_ADDRESS})")
_HEAD = re.compile(rf"(?<![\w])head: ?({_ADDRESS}) order:")
_FLAGS = re.compile(
    r"(?:(?<!\S)(anon|ksm) )?(?<!\S)flags: ?(?:0x)?([0-9a-f]{1,16})(?!\w)(?:\(([^()]*)\))?"
)
_WORDS = re.compile(r"(?<!\S)(raw|head):((?: [0-9a-f]{16}(?!\S)){1,4})")
_LABEL = re.compile(
    r"(?<![\w>-])(page->mem_cgroup|memcg|refcount|count|pfn|compound_mapcount|compound_pincount"
    r"|subpages_mapcount|entire_mapcount|nr_pages_mapped|pincount|page_type|raw|head|flags): ?"
)
_BECAUSE = re.compile(r"page dumped because: ?")
_POISONED = re.compile(r"is uninitialized and poisoned")
_REASON_END = re.compile(
    r"(?<!\S)(?:page->mem_cgroup:|page_owner |page last |-+\[|kernel BUG|Modules linked|CPU:"
    r"|page:|raw:|head:|bad because|Call Trace|--(?!\S))"
)
_ASKS_HEAD = re.compile(
    r"!\s*Page(?:Head|Compound|TransHuge|DoubleMap)|(?<!!)PageTail"
    r"|compound_head & 1|!\s*folio_test_large"
)
_NO_ASSERTION_WORDS = 8
_HIDDEN = 2
_HASH_LIMIT = 1 << 32  # %p prints 32 hashed bits


def parse_dumps(text: str) -> tuple[PageDump, ...]:
    """Return the page dumps of a flattened text in their order; damaged ones with what is left."""
    starts = [match.start() for match in _START.finditer(text)]
    if not starts:
        traces = (_BECAUSE, _POISONED, _WORDS)
        return (_parse_dump(text),) if any(p.search(text) for p in traces) else ()
    bounds = [*starts, len(text)]
    return tuple(_parse_dump(text[a:b]) for a, b in pairwise(bounds))


def _parse_dump(text: str) -> PageDump:
    because = _parse_reason(text)
    end = _END.search(text)
    body = text[: end.start()] if end else text
    at = _BECAUSE.search(body)
    lines = body[: at.start()] if at else body
    numbers = {name: _number(pattern, lines, 10) for name, pattern in _FIELDS.items()}
    hexes = {name: _number(pattern, lines, 16) for name, pattern in _HEXES.items()}
    address, hashed = _pointer(_PAGE.search(lines))
    head, head_hashed = _pointer(_HEAD.search(lines))
    mapping = _MAPPING.search(lines)
    flags = _FLAGS.search(lines)
    words: dict[str, list[int]] = {"raw": [], "head": []}
    for match in _WORDS.finditer(lines):
        words[match[1]] += [int(word, 16) for word in match[2].split()]
    return PageDump(
        address=address,
        pfn=hexes["pfn"],
        count=numbers["count"],
        mapcount=numbers["mapcount"],
        mapping=_mapping(mapping[1]) if mapping else None,
        index=hexes["index"],
        head_address=head,
        order=numbers["order"],
        whole_mapcount=numbers["whole"],
        flags=int(flags[2], 16) if flags else None,
        names=_names(flags[3]) if flags else (),
        anonymous=bool(flags and flags[1]),
        poisoned=bool(_POISONED.search(lines)),
        hashed=hashed or head_hashed,
        words=tuple(words["raw"]),
        head_words=tuple(words["head"]),
        because=because,
        fields=frozenset(_LABEL.findall(lines)) | _bare_page(lines),
    )


def _bare_page(lines: str) -> frozenset[str]:
    """Tell the dump that prints no address (``page: refcount:``)."""
    return frozenset({"no-address"}) if re.match(r"page: (?:ref)?count:", lines) else frozenset()


def _number(pattern: re.Pattern[str], text: str, base: int) -> int | None:
    match = pattern.search(text)
    return int(match[1], base) if match else None


def _pointer(match: re.Match[str] | None) -> tuple[int | None, bool]:
    """Return an address, and whether a hash stands in its place."""
    if match is None:
        return None, False
    text = match[1]
    if text.startswith("("):
        return None, "ptrval" in text
    value = int(text, 16)
    return (None, True) if value < _HASH_LIMIT else (value, False)


def _mapping(text: str) -> int:
    """Return the mapping; 2 stands for one whose value is hidden."""
    if text.startswith("("):
        return 0 if text == "(null)" else _HIDDEN
    value = int(text, 16)
    return _HIDDEN if 0 < value < _HASH_LIMIT else value


def _names(text: str | None) -> tuple[str, ...]:
    """Return flags by name; what is a number in the flags word (zone=0) is none."""
    return tuple(n for n in (text or "").replace(" ", "").split("|") if n and "=" not in n)


def _parse_reason(text: str) -> str:
    """Return why the page was dumped: a whole call, or the first words of a sentence."""
    match = _BECAUSE.search(text)
    if match is None:
        return ""
    rest = text[match.end() :]
    call = re.match(r"\w+\(", rest)
    if call:
        depth = 0
        for position in range(call.end() - 1, min(len(rest), 500)):
            depth += {"(": 1, ")": -1}.get(rest[position], 0)
            if depth == 0:
                return rest[: position + 1]
    end = _REASON_END.search(rest)
    words = (rest[: end.start()] if end else rest).split()
    return " ".join(words[:_NO_ASSERTION_WORDS])


def asks_head(dump: PageDump) -> bool:
    """Say whether the assertion wants the page to be a head, or at least no tail."""
    return bool(_ASKS_HEAD.search(dump.because))


def find_era(fields: frozenset[str]) -> str:
    """Say by its labels in which kernels a dump looks like this; "" where they do not tell."""
    if "no-address" in fields and "pfn" in fields:
        return "6.12"
    if {"entire_mapcount", "nr_pages_mapped"} & fields:
        return "6.6"
    if "subpages_mapcount" in fields:
        return "6.2"
    if "compound_pincount" in fields:
        return "5.10-6.1"
    if "page_type" in fields:
        return "6.6"
    if "pfn" in fields:
        return "5.10-6.6"
    if "refcount" in fields:
        return "5.2-5.7"
    if "count" in fields:
        return "4.5-4.9" if {"compound_mapcount", "raw"} & fields else "mmotm Oct 2015 / 4.4-4.9"
    return ""
