"""What a reviewed file set aside, in lines that every report prints."""

from __future__ import annotations

from collections.abc import Iterator

from reviewer.model.review import Review
from reviewer.report import wording
from reviewer.report.printable import printable


def describe_expired(review: Review) -> tuple[str, ...]:
    """Return a line for each entry that has run out: what it was about is a finding again."""
    source = review.dismissals.source
    return tuple(
        printable(
            f"{source}: the dismissal of {entry.subject} expired after {entry.expires}:"
            " look again and renew or remove it"
        )
        for entry in review.dismissals.expired
    )


def count_dismissed(review: Review) -> str:
    """Return how many findings are dismissed and how many entries met none, "" without any."""
    found = review.dismissals
    parts = []
    if found.dismissed:
        parts.append(f"{wording.count(len(found.dismissed), 'finding')} dismissed")
    if found.unused:
        entries = wording.count(len(found.unused), "entry", "entries")
        parts.append(f"{entries} unused (no finding of this review matches)")
    return f"{printable(found.source)}: {', '.join(parts)}" if parts else ""


def iter_dismissed(review: Review) -> Iterator[tuple[str, str]]:
    """Yield what is dismissed or unused, and why it is dismissed."""
    for one in review.dismissals.dismissed:
        until = f" (until {one.by.expires})" if one.by.expires else ""
        what = f"dismissed: {one.finding.rule} at {wording.place(one.finding.primary)}"
        yield printable(what), printable(f"{one.by.reason.strip()}{until}")
    for entry in review.dismissals.unused:
        yield printable(f"unused: {entry.subject}"), printable(entry.reason.strip())
