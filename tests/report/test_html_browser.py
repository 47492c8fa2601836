"""The HTML report in headless Chromium: by keyboard, without scripts, small, accessible."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reviewer.model.dismissal import Dismissal, Dismissals, Dismissed
from reviewer.model.location import Location
from reviewer.model.review import Review
from reviewer.pipeline import demo
from reviewer.report.html import render_html
from reviewer.report.jsondoc import render_json

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install .[browser])"
)
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)"),
]
AXE = "axe-core@4.10.3"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, what its console said, and what it asked the network for."""

    page: Any
    console: list[str]
    requests: list[str]


@pytest.fixture
def open_report(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    contexts = []

    def opener(text: str, *, width: int = 1280, **options: Any) -> Opened:
        path = tmp_path / "report.html"
        path.write_text(text, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        opened = Opened(context.new_page(), [], [])
        opened.page.on("console", lambda m: opened.console.append(f"{m.type}: {m.text}"))
        opened.page.on("pageerror", lambda e: opened.console.append(f"error: {e}"))
        opened.page.on("dialog", lambda d: opened.console.append(f"dialog: {d.message}"))
        opened.page.on("request", lambda r: opened.requests.append(r.url))
        opened.page.goto(path.as_uri())
        return opened

    yield opener
    for context in contexts:
        context.close()


def shown_runs(page: Any) -> list[tuple[int, int, str, list[list[Any]]]]:
    """The page states on the screen, from the table and checked against the grid."""
    rows = page.eval_on_selector_all(
        ".runs tbody tr",
        "rows => rows.map(r => [+r.dataset.first, +r.dataset.count, r.dataset.kind,"
        " JSON.parse(r.dataset.counters)])",
    )
    kinds = page.eval_on_selector_all(
        ".grid .cell", "cells => cells.map(c => c.className.split(' ')[1])"
    )
    for first, count, kind, _ in rows:
        assert set(kinds[first : first + count]) == {kind}
    return [tuple(row) for row in rows]


def expected_runs(witness: dict[str, Any], step: int) -> list[tuple[int, int, str, Any]]:
    """The page states after ``step`` steps, folded from the JSON of the review."""
    pages: dict[int, tuple[str, Any]] = {}
    runs = list(witness["pages"])
    for done in witness["trace"][:step]:
        runs += done["after"]
    for run in runs:
        for index in range(run["first"], run["first"] + run["count"]):
            pages[index] = (run["kind"], run["counters"])
    folded: list[tuple[int, int, str, Any]] = []
    for index in sorted(pages):
        kind, counters = pages[index]
        if folded and folded[-1][2:] == (kind, counters) and sum(folded[-1][:2]) == index:
            folded[-1] = (folded[-1][0], folded[-1][1] + 1, kind, counters)
        else:
            folded.append((index, 1, kind, counters))
    return folded


def tab_to(page: Any, selector: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the Tab key")


def test_keyboard_alone_steps_to_the_failure_and_every_state_is_the_jsons(
    review: Review, open_report: Any
) -> None:
    opened = open_report(render_html(review))
    page = opened.page
    witness = json.loads(render_json(review))["findings"][0]["witness"]
    tab_to(page, ".player-box input[type=range]")
    for step in range(witness["steps"] + 1):
        assert page.get_attribute(".player-box", "data-step") == str(step)
        assert shown_runs(page) == expected_runs(witness, step)
        if step:
            done = witness["trace"][step - 1]
            said = page.inner_text(".now")
            assert done["text"] in said
            assert f"{done['path']}:{done['line']}" in said
            running = page.inner_text(".cpu.running")
            assert done["actor"] in running
            assert done["text"] in running
            page_at = page.eval_on_selector_all(
                ".cell[data-page].touched", "cells => cells.map(c => +c.dataset.page)"
            )
            assert page_at == [done["page"]]
        page.keyboard.press("ArrowRight")
    assert "VM_BUG_ON_PAGE(!PageHead(page))" in page.inner_text(".now.failed")
    page.keyboard.press("Home")
    assert page.get_attribute(".player-box", "data-step") == "0"
    page.keyboard.press("End")
    assert page.get_attribute(".player-box", "data-step") == str(witness["steps"])
    assert opened.console == []
    assert len(opened.requests) == 1
    assert opened.requests[0].startswith("file:")


def test_the_seed_series_steps_to_its_failure_in_the_states_of_the_json(
    open_report: Any, tmp_path: Path
) -> None:
    seed = demo.run(tmp_path, lambda _stage, _done, _total: None)
    opened = open_report(render_html(seed))
    page = opened.page
    finding = json.loads(render_json(seed))["findings"][0]
    witness = finding["witness"]
    assert finding["call_path"][0]["function"] == "kpageflags_read"
    assert witness["outcome"] == "sometimes"
    tab_to(page, ".player-box input[type=range]")
    for step in range(len(witness["trace"]) + 1):
        assert page.get_attribute(".player-box", "data-step") == str(step)
        assert shown_runs(page) == expected_runs(witness, step)
        page.keyboard.press("ArrowRight")
    assert "PageHead" in page.inner_text(".now.failed")
    assert opened.console == []
    assert len(opened.requests) == 1


def test_buttons_slider_and_source_follow(review: Review, open_report: Any) -> None:
    page = open_report(render_html(review)).page
    page.locator(".player").first.scroll_into_view_if_needed()
    page.click("button[aria-label='Step forward']")
    page.click("button[aria-label='Step forward']")
    assert page.get_attribute(".player-box", "data-step") == "2"
    assert "page_mapcount(page)" in page.inner_text(".cpu[data-cpu='0'] .line.current")
    page.click("button[aria-label='Next step that matters']")
    assert page.get_attribute(".player-box", "data-step") == "3"
    page.click("button[aria-label='Step back']")
    assert page.get_attribute(".player-box", "data-step") == "2"
    page.fill(".player-box input", "6")
    assert page.get_attribute(".player-box", "data-step") == "6"
    assert "ClearPageHead" in page.inner_text(".cpu[data-cpu='1'] .line.current")


def test_play_runs_to_the_failure_and_can_be_paused(review: Review, open_report: Any) -> None:
    page = open_report(render_html(review)).page
    page.clock.install()
    page.reload()
    page.locator(".player").first.scroll_into_view_if_needed()
    page.wait_for_selector(".player-box")
    page.click("button[aria-label='Play']")
    page.clock.run_for(1500)
    assert page.get_attribute(".player-box", "data-step") == "2"
    page.click("button[aria-label='Pause']")
    page.clock.run_for(5000)
    assert page.get_attribute(".player-box", "data-step") == "2"
    page.click("button[aria-label='Play']")
    page.clock.run_for(10000)
    assert page.get_attribute(".player-box", "data-step") == "9"
    assert page.inner_text("button[aria-label='Play']") == "Play"


def test_reads_without_scripts(review: Review, open_report: Any) -> None:
    page = open_report(render_html(review), java_script_enabled=False).page
    text = page.inner_text("main")
    for part in ("CPU 1: munmap", "page[0].flags loses PG_head", "kernel BUG at", "Not analysed"):
        assert part in text
    box = page.locator(".player").first.bounding_box()
    assert box is None or box["height"] == 0


def with_dismissals(review: Review) -> Review:
    """The review with its first finding set aside, one entry run out and one unused."""
    link = "https://lore.kernel.org/linux-mm/20260101120000.12345-1-nobody@example.org/"
    by = Dismissal(f"looked at: {link}", rule="reader-asserts", function="page_count_of_nothing")
    ended = replace(by, expires=date(2020, 1, 31))
    unused = Dismissal("it is held", fingerprint="0123456789abcdef")
    one = Dismissed(review.findings[0], by)
    dismissals = Dismissals(".mm-review.toml", (one,), (ended,), (unused,))
    return replace(review, findings=review.findings[1:], dismissals=dismissals)


@pytest.mark.parametrize("width", [1280, 400, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_sideways(
    review: Review, open_report: Any, width: int, scheme: str
) -> None:
    page = open_report(render_html(review), width=width, color_scheme=scheme).page
    page.locator(".player").first.scroll_into_view_if_needed()
    page.wait_for_selector(".player-box")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 400, 320])
def test_the_reason_of_a_dismissal_is_read_without_scrolling(
    review: Review, open_report: Any, width: int
) -> None:
    page = open_report(render_html(with_dismissals(review)), width=width).page
    region = page.locator("[aria-label='Dismissals']")
    assert "nobody@example.org" in region.inner_text()
    assert region.evaluate("e => e.scrollWidth - e.clientWidth") == 0


def test_print_shows_the_steps_and_hides_the_controls(review: Review, open_report: Any) -> None:
    page = open_report(render_html(review)).page
    page.emulate_media(media="print")
    assert not page.locator(".player").first.is_visible()
    assert page.locator("table.columns").first.is_visible()


def test_hostile_text_runs_nothing(review: Review, open_report: Any) -> None:
    text = "</script><script>alert(1)</script><img src=http://e.invalid/x onerror=alert(2)>"
    finding = review.findings[2]
    witness = finding.witness
    assert witness is not None
    trace = tuple(replace(s, text=text, function=text, actor=text) for s in witness.trace)
    finding = replace(
        finding, message=text, question=text, witness=replace(witness, trace=trace, oops=text)
    )
    opened = open_report(render_html(replace(review, findings=(finding,), scope=(text,))))
    page = opened.page
    tab_to(page, ".player-box input[type=range]")
    page.keyboard.press("End")
    assert text in page.inner_text(".now")
    assert page.locator("img").count() == 0
    assert opened.console == []
    assert len(opened.requests) == 1


def test_of_two_hundred_findings_only_the_players_looked_at_are_built(
    review: Review, open_report: Any
) -> None:
    finding = review.findings[2]
    witness = finding.witness
    assert witness is not None
    many = tuple(
        replace(
            finding,
            primary=Location(f"mm/file{number}.c", number + 1, f"reader_{number}"),
            witness=replace(
                witness, trace=tuple(replace(s, line=s.line + number) for s in witness.trace) * 5
            ),
        )
        for number in range(200)
    )
    text = render_html(replace(review, findings=many))
    assert len(text.encode()) < 5_000_000
    page = open_report(text).page
    assert page.locator(".player").count() == 200
    page.locator(".player").nth(150).scroll_into_view_if_needed()
    page.wait_for_selector(".player-box")
    assert page.locator(".player-box").count() < 10


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's script, fetched from npm; it is not kept in the repository."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so axe-core cannot be fetched")
    place = tmp_path_factory.mktemp("axe")
    done = subprocess.run([npm, "pack", AXE], cwd=place, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm pack {AXE} failed (no network?)")
    (archive,) = place.glob("*.tgz")
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


@pytest.mark.peer
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(
    review: Review, open_report: Any, axe: str, width: int, scheme: str
) -> None:
    text = render_html(with_dismissals(review))
    page = open_report(text, width=width, color_scheme=scheme).page
    page.locator(".player").first.scroll_into_view_if_needed()
    page.wait_for_selector(".player-box")
    page.click("button[aria-label='Failing step']")
    page.eval_on_selector_all("details", "all => all.forEach(d => { d.open = true; })")
    page.evaluate(axe)
    faults = page.evaluate("axe.run().then(r => r.violations)")
    found = [(f["id"], f["impact"], [n["target"] for n in f["nodes"]][:3]) for f in faults]
    assert found == []
