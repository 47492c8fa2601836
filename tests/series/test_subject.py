from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.series.subject import UNKNOWN_EXPECTED, Subject, parse_subject, title_key


def numbers(subject: Subject) -> tuple[int, int, int]:
    return (subject.revision, subject.counter, subject.expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[PATCH v3 02/10] mm: a", (3, 2, 10)),
        ("[PATCH] mm: a", (1, 1, 1)),
        ("[PATCHv12 26/37] mm: a", (12, 26, 37)),
        ("PATCHv12 26/37 mm: a", (12, 26, 37)),
        ("[PATCH v6,19/24] mm: a", (6, 19, 24)),
        ("[PATCH1/8] mm: a", (1, 1, 8)),
        ("[PATCH 3 of 7] mm: a", (1, 3, 7)),
        ("[PATCH 03 of 07 v2] mm: a", (2, 3, 7)),
        ("[v3 PATCH] mm: a", (3, 1, 1)),
        ("[v2,3/7] mm: a", (2, 3, 7)),
        ("[PATCH 1/3 v2] mm: a", (2, 1, 3)),
        ("[PATCH 1/3, v2] mm: a", (2, 1, 3)),
        ("[PATCH V2 1/3] mm: a", (2, 1, 3)),
        ("[PATCH-v2 1/3] mm: a", (2, 1, 3)),
        ("[PATCH -next -v3 1/2] mm: a", (3, 1, 2)),
        ("[PATCH v 2 1/3] mm: a", (2, 1, 3)),
        ("[PATCH 3/4v2] mm: a", (2, 3, 4)),
        ("[PATCH 1 / 8] mm: a", (1, 1, 8)),
        ("[PATCH] 1/3: mm: a", (1, 1, 3)),
        ("[PATCH take 3 1/2] mm: a", (3, 1, 2)),
        ("[patch 1/8] mm: a", (1, 1, 8)),
        ("[PATCH mm-unstable v3 1/2] mm: a", (3, 1, 2)),
        ("[PATCH v3 mm-new 1/2] mm: a", (3, 1, 2)),
        ("[RFC][PATCH v2 1/2] mm: a", (2, 1, 2)),
        ("[RFCv1 0/6] mm: a", (1, 0, 6)),
        ("[f2fs-dev] [PATCH v2 1/3] mm: a", (2, 1, 3)),
        ("Re: [PATCH v3 02/10] mm: a", (3, 2, 10)),
        ("RE: AW: [External] Re: [PATCH v3 02/10] mm: a", (3, 2, 10)),
        ("[[PATCH v2 1/2]] mm: a", (2, 1, 2)),
        ("Отв: [PATCH 1/2] mm: a", (1, 1, 2)),
        ("[PATCH 0/n] mm: a", (1, 0, UNKNOWN_EXPECTED)),
        ("[PATCHSET v2 cgroup/for-6.10] mm: a", (2, 0, UNKNOWN_EXPECTED)),
        ("[PATCH 5.10 011/199] mm: a", (1, 11, 199)),
        ("[PATCH v5.10 1/3] mm: a", (1, 1, 3)),
        ("[PATCH v6.1 v2 1/3] mm: a", (2, 1, 3)),
    ],
)
def test_each_form_in_use_gives_revision_counter_and_expected(
    text: str, expected: tuple[int, int, int]
) -> None:
    subject = parse_subject(text)
    assert numbers(subject) == expected
    assert subject.title == "mm: a"
    assert subject.tagged


def test_a_point_revision_keeps_its_point() -> None:
    subject = parse_subject("[PATCH v5.1 10/12] mm: a")
    assert (subject.revision, subject.point, subject.counter) == (5, 1, 10)
    lettered = parse_subject("[PATCH v4a 00/38] mm: a")
    assert (lettered.revision, lettered.point, lettered.expected) == (4, 1, 38)


