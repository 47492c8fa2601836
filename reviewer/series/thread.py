"""Threads of mails: what each one answers, by ids and, where these lack, by subject and time.

Works on records and gives the same forest whatever order they come in. What a series is, is
not known here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from reviewer.series.record import MailRecord, Role

DAY = 86_400
_ANSWER_WINDOW = 120 * DAY  # a reply without ids to a patch four months old is another talk
_MOST_ALIKE = 500  # patches of one title that a reply without ids is held against


@dataclass(frozen=True, slots=True)
class Forest:
    """The threads of a set of mails.

    ``records`` by key, in order of date; ``parent`` maps a key to the key it answers;
    ``guessed`` are the keys whose parent was found by subject and time.
    """

    records: dict[str, MailRecord]
    parent: dict[str, str]
    guessed: frozenset[str]

    def iter_ancestors(self, key: str) -> Iterator[MailRecord]:
        """Yield what the mail answers, then what that answers, up to the root."""
        while (above := self.parent.get(key)) is not None:
            yield self.records[above]
            key = above

    def root(self, key: str) -> str:
        """Return the key of the mail that began the thread."""
        for above in self.iter_ancestors(key):
            key = above.key
        return key

    def find_ancestor(self, key: str, wanted: Callable[[MailRecord], bool]) -> MailRecord | None:
        """Find the nearest mail above that is wanted."""
        return next((above for above in self.iter_ancestors(key) if wanted(above)), None)


def make_forest(records: Iterable[MailRecord]) -> Forest:
    """Thread the mails. In-Reply-To counts first, then References from the newest back.

    An id that several mails claim means the earliest of them. Ids that would close a circle
    are passed over. A reply none of whose ids is here is given to the newest patch before it
    that has its title (and its numbers, where the reply shows them).
    """
    by_key = {record.key: record for record in sorted(records, key=lambda r: r.order)}
    by_msgid: dict[str, str] = {}
    for record in by_key.values():
        if record.msgid:
            by_msgid.setdefault(record.msgid, record.key)
    parent: dict[str, str] = {}
    answered: set[str] = set()
    for record in by_key.values():
        for msgid in record.parents:
            above = by_msgid.get(msgid)
            circle = record.key in answered and _closes_circle(parent, record.key, above)
            if above is not None and above != record.key and not circle:
                parent[record.key] = above
                answered.add(above)
                break
    guessed = _guess_parents(by_key, parent)
    return Forest(by_key, parent, guessed)


def _closes_circle(parent: dict[str, str], key: str, above: str | None) -> bool:
    while above is not None:
        if above == key:
            return True
        above = parent.get(above)
    return False


def _guess_parents(records: dict[str, MailRecord], parent: dict[str, str]) -> frozenset[str]:
    patches: dict[str, list[MailRecord]] = {}
    for record in records.values():
        if record.role in {Role.COVER, Role.PATCH}:
            patches.setdefault(record.subject.key, []).append(record)
    guessed: set[str] = set()
    for record in records.values():
        if not record.may_be_guessed or record.key in parent or not record.subject.key:
            continue
        answered = _find_answered(record, patches.get(record.subject.key, []))
        if answered is not None and not _closes_circle(parent, record.key, answered.key):
            parent[record.key] = answered.key
            guessed.add(record.key)
    return frozenset(guessed)


def _find_answered(reply: MailRecord, patches: list[MailRecord]) -> MailRecord | None:
    """Find the newest patch of that title, and those numbers, sent before the reply.

    ``patches`` are in order of date. A day is allowed for a clock that goes wrong.
    """
    newest = bisect_right(patches, reply.date + DAY, key=lambda patch: patch.date)
    for patch in reversed(patches[max(newest - _MOST_ALIKE, 0) : newest]):
        if reply.date - patch.date > _ANSWER_WINDOW:
            break
        if not reply.subject.tagged or _numbers(reply) == _numbers(patch):
            return patch
    return None


def _numbers(record: MailRecord) -> tuple[int, int, int, int]:
    subject = record.subject
    return (subject.revision, subject.point, subject.counter, subject.expected)
