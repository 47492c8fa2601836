"""The HTML report as text: one file, its policy, everything escaped, everything said."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest

from reviewer.model.dismissal import Dismissal, Dismissals, Dismissed
from reviewer.model.location import Location
from reviewer.model.review import Review
from reviewer.model.series import PatchSeries
from reviewer.report.findingview import PLAYER_BYTES
from reviewer.report.html import render_html

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "<!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x1b[31mred\x1b[0m\u202e",
)


class Page(HTMLParser):
    """The elements and attributes of a page, as a browser's parser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.data.append(data)

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attrs for name, attrs in self.tags if name == tag)


def hostile(series: PatchSeries, text: str) -> PatchSeries:
    patches = tuple(
        replace(
            p,
            subject=text,
            author=text,
            mail=replace(p.mail, subject=text, body=p.mail.body.replace("page_mapcount", text)),
        )
        for p in series.patches
    )
    return replace(series, title=text, msgid=text, patches=patches)


def poison(review: Review, text: str) -> Review:
    """The review with the text in every place that comes from outside."""
    assert review.series is not None
    findings = []
    for f in review.findings:
        witness = f.witness
        if witness is not None:
            witness = replace(
                witness,
                oops=text,
                scenario=text,
                model=text,
                reason=text,
                trace=tuple(
                    replace(s, text=text, function=text, path=text, actor=text)
                    for s in witness.trace
                ),
                sources=tuple(
                    replace(s, text=text, function=text, path=text) for s in witness.sources
                ),
            )
        findings.append(
            replace(
                f,
                message=text,
                question=text,
                rule=text,
                primary=Location(text, 1, text),
                guards=(text,),
                states=(text,),
                remedies=(text,),
                evidence=tuple(replace(e, path=text, text=text) for e in f.evidence),
                call_path=tuple(replace(s, function=text, path=text) for s in f.call_path),
                witness=witness,
            )
        )
    return replace(
        review,
        series=hostile(review.series, text),
        findings=tuple(findings),
        skipped=tuple(
            replace(s, stage=text, path=text, function=text, reason=text) for s in review.skipped
        ),
        replays=tuple(replace(r, scenario=text, detail=text) for r in review.replays),
        configuration=(text,),
        scope=(text,),
        dismissals=Dismissals(
            text,
            (Dismissed(findings[0], Dismissal(text, rule=text, function=text)),),
            (Dismissal(text, fingerprint=text, expires=date(2020, 1, 31)),),
            (Dismissal(text, fingerprint=text),),
        ),
        uses=tuple(
            replace(u, function=text, helper=text, path=text, undecided=text) for u in review.uses
        ),
    )


def test_says_all_that_the_text_report_says(review: Review) -> None:
    text = " ".join(Page(render_html(review)).data)
    for part in (
        "1 finding in thp: count mappings per page",
        "kpageflags_read -> stable_page_flags -> page_mapcount -> __page_mapcount",
        "What keeps the compound page from being freed",
        "VM_BUG_ON_PAGE(!PageHead(page), page);",
        "a flag test pins nothing",
        "CPU 0: kpageflags_read",
        "page[0].flags loses PG_head",
        "kernel BUG at include/linux/page-flags.h:545!",
        "get_page_unless_zero()",
        "the parser met text it could not read",
        "a call through a pointer",
        "2 uses, 1 of those listed undecided",
    ):
        assert part in text, part


def test_policy_allows_exactly_its_own_style_and_script(review: Review) -> None:
    page = render_html(review)
    policy = next(
        m["content"] or "" for m in Page(page).named("meta") if m.get("http-equiv") is not None
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_needs_nothing_from_outside(review: Review) -> None:
    for tag, attrs in Page(render_html(review)).tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base", "form")
        for name in ("src", "href", "style", "srcset"):
            value = attrs.get(name)
            assert value is None or (name == "href" and value.startswith("#")), (tag, attrs)
        assert not [name for name in attrs if name.startswith("on")]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_stays_text(review: Review, payload: str) -> None:
    plain, page = Page(render_html(review)), Page(render_html(poison(review, payload)))
    assert [tag for tag, _ in page.tags if tag != "script"].count("img") == 0
    assert len(list(page.named("style"))) == 1
    executable = [a for a in page.named("script") if a.get("type") != "application/json"]
    assert len(executable) == len([a for a in plain.named("script") if "type" not in a]) == 1
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
    text = "".join(page.data)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "49" not in re.sub(r"\d{3,}", "", "".join(d for d in page.data if "7 * 7" in d))


def test_player_data_is_json_and_cannot_close_its_block(review: Review) -> None:
    page = render_html(poison(review, "</script><!--"))
    (block,) = re.findall(
        r'<script type="application/json" id="replay-1">(.*?)</script>', page, re.DOTALL
    )
    assert "</script><!--" in json.loads(block)["strings"]


def test_same_review_same_page(review: Review) -> None:
    assert render_html(review) == render_html(review)


def test_clean_review_says_so(clean_review: Review) -> None:
    text = " ".join(Page(render_html(clean_review)).data)
    assert "Nothing found that this review answers for." in text
    assert "Nothing was left out." in text


def test_a_tree_without_a_series_has_no_series_table(review: Review) -> None:
    page = render_html(replace(review, series=None, scope=("kpagecount_read",)))
    assert 'id="series"' not in page
    assert "3 findings in kpagecount_read" in page


def test_two_hundred_findings_stay_small_and_say_what_is_left_out(review: Review) -> None:
    finding = review.findings[2]
    witness = finding.witness
    assert witness is not None
    many = []
    for number in range(200):
        trace = tuple(replace(s, line=s.line + number) for s in witness.trace) * 40
        many.append(
            replace(
                finding,
                primary=Location(f"mm/file{number}.c", number + 1, f"reader_{number}"),
                witness=replace(witness, trace=trace),
            )
        )
    page = render_html(replace(review, findings=tuple(many)))
    assert len(page.encode()) < 5_000_000
    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert 0 < sum(map(len, blocks)) <= PLAYER_BYTES
    assert len(blocks) + page.count("Not embedded to step through") == 200


def test_the_same_witness_is_embedded_once(review: Review) -> None:
    finding = review.findings[2]
    twice = (finding, replace(finding, primary=Location("mm/other.c", 3, "other")))
    page = render_html(replace(review, findings=twice))
    assert page.count('type="application/json"') == 1
    assert page.count('data-replay="replay-1"') == 2


def test_ids_are_unique(review: Review) -> None:
    finding = review.findings[2]
    page = Page(render_html(replace(review, findings=(finding, finding, *review.findings))))
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
