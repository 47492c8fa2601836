"""What a crash says, and that no mangling of its text changes the answer."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.decode.decode import decode_text
from reviewer.model.codec import to_json
from reviewer.model.crash import Decoded, HypothesisName, Verdict

OOPSES = Path(__file__).parent / "oopses"
SHARED = Path(__file__).resolve().parents[3] / "shared"
NAMES = sorted(path.stem for path in OOPSES.glob("*.txt"))
Read = Callable[[str], str]


def _decode(text: str) -> Decoded:
    decoded = decode_text(text)
    assert decoded is not None
    return decoded


def _verdicts(decoded: Decoded) -> dict[str, str]:
    return {str(h.name): str(h.verdict) for h in decoded.hypotheses}


def _because(decoded: Decoded, name: str) -> str:
    return " ".join(next(h.because for h in decoded.hypotheses if h.name == name))


@pytest.mark.parametrize(
    ("name", "era", "page", "head", "tail", "walker"),
    [
        ("tail-computed-2015", "2015", 0x6A000, 0x6A000, 41, "kpageflags_read"),
        ("remade-6.1", "6.1", 0x1E7D3, 0x1E600, 467, "kpagecount_read"),
        ("dump-crashed-6.1", "5.10-6.6", 0x2B200, 0x2B200, 197, "kpagecount_read"),
        ("tail-passed-5.10", "5.10", 0x9100D, 0x91000, 13, "feed_all_pages"),
        ("bare-6.12", "6.12", 0x81C04, 0x81C04, None, ""),
    ],
)
def test_pages_are_placed(
    oops: Read, name: str, era: str, page: int, head: int, tail: int | None, walker: str
) -> None:
    decoded = _decode(oops(name))
    assert era in decoded.era
    assert decoded.page.pfn == page
    assert decoded.head is not None
    assert (decoded.head.pfn, decoded.tail, decoded.walker) == (head, tail, walker)


@pytest.mark.parametrize(
    ("name", "tail_passed", "freed", "split", "poisoned"),
    [
        ("tail-computed-2015", "refuted", "supported", "refuted", "refuted"),
        ("remade-6.1", "open", "supported", "refuted", "refuted"),
        ("dump-crashed-6.1", "refuted", "supported", "refuted", "refuted"),
        ("tail-passed-5.10", "supported", "refuted", "refuted", "refuted"),
        ("split-4.8", "open", "refuted", "supported", "refuted"),
        ("poisoned-6.6", "open", "open", "open", "supported"),
    ],
)
def test_hypotheses_are_weighed(
    oops: Read, name: str, tail_passed: str, freed: str, split: str, poisoned: str
) -> None:
    assert _verdicts(_decode(oops(name))) == {
        "tail-passed": tail_passed,
        "head-freed": freed,
        "head-split": split,
        "poisoned": poisoned,
    }


def test_the_arithmetic_is_shown(oops: Read) -> None:
    decoded = _decode(oops("tail-computed-2015"))
    shown = " ".join(decoded.arithmetic)
    assert "(ffffea0001a80000 - ffffea0000000000) / 64 = pfn 0x6a000" in shown
    assert "0x6a029 - 0x6a000 = 41" in shown
    assert decoded.address == 0x7F3C40C00000
    assert "0x7f3c40c00 << 12 = 0x7f3c40c00000" in _because(decoded, "head-freed")


def test_marks_of_the_kernel_are_no_poison(oops: Read) -> None:
    assert "TAIL_MAPPING" in _because(_decode(oops("remade-6.1")), "poisoned")


def test_a_dump_that_crashed_again_says_what_is_lost(oops: Read) -> None:
    decoded = _decode(oops("dump-crashed-6.1"))
    assert decoded.assertion == "VM_BUG_ON_FOLIO(!folio_test_large(folio))"
    assert any("dump_page() crashed again" in line for line in decoded.missing)
    silent = re.sub(r"(?m)^.*\b(page:|flags:|raw:|page dumped).*\n", "", oops("dump-crashed-6.1"))
    decoded = _decode(silent)
    assert decoded.walker == "kpagecount_read"
    assert decoded.page.pfn is None
    assert any("no page dump" in line for line in decoded.missing)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (r"R..: ", "no registers"),
        (r"raw: ", "no raw words"),
        (r"flags: ", "no flags"),
        (r"page dumped because", "no 'page dumped because'"),
        (r"kernel BUG at", "no 'kernel BUG at'"),
        (r"\+0x[0-9a-f]+/0x", "no call trace"),
        (r"page:", "no pfn"),
    ],
)
def test_a_lost_line_is_missed(oops: Read, lines: str, told: str) -> None:
    kept = [line for line in oops("remade-6.1").split("\n") if not re.search(lines, line)]
    whole = _decode(oops("remade-6.1"))
    decoded = _decode("\n".join(kept))
    assert any(line.startswith(told) for line in decoded.missing)
    assert not any(line.startswith(told) for line in whole.missing)


def test_a_freed_page_behind_the_head_is_placed_by_the_huge_page_it_was_in() -> None:
    decoded = _decode(
        "page:ffffea00004d3540 refcount:0 mapcount:-128 mapping:0000000000000000 index:0x0"
        " pfn:0x134d5\nflags: 0x4000000000000000(zone=1)\n"
        "page dumped because: VM_BUG_ON_PAGE(!PageHead(page))\n"
    )
    assert decoded.head is not None
    assert (decoded.head.pfn, decoded.tail) == (0x13400, 0xD5)
    assert any("no order is left" in line for line in decoded.arithmetic)
    assert _verdicts(decoded)["head-freed"] == "supported"
    assert "buddy" in _because(decoded, "head-freed")


def test_a_walker_by_pfn_may_meet_a_page_that_was_made_again(oops: Read) -> None:
    held, passing = "feed_all_pages", "kpagecount_read"
    decoded = _decode(oops("tail-passed-5.10").replace(held, passing))
    assert _verdicts(decoded)["tail-passed"] == "open"
    assert _verdicts(decoded)["head-freed"] == "supported"
    assert f"{passing}() goes from pfn to pfn" in _because(decoded, "head-freed")


def test_a_dump_that_contradicts_itself_was_not_held_still(oops: Read) -> None:
    decoded = _decode(oops("tail-passed-5.10").replace("00000201ffffffff", "00000001ffffffff"))
    assert _verdicts(decoded)["tail-passed"] == "open"
    assert "count 513 in the first line, 1 in the words" in _because(decoded, "head-freed")


def test_a_split_leaves_index_and_pfn_in_step(oops: Read) -> None:
    decoded = _decode(oops("split-4.8").replace("0x7fca1e469", "0x7fca1e46a"))
    assert _verdicts(decoded)["head-split"] == "refuted"
    assert _verdicts(decoded)["head-freed"] == "supported"
    assert "here 105 and 106" in _because(decoded, "head-split")


def test_frames_with_source_lines_are_read(oops: Read) -> None:
    symbolized = oops("remade-6.1").replace(
        " kpagecount_read+0x21c/0x330",
        " page_mapcount include/linux/mm.h:840 [inline]\n"
        " kpagecount_read+0x21c/0x330 fs/proc/page.c:70",
    )
    names = [frame.function for frame in _decode(symbolized).crash.trace]
    assert names[:3] == ["page_mapcount", "kpagecount_read", "vfs_read"]


@pytest.mark.parametrize(
    "prefix",
    [
        "Nov 23 10:00:01 host kernel: ",
        "2026-11-23T10:00:01+0000 host kernel: ",
        "[Mon Nov 23 10:00:01 2026] ",
        "<4>[   12.345678][ T1183] ",
        "&gt; ",
    ],
)
def test_what_a_log_puts_before_a_line_is_no_matter(oops: Read, prefix: str) -> None:
    bare = [re.sub(r"^\[ *[\d.]+\] ?", "", x) for x in oops("tail-computed-2015").split("\n")]
    logged = "\n".join(prefix + line for line in bare)
    assert to_json(_decode(logged)) == to_json(_decode(oops("tail-computed-2015")))


def test_a_dump_at_a_random_base_is_placed_by_what_the_registers_hold(oops: Read) -> None:
    moved = oops("remade-6.1").replace("ffd4000000", "fffff5c380")
    decoded, plain = _decode(moved), _decode(oops("remade-6.1"))
    assert "vmemmap begins there" in decoded.arithmetic[0]
    assert (decoded.head, decoded.tail) == (plain.head, plain.tail)


def test_a_tail_is_counted_where_no_pfn_can_be_known(oops: Read) -> None:
    decoded = _decode(oops("tail-computed-2015").replace("ffffea0001", "fffff5c381"))
    assert decoded.page.pfn is None
    assert decoded.tail == 41
    assert _verdicts(decoded)["tail-passed"] == "refuted"


def test_the_registers_of_user_space_are_not_read(oops: Read) -> None:
    lost = "\n".join(x for x in oops("remade-6.1").split("\n") if "RBX: ffd4" not in x)
    registers = dict(_decode(lost).crash.registers)
    assert "RBX" not in registers


@pytest.mark.parametrize("number", ["9" * 6000, "-" + "9" * 30, "f" * 40, "0x" + "0" * 5000, "-1"])
@pytest.mark.parametrize(
    "label",
    [
        "count:0",
        "index:0x7f3c40c00",
        "flags: 0x4000000000000000",
        "CPU: 3",
        "page-flags.h:548",
        "mapcount:0",
    ],
)
def test_absurd_numbers_give_an_answer(oops: Read, label: str, number: str) -> None:
    name = re.sub(r"(?<=[: ])(0x)?[0-9a-f]+$", "", label)
    decoded = _decode(oops("tail-computed-2015").replace(label, name + number))
    assert to_json(decoded)


def test_an_address_and_a_pfn_that_cannot_be_one_page_are_told(oops: Read) -> None:
    decoded = _decode(oops("tail-passed-5.10").replace("pfn:0x9100d", "pfn:0x9100d0000000d"))
    assert "cannot belong to one page" in decoded.arithmetic[0]


def test_the_walkers_pfn_in_a_register_is_enough(oops: Read) -> None:
    text = oops("dump-crashed-6.1").replace("RBP: ffd4000000acb140", "RBP: 000000000002b2c5")
    decoded = _decode(text)
    assert (decoded.tail, decoded.walker_pfn) == (197, 0x2B2C5)
    clobbered = _decode(text.replace("RBP: 0", "R09: 0").replace("R09: 00000000ffff", "RBP: f"))
    assert clobbered.tail is None


def test_prose_is_no_crash() -> None:
    assert decode_text("the page: 4096 bytes, flags: none, see kernel BUG reports") is None
    assert decode_text("") is None


@st.composite
def _mangled(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(NAMES))
    text = (OOPSES / f"{name}.txt").read_text()
    if draw(st.booleans()):
        text = re.sub(r"(?m)^\[ *\d+\.\d{6}\] ?", "", text)
    elif draw(st.booleans()):
        text = re.sub(r"(?m)^(?=\[)", "<4>", text)
    width = draw(st.sampled_from((0, 40, 60, 72, 76, 200)))
    if width:
        options = {"break_long_words": False, "break_on_hyphens": False}
        text = "\n".join(textwrap.wrap(" ".join(text.split()), width, **options))  # type: ignore[arg-type] # one dict for both switches
    for _ in range(draw(st.integers(0, 3))):
        text = "".join(f"> {line}\n" for line in text.split("\n"))
    if draw(st.booleans()):
        text = " ".join(text.split())
    around = draw(st.sampled_from(("", "Hello,\n\nI hit this on my machine.\n\n")))
    return name, around + text + draw(st.sampled_from(("", "\n\n-- \nTo unsubscribe, send\n")))


@given(_mangled())
@settings(max_examples=150, deadline=None)
def test_mangling_changes_nothing(case: tuple[str, str]) -> None:
    name, text = case
    assert to_json(_decode(text)) == to_json(_decode((OOPSES / f"{name}.txt").read_text()))


@given(st.sampled_from(NAMES), st.integers(0, 6000), st.integers(0, 6000))
@settings(max_examples=200, deadline=None)
def test_any_part_gives_an_answer_or_none(name: str, start: int, end: int) -> None:
    decoded = decode_text((OOPSES / f"{name}.txt").read_text()[start:end])
    if decoded is not None:
        assert {h.name for h in decoded.hypotheses} == set(HypothesisName)
        assert all(h.because for h in decoded.hypotheses)


@given(st.sampled_from(NAMES), st.lists(st.tuples(st.integers(0, 4000), st.characters())))
@settings(max_examples=150, deadline=None)
def test_any_damage_gives_an_answer_or_none(name: str, edits: list[tuple[int, str]]) -> None:
    text = list((OOPSES / f"{name}.txt").read_text())
    for place, char in edits:
        text[place % len(text)] = char
    decoded = decode_text("".join(text))
    assert decoded is None or json.loads(to_json(decoded))


def test_the_seed_is_a_tail_whose_head_was_freed() -> None:
    files = sorted((SHARED / "seed").glob("000_*.txt"))
    if not files:
        pytest.skip("the seed mail is not here")
    flat = files[0].read_text()
    decoded = _decode(flat)
    assert decoded.head is not None
    assert (decoded.head.pfn, decoded.tail, decoded.address) == (0xCF800, 397, 0x700000200000)
    verdicts = _verdicts(decoded)
    assert (verdicts["head-freed"], verdicts["tail-passed"]) == ("supported", "refuted")
    mail = re.sub(r"(\[ +\d+\.\d{6}\])", r"\n> \1", flat)
    assert to_json(_decode(mail)) == to_json(decoded)


def test_a_real_oops_of_6_1() -> None:
    path = SHARED / "truth" / "oops-6.1-kpagecount.txt"
    if not path.exists():
        pytest.skip("the oops is not here")
    decoded = _decode(path.read_text())
    assert decoded.head is not None
    assert (decoded.page.pfn, decoded.head.pfn, decoded.tail) == (0x2475, 0x2400, 117)
    assert _verdicts(decoded)["head-freed"] == Verdict.SUPPORTED
