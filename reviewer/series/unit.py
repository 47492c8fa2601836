"""A series under construction: the slots of one ``n/m`` sending and why each mail is in one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from reviewer.series.record import MailRecord, Role
from reviewer.series.subject import Subject


class Link(StrEnum):
    """Why a mail was put into its series."""

    HEAD = "head"
    ANSWERS = "answers"
    SAME_RUN = "same run"
    SAME_THREAD = "same thread"
    SAME_TIME = "same time"
    UNSENT = "unsent"
    TITLE = "title"


@dataclass(slots=True)
class Unit:
    """One sending of one revision. ``slots`` maps a counter to its mail (0: the cover).

    ``extras`` are mails that claim a slot already taken. ``links`` says why each key is here.
    """

    slots: dict[int, MailRecord]
    revision: int
    point: int
    expected: int
    resend: bool
    links: dict[str, Link] = field(default_factory=dict)
    extras: list[MailRecord] = field(default_factory=list)

    @property
    def head(self) -> MailRecord:
        """The cover letter, else the patch with the lowest counter."""
        return self.slots[min(self.slots)]

    @property
    def cover(self) -> MailRecord | None:
        """The cover letter, if there is one."""
        return self.slots.get(0)

    @property
    def patches(self) -> list[MailRecord]:
        """The patches, by counter."""
        return [self.slots[counter] for counter in sorted(self.slots) if counter]

    @property
    def missing(self) -> tuple[int, ...]:
        """The counters that no mail holds."""
        return tuple(n for n in range(1, self.expected + 1) if n not in self.slots)

    @property
    def sender(self) -> str:
        """The address of the one who sent the head."""
        return self.head.sender

    @property
    def rank(self) -> tuple[int, int]:
        """Revision and point, to compare two revisions of one work."""
        return (self.revision, self.point)

    @property
    def order(self) -> tuple[int, int, str]:
        """Sort key: that of the head."""
        return self.head.order

    def may_join(self, other: Unit) -> bool:
        """Say whether no slot is claimed twice."""
        return not self.slots.keys() & other.slots.keys()

    def join(self, other: Unit, link: Link) -> None:
        """Take the other's mails in; what was the other's head is here because of ``link``."""
        other.links[other.head.key] = link
        self.slots.update(other.slots)
        self.links.update(other.links)
        self.extras += other.extras
        self.expected = self.expected or other.expected


def make_unit(record: MailRecord, subject: Subject | None = None) -> Unit:
    """Begin a unit with one mail; ``subject`` overrules what its own says of the numbers."""
    said = subject or record.subject
    counter = 0 if record.role is Role.COVER else said.counter
    return Unit(
        slots={counter: record},
        revision=said.revision,
        point=said.point,
        expected=said.expected,
        resend=said.resend,
        links={record.key: Link.HEAD},
    )


_WORDS = {
    Link.ANSWERS: "by In-Reply-To",
    Link.SAME_RUN: "by a Message-ID of the same run",
    Link.SAME_THREAD: "by thread, sender and count",
    Link.SAME_TIME: "by sender, count and time (no In-Reply-To)",
    Link.UNSENT: "by count (never sent: no Message-ID)",
    Link.TITLE: "by the title of the patch it replaces",
}


def describe_unit(unit: Unit) -> str:
    """Say in one line why the mails of the unit are together."""
    head = "the cover letter" if unit.cover else f"patch {min(unit.slots)}"
    others = [
        record for counter, record in sorted(unit.slots.items()) if counter != min(unit.slots)
    ]
    if not others:
        if unit.cover:
            return "a cover letter alone"
        return "one patch" if unit.expected == 1 else f"one patch of {unit.expected}, alone here"
    counts = Counter(unit.links.get(record.key, Link.ANSWERS) for record in others)
    said = [
        f"{number} of {len(others)} {_WORDS.get(link, _WORDS[Link.SAME_THREAD])}"
        if len(counts) > 1
        else _WORDS.get(link, _WORDS[Link.SAME_THREAD])
        for link, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    noun = "1 patch joined" if len(others) == 1 else f"{len(others)} patches joined"
    return f"{noun} to {head} {', '.join(said)}"