def test_rfc_resend_and_prefixes_are_told_apart() -> None:
    subject = parse_subject("[RFC PATCH RESEND mm-unstable v3 1/2] a")
    assert subject.rfc and subject.resend
    assert subject.prefixes == ("mm-unstable",)
    assert parse_subject("[RESEND PATCH] a").resend
    assert parse_subject("[RFC/PATCH] a").rfc
    assert parse_subject("[PATCH/for-next 1/2] a").prefixes == ("for-next",)
    assert parse_subject("[PATCH-cgroup v2] a").prefixes == ("cgroup",)


@pytest.mark.parametrize(
    "text",
    [
        "[linux-next:master 1234/5678] mm/rmap.c:1: warning",
        "[syzbot] [mm?] KASAN: use-after-free in folio_get",
        "mm: a question",
        "[GIT PULL] mm updates",
        "[LSF/MM/BPF TOPIC] folios",
    ],
)
def test_what_is_no_patch_is_not_tagged(text: str) -> None:
    assert not parse_subject(text).tagged


def test_a_date_and_an_impossible_count_are_no_numbers() -> None:
    assert not parse_subject("[PATCH 2024/05/01] a").numbered
    assert not parse_subject("[PATCH 10/9] a").numbered


@pytest.mark.parametrize(
    ("text", "fixup"),
    [
        ("[PATCH] mm-rmap-count-maps-fix", True),
        ("[PATCH v5 3/6] mm: a (fix 2)", True),
        ("[PATCH] mm-rmap-count-maps-fix-2", True),
        ("[PATCH mm-unstable v3 fix] mm: a", True),
        ("[PATCH] fixup! mm: a", True),
        ("[PATCH 3a/7] mm: a", True),
        ("[PATCH] mm: fix a", False),
        ("[PATCH mm-hotfixes] mm: a", False),
        ("[PATCH] mm: a bug-fixing thing", False),
    ],
)
def test_a_fixup_is_known_by_its_bracket_or_its_title(text: str, fixup: bool) -> None:
    subject = parse_subject(text)
    assert (subject.fixup or subject.fix_title) is fixup


@given(st.text(max_size=200))
def test_any_text_gives_a_value_within_bounds(text: str) -> None:
    subject = parse_subject(text)
    assert subject.counter >= 0
    assert subject.expected == UNKNOWN_EXPECTED or subject.counter <= subject.expected
    assert subject.title == subject.title.strip()


@given(
    revision=st.integers(1, 99),
    expected=st.integers(1, 400),
    data=st.data(),
    reply=st.booleans(),
    rfc=st.booleans(),
    resend=st.booleans(),
    prefix=st.sampled_from(["", "mm-unstable", "net-next", "mm-hotfixes-stable", "5.15"]),
    title=st.sampled_from(["mm: a", "mm/rmap: count [0, 1] maps", "fs/proc: 1/2 of a page"]),
)
def test_what_is_printed_is_read_again(
    revision: int,
    expected: int,
    data: st.DataObject,
    reply: bool,
    rfc: bool,
    resend: bool,
    prefix: str,
    title: str,
) -> None:
    counter = data.draw(st.integers(0, expected))
    words = ["RFC"] * rfc + ["PATCH"] + ["RESEND"] * resend + [prefix] * bool(prefix)
    words += [f"v{revision}", f"{counter:02}/{expected}"]
    words = data.draw(st.permutations(words))
    text = ("Re: " if reply else "") + f"[{' '.join(words)}] {title}"
    subject = parse_subject(text)
    assert numbers(subject) == (revision, counter, expected)
    assert (subject.reply, subject.rfc, subject.resend) == (reply, rfc, resend)
    assert subject.prefixes == ((prefix,) if prefix else ())
    assert subject.title == title


def test_the_key_of_a_title_bears_blanks_case_and_a_full_stop() -> None:
    assert title_key("MM:  Count maps.") == title_key("mm: count maps")
