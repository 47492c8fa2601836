"""How a trace spells what lies in a struct page."""

from __future__ import annotations

import pytest

from reviewer.replay.evidence.show import make_spell
from reviewer.replay.memory.pages import REFERENCE_LAYOUT, Pages
from reviewer.replay.memory.words import Memory
from reviewer.replay.stepping.thread import Access, AccessKind

HEAD = 1 << REFERENCE_LAYOUT.flags["PG_head"]


@pytest.fixture(scope="module")
def pages() -> Pages:
    made = Pages(Memory(), REFERENCE_LAYOUT, 0xCF800, 512)
    made.place()
    return made


def at(what: str, size: int = 8) -> Access:
    return Access(AccessKind.LOAD, 0, size, "f", "f.c", 1, what)


@pytest.mark.parametrize(
    ("offset", "text"),
    [(0, "page[2]"), (1, "page[2]+1"), (2, None), (16, None), (64, "page[3]")],
)
def test_only_a_pages_own_address_is_spelled_as_the_page(
    offset: int, text: str | None, pages: Pages
) -> None:
    value = pages.address(2) + offset
    assert make_spell(pages)(at("page[9].compound_head"), value) == (text or f"{value:#x}")


def test_what_lies_beside_the_pages_is_a_number(pages: Pages) -> None:
    spell = make_spell(pages)
    for value in (pages.address(0) - 64, pages.address(511) + 64, 0, 7):
        assert spell(at("page[9].mapping"), value) == f"{value:#x}"


@pytest.mark.parametrize(
    ("what", "value", "text"),
    [
        ("page[0].flags", HEAD, "PG_head"),
        ("page[0].flags", HEAD | 0x28, "PG_head|0x28"),
        ("page[0].flags", 0x28, "0x28"),
        ("page[0].private", HEAD, f"{HEAD:#x}"),
    ],
)
def test_the_head_bit_is_named_in_flags(what: str, value: int, text: str, pages: Pages) -> None:
    assert make_spell(pages)(at(what), value) == text


def test_a_count_is_signed(pages: Pages) -> None:
    assert make_spell(pages)(at("page[0]._mapcount", 4), 0xFFFFFFFF) == "-1"
