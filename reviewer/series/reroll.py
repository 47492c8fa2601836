"""What hangs together beyond one sending: rerolls, partial rerolls, fix-ups and replies.

Turns the units of a forest into groups, the ledger's rows. A pure function of a set of mails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reviewer.series.attach import Attached, attach_mails, take_loose_fixups
from reviewer.series.group import find_units
from reviewer.series.lineage import find_lineages
from reviewer.series.record import MailRecord
from reviewer.series.subject import Subject
from reviewer.series.thread import Forest, make_forest
from reviewer.series.unit import Link, Unit, describe_unit, make_unit


@dataclass(frozen=True, slots=True)
class Group:
    """One revision of one series: keys of its mails, and what it has to do with the others.

    ``slots`` are (counter, key), the cover being 0. ``borrowed`` are the patches a partial
    reroll takes from the revision ``completes`` (its head's key). ``lineage`` is equal for
    the revisions of one work. ``answers`` is the head of the other series it was sent in
    reply to.
    """

    head: str
    title: str
    revision: int
    point: int
    expected: int
    rfc: bool
    resend: bool
    sender: str
    date: int
    slots: tuple[tuple[int, str], ...]
    missing: tuple[int, ...]
    because: str
    lineage: str
    borrowed: tuple[tuple[int, str], ...] = ()
    completes: str = ""
    answers: str = ""
    supersedes: str = ""
    superseded_by: str = ""
    fixups: tuple[Attached, ...] = ()
    followups: tuple[Attached, ...] = ()


def group_mails(records: Iterable[MailRecord]) -> tuple[Group, ...]:
    """Group a set of mails into series, oldest first."""
    forest = make_forest(records)
    units, loose = take_loose_fixups(forest, find_units(forest))
    units = _renumber(forest, units)
    completes = _find_completed(forest, units)
    lineages = find_lineages(forest, units, completes)
    attached = attach_mails(forest, units, loose)
    home = {record.key: unit for unit in units for record in unit.slots.values()}
    groups = []
    for unit in units:
        lineage = lineages[unit.head.key]
        place = lineage.index(unit.head.key)
        fixups, followups = attached[unit.head.key]
        older = completes.get(unit.head.key)
        borrowed = _borrow(unit, older, completes)
        above = _answered_unit(forest, home, unit)
        groups.append(
            Group(
                head=unit.head.key,
                title=unit.head.subject.title,
                revision=unit.revision,
                point=unit.point,
                expected=unit.expected,
                rfc=any(record.subject.rfc for record in unit.slots.values()),
                resend=unit.resend,
                sender=unit.sender,
                date=unit.head.date,
                slots=tuple((n, unit.slots[n].key) for n in sorted(unit.slots)),
                missing=tuple(n for n in unit.missing if n not in dict(borrowed)),
                because=_because(unit, older, borrowed),
                lineage=lineage[0],
                borrowed=borrowed,
                completes=older.head.key if older else "",
                answers=above,
                supersedes=lineage[place - 1] if place else "",
                superseded_by=lineage[place + 1] if place + 1 < len(lineage) else "",
                fixups=fixups,
                followups=followups,
            )
        )
    return tuple(groups)


def group_alone(record: MailRecord) -> Group:
    """Make a group of one mail with a diff that is no series: a reply's, a fix-up."""
    return Group(
        head=record.key,
        title=record.subject.title,
        revision=record.subject.revision,
        point=record.subject.point,
        expected=1,
        rfc=record.subject.rfc,
        resend=record.subject.resend,
        sender=record.sender,
        date=record.date,
        slots=((1, record.key),),
        missing=(),
        because="one mail with a diff, taken by itself; it is no patch of a series",
        lineage=record.key,
    )


def _because(unit: Unit, older: Unit | None, borrowed: tuple[tuple[int, str], ...]) -> str:
    said = describe_unit(unit)
    if older is None:
        return said
    point = f".{older.point}" if older.point else ""
    kept = sum(counter > 0 for counter, _ in borrowed)
    return (
        f"{said}; a partial reroll: {kept} of {unit.expected} patches are those of "
        f"v{older.revision}{point}, which it answers"
    )


def _renumber(forest: Forest, units: list[Unit]) -> list[Unit]:
    """Give ``[PATCH v2] t``, sent in answer to ``[PATCH 3/10] t``, its place: v2 3/10.

    Several such answers to one series are one partial reroll.
    """
    home = {record.key: (unit, n) for unit in units for n, record in unit.slots.items()}
    kept: list[Unit] = []
    rerolls: dict[tuple[str, int, int], list[Unit]] = {}
    for unit in units:
        replaced = _find_replaced(forest, unit, home)
        if replaced is None:
            kept.append(unit)
            continue
        target, counter = replaced
        subject = unit.head.subject
        moved = make_unit(unit.head, _renumbered(subject, counter, target.expected))
        moved.extras = unit.extras
        parts = rerolls.setdefault((target.head.key, *unit.rank), [])
        joined = next((part for part in parts if part.may_join(moved)), None)
        if joined is None:
            parts.append(moved)
        else:
            joined.join(moved, Link.TITLE)
    kept += [part for parts in rerolls.values() for part in parts]
    return sorted(kept, key=lambda unit: unit.order)


def _renumbered(subject: Subject, counter: int, expected: int) -> Subject:
    return Subject(
        title=subject.title,
        tagged=True,
        numbered=True,
        counter=counter,
        expected=expected,
        revision=subject.revision,
        point=subject.point,
        revision_given=True,
        rfc=subject.rfc,
        resend=subject.resend,
        prefixes=subject.prefixes,
    )


def _find_replaced(
    forest: Forest, unit: Unit, home: dict[str, tuple[Unit, int]]
) -> tuple[Unit, int] | None:
    head = unit.head
    if unit.cover or unit.expected != 1 or head.subject.numbered or len(unit.slots) != 1:
        return None
    above = forest.find_ancestor(head.key, lambda record: record.key in home)
    if above is None:
        return None
    target, _ = home[above.key]
    if target.expected < 2 or target.sender != head.sender or target.rank >= unit.rank:
        return None
    for counter, record in sorted(target.slots.items()):
        if counter and record.subject.key == head.subject.key:
            return target, counter
    return None


def _find_completed(forest: Forest, units: list[Unit]) -> dict[str, Unit]:
    """Find, for each partial reroll, the older revision whose other patches still stand.

    It has no cover, is by the same sender with the same count, and its patches answer mails of
    the older revision; a point revision (v5.1) may instead have the title of the patch it
    replaces. A reroll with holes but a cover of its own is a reroll with holes.
    """
    home = {record.key: unit for unit in units for record in unit.slots.values()}
    alike: dict[tuple[str, int], list[Unit]] = {}
    for unit in units:
        alike.setdefault((unit.sender, unit.expected), []).append(unit)
    found: dict[str, Unit] = {}
    for unit in units:
        if unit.cover is not None or unit.expected < 2 or not unit.missing:
            continue
        older: list[Unit] = []
        for record in unit.patches:
            above = forest.find_ancestor(record.key, lambda r: r.key in home)
            if above is not None:
                older.append(home[above.key])
        if unit.point:
            sent = alike[unit.sender, unit.expected]
            older += [other for other in sent if _holds_titles(other, unit)]
        fitting = [
            other
            for other in older
            if other.sender == unit.sender
            and other.expected == unit.expected
            and other.rank < unit.rank
        ]
        if fitting:
            found[unit.head.key] = max(fitting, key=lambda other: (other.rank, other.order))
    return found


def _holds_titles(other: Unit, unit: Unit) -> bool:
    return all(
        n in other.slots and other.slots[n].subject.key == record.subject.key
        for n, record in unit.slots.items()
    )


def _borrow(
    unit: Unit, older: Unit | None, completes: dict[str, Unit]
) -> tuple[tuple[int, str], ...]:
    """Take the patches a partial reroll did not send again from the revisions before it."""
    taken: dict[int, str] = {}
    while older is not None:
        for counter, record in older.slots.items():
            if counter not in unit.slots:
                taken.setdefault(counter, record.key)
        older = completes.get(older.head.key)
    return tuple(sorted(taken.items()))


def _answered_unit(forest: Forest, home: dict[str, Unit], unit: Unit) -> str:
    above = forest.find_ancestor(unit.head.key, lambda record: record.key in home)
    return home[above.key].head.key if above is not None else ""
