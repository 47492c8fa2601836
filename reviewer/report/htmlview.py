"""What the HTML template prints: a review cut into plain, printable, already chosen pieces.

The template only lays out and escapes; every choice (which hunk, which steps, what is over
the size that still opens at once) is made here.
"""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.finding import Origin
from reviewer.model.review import Review
from reviewer.report import wording
from reviewer.report.dismissed import count_dismissed, describe_expired, iter_dismissed
from reviewer.report.findingview import FindingView, Players, make_finding
from reviewer.report.printable import printable

LISTED_ROWS = 1000


@dataclass(frozen=True, slots=True)
class PatchView:
    """A patch of the series and what is to say of it."""

    counter: int
    subject: str
    author: str
    verdict: str
    anchors: tuple[tuple[str, str], ...]  # anchor, rule


@dataclass(frozen=True, slots=True)
class ReportView:
    """The whole page."""

    title: str
    verdict: str
    clean: bool
    facts: tuple[tuple[str, str], ...]
    patches: tuple[PatchView, ...]
    findings: tuple[FindingView, ...]
    background: tuple[FindingView, ...]
    uses: tuple[tuple[str, str, str, str], ...]  # function, helper, place, undecided
    replays: tuple[tuple[str, str, str, str], ...]
    skipped_counts: tuple[tuple[str, str, int], ...]
    skipped: tuple[tuple[str, str, str, str], ...]
    skipped_hidden: int
    uses_hidden: int
    dismissed_count: str
    dismissed: tuple[tuple[str, str], ...]  # what, why
    expired: tuple[str, ...]
    configuration: tuple[str, ...]
    players: tuple[tuple[str, str], ...]  # id, JSON


def make_view(review: Review) -> ReportView:
    """Return everything the template prints, in its order."""
    players = Players()
    patches = {p.counter: p for p in review.series.patches} if review.series else {}
    stands = tuple(
        make_finding(f, number, patches, players)
        for number, f in enumerate(wording.standing(review), start=1)
    )
    behind = tuple(
        make_finding(f, number, patches, players)
        for number, f in enumerate(wording.background(review), start=len(stands) + 1)
    )
    listed = sorted(review.skipped, key=lambda s: (s.stage, s.path, s.function, s.reason))
    series = review.series
    title = series.title if series else ", ".join(review.scope) or "tree review"
    return ReportView(
        title=printable(title),
        verdict=wording.verdict(review),
        clean=not stands,
        facts=_facts(review),
        patches=_patches(review, (*stands, *behind)),
        findings=stands,
        background=behind,
        uses=_uses(review),
        uses_hidden=max(0, len(review.uses) - LISTED_ROWS),
        replays=tuple(
            (printable(r.scenario), str(r.before), str(r.after), printable(r.detail))
            for r in review.replays
        ),
        skipped_counts=tuple(
            (printable(stage), printable(reason), number)
            for stage, reason, number in wording.count_skipped(review.skipped)
        ),
        skipped=tuple(
            (printable(s.stage), printable(s.path), printable(s.function), printable(s.reason))
            for s in listed[:LISTED_ROWS]
        ),
        skipped_hidden=max(0, len(listed) - LISTED_ROWS),
        dismissed_count=count_dismissed(review),
        dismissed=tuple(iter_dismissed(review)),
        expired=describe_expired(review),
        configuration=tuple(printable(line) for line in sorted(review.configuration)),
        players=tuple((name, data) for data, name in players.blocks.items()),
    )


def _uses(review: Review) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(
        (
            printable(use.function),
            printable(use.helper),
            printable(f"{use.path}:{use.line}"),
            printable(use.undecided),
        )
        for use in review.uses[:LISTED_ROWS]
    )


def _facts(review: Review) -> tuple[tuple[str, str], ...]:
    """Return the summary's pairs: what was reviewed, on what, how much was looked at."""
    facts = []
    series, stats = review.series, review.stats
    if series is not None:
        patches = wording.count(len(series.patches), "patch", "patches")
        if series.missing:
            patches += f", missing {', '.join(map(str, series.missing))} of {series.expected}"
        facts.append(("Series", f"{patches}, revision {series.revision}"))
        facts.append(("Message", printable(series.msgid)))
        if series.superseded_by:
            facts.append(("Newer", printable(f"revision {series.superseded_by}")))
        for crash in series.crashes:
            what = f"patch {crash.counter}" if crash.counter else "the series"
            facts.append(("Crash", printable(f"in reply to {what}: {crash.headline}")))
    if review.base is not None:
        facts.append(("Base", printable(f"{review.base.commit} ({review.base.how})")))
    looked = wording.count(stats.functions, "function")
    facts.append(("Looked at", f"{looked}, {wording.count(stats.call_sites, 'call site')}"))
    facts.append(("Decided", f"{stats.decided}, undecided {stats.undecided}"))
    return tuple(facts)


def _patches(review: Review, found: tuple[FindingView, ...]) -> tuple[PatchView, ...]:
    if review.series is None:
        return ()
    views = []
    ordered = (*wording.standing(review), *wording.background(review))
    pairs = tuple(zip(ordered, found, strict=True))
    for patch in sorted(review.series.patches, key=lambda p: (p.counter, p.mail.msgid)):
        mine = [(f, v) for f, v in pairs if f.patch and f.patch.counter == patch.counter]
        later = sum(1 for f, _ in mine if f.origin is Origin.FIXED_LATER)
        stands = sum(1 for f, _ in mine if f.origin in wording.STANDING)
        verdict = wording.count(stands, "finding") if stands else "nothing to say"
        if later:
            verdict += f", {later} fixed later"
        views.append(
            PatchView(
                patch.counter,
                printable(patch.subject),
                printable(patch.author),
                verdict,
                tuple((v.anchor, v.rule) for _, v in mine),
            )
        )
    return tuple(views)
