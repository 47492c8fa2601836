"""Patches and cover letters put together into sendings of a series, one revision each.

A pure function of a set of mails: any order, duplication or mixture with other threads gives
the same units. Rerolls, fix-ups and replies are put to them in reroll.py.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from reviewer.series.record import MailRecord, Role
from reviewer.series.thread import DAY, Forest
from reviewer.series.unit import Link, Unit, make_unit

_SENDING = DAY  # a series without In-Reply-To is sent within a day


def find_units(forest: Forest) -> list[Unit]:
    """Group the covers and patches of a forest, in order of date."""
    covers = _late_covers(forest)
    fixups = {key for key in forest.records if is_fixup(forest, key)}
    members = [
        record
        for record in forest.records.values()
        if record.role in {Role.COVER, Role.PATCH} or record.key in covers
    ]
    members = [r for r in members if r.key not in fixups and not _is_answer(forest, r)]
    units = _join_answers(forest, members, covers)
    units = _join_buckets(units, _by_run, Link.SAME_RUN)
    units = _join_buckets(units, lambda unit: _by_thread(forest, unit), Link.SAME_THREAD)
    units = _join_strangers(forest, units)
    units = _join_buckets(units, _by_time, Link.SAME_TIME, within=_SENDING)
    units = _join_buckets(units, _by_count, Link.UNSENT)
    return _put_again_sent(forest, units)


def is_fixup(forest: Forest, key: str) -> bool:
    """Say whether a mail with a diff is a ``-fix`` for the patch it answers.

    One with a number is, if it answers the patch of that number, or with "fix" or "update" in
    its bracket the cover; else a numbered patch whose title ends in "-fix" is a patch.
    """
    record = forest.records[key]
    said = record.subject
    if not (said.fixup or said.fix_title) or not record.has_diff:
        return False
    above = forest.find_ancestor(key, is_member)
    if above is None:
        return False
    if not said.numbered:
        return True
    if above.role is Role.COVER:
        return said.fixup
    return above.subject.numbered and above.subject.counter == said.counter


def is_member(record: MailRecord) -> bool:
    """Say whether a mail looks like a cover or a patch."""
    return record.role in {Role.COVER, Role.PATCH}


def _is_answer(forest: Forest, record: MailRecord) -> bool:
    """Say whether a "patch" without a diff is a reply whose sender dropped the ``Re:``."""
    above = forest.parent.get(record.key)
    if above is None or record.has_diff or record.role is not Role.PATCH:
        return False
    return forest.records[above].subject.key == record.subject.key


def _late_covers(forest: Forest) -> frozenset[str]:
    """Find covers without 0/n: a mail without a diff that its sender's own patches answer.

    Either it is tagged (``[PATCH v2] title`` before ``[PATCH v2 1/3]``), or it is the root of
    the thread and was sent in the same run; a bug report that is answered by a patch is none.
    """
    found: set[str] = set()
    for record in forest.records.values():
        above = forest.parent.get(record.key)
        if above is None or record.role is not Role.PATCH or not record.has_diff:
            continue
        cover, said = forest.records[above], record.subject
        if cover.has_diff or cover.subject.numbered or cover.subject.reply:
            continue
        tagged = (cover.subject.tagged or cover.subject.rfc) and said.numbered
        root = above not in forest.parent and not cover.parents
        one_run = cover.stem != "" and cover.stem == record.stem and said.tagged
        same = cover.subject.revision == said.revision if tagged else root and one_run
        if same and cover.sender == record.sender:
            found.add(above)
    return frozenset(found)


def _join_answers(
    forest: Forest, members: Iterable[MailRecord], covers: frozenset[str]
) -> list[Unit]:
    """Join a numbered patch to the cover or earlier patch of its series that it answers."""
    home: dict[str, Unit] = {}
    units: list[Unit] = []
    for record in sorted(members, key=lambda r: (r.subject.counter, r.order)):
        unit = make_unit(record)
        if record.key in covers:
            unit.slots, unit.expected = {0: record}, 0
        above = forest.parent.get(record.key, "")
        target = home.get(above)
        if target is None or not _answers(record, forest.records[above], target):
            home[record.key] = unit
            units.append(unit)
        elif target.may_join(unit):
            _agree(target, unit)
            target.join(unit, Link.ANSWERS)
            home[record.key] = target
        else:
            target.extras.append(record)
    return sorted(units, key=lambda u: u.order)


def _answers(record: MailRecord, above: MailRecord, unit: Unit) -> bool:
    said = record.subject
    one_run = record.stem != "" and record.stem == above.stem
    is_cover = unit.slots.get(0) is above
    if is_cover and one_run and said.counter > 0 and (said.numbered or unit.expected <= 1):
        return True  # typed by hand, a cover often has yesterday's count or revision
    if not ((one_run or record.sender == above.sender) and said.numbered and said.counter > 0):
        return False
    if not is_cover and above.subject.counter >= said.counter:
        return False
    if said.expected != unit.expected and unit.expected:
        return False
    given = said.revision_given or not is_cover
    return not given or (said.revision, said.point) == unit.rank


def _agree(target: Unit, unit: Unit) -> None:
    """Where cover and patches differ in the count, the patches know; of revisions, the higher."""
    if unit.head.subject.numbered:
        target.expected = unit.expected
    target.revision, target.point = max(target.rank, unit.rank)


def _numbers(unit: Unit) -> tuple[int, int, int, bool]:
    return (unit.revision, unit.point, unit.expected, unit.resend)


def _open(unit: Unit) -> bool:
    """Say whether the unit has a place for another's mails: numbered, and not all there."""
    if not unit.head.subject.numbered and unit.cover is None:
        return False
    return bool(unit.missing) or unit.cover is None or not unit.expected


def _by_run(unit: Unit) -> Hashable:
    head = unit.head
    return (_numbers(unit), head.stem) if head.stem and _open(unit) else None


def _by_thread(forest: Forest, unit: Unit) -> Hashable:
    if not _open(unit) or not unit.head.msgid:
        return None
    return (_numbers(unit), unit.sender, _root_id(forest, unit.head))


def _root_id(forest: Forest, record: MailRecord) -> str:
    """Name the thread: its first mail here, or the oldest id above that is not here."""
    root = forest.records[forest.root(record.key)]
    return root.parents[-1] if root.parents else root.msgid


def _by_time(unit: Unit) -> Hashable:
    """Only mails that answer nothing: one that does belongs with what it answers."""
    alone = all(not record.parents for record in unit.slots.values()) or unit.cover is not None
    if not unit.head.msgid or unit.head.parents or not alone or not _open(unit):
        return None
    return (_numbers(unit), unit.sender, _spelling(unit))


def _by_count(unit: Unit) -> Hashable:
    if unit.head.msgid or unit.expected < 2:
        return None
    return (_numbers(unit), _spelling(unit))


def _spelling(unit: Unit) -> tuple[str, ...]:
    subject = unit.head.subject
    return (str(subject.rfc), *sorted(word.casefold() for word in subject.prefixes))


def _join_buckets(
    units: list[Unit],
    bucket: Callable[[Unit], Hashable],
    link: Link,
    *,
    within: int | None = None,
) -> list[Unit]:
    """Join units of one bucket, oldest first, to the newest before it that has the places."""
    kept: list[Unit] = []
    opened: dict[Hashable, list[Unit]] = {}
    for unit in sorted(units, key=lambda u: u.order):
        key = bucket(unit)
        before = opened.setdefault(key, []) if key is not None else []
        target = _find_open(before, unit, within)
        if target is None:
            kept.append(unit)
            before.append(unit)
        else:
            target.join(unit, link)
    return sorted(kept, key=lambda u: u.order)


def _find_open(before: list[Unit], unit: Unit, within: int | None) -> Unit | None:
    """Find the newest unit with the places, the last of whose mails is not too old."""
    for target in reversed(before):
        if within is not None and unit.head.date - target.head.date > 2 * within:
            return None
        if target.may_join(unit):
            newest = max(record.date for record in target.slots.values())
            return target if within is None or unit.head.date - newest <= within else None
    return None


def _join_strangers(forest: Forest, units: list[Unit]) -> list[Unit]:
    """Fill a hole with the patch of that number someone else sent in answer to the series."""
    home = {record.key: unit for unit in units for record in unit.slots.values()}
    kept: list[Unit] = []
    for unit in units:
        target = home.get(forest.parent.get(unit.head.key, ""))
        if (
            target is not None
            and target is not unit
            and unit.cover is None
            and unit.expected > 1
            and _numbers(unit) == _numbers(target)
            and target.may_join(unit)
        ):
            target.join(unit, Link.ANSWERS)
            home.update((record.key, target) for record in unit.slots.values())
        else:
            kept.append(unit)
    return kept


def _put_again_sent(forest: Forest, units: list[Unit]) -> list[Unit]:
    """Put a patch sent again under the same revision to the series that has it already.

    Only a part is: a whole series sent again is a series.
    """
    home = {record.key: unit for unit in units for record in unit.slots.values()}
    kept: list[Unit] = []
    for unit in units:
        above = forest.find_ancestor(unit.head.key, lambda record: record.key in home)
        target = home[above.key] if above is not None else unit
        part = unit.cover is None and (unit.missing or len(unit.slots) == 1)
        again = unit.slots.keys() <= target.slots.keys()
        same = unit.rank == target.rank and unit.expected == target.expected
        if target.expected == 1:
            same = same and unit.head.subject.key == target.head.subject.key
        if target is not unit and part and again and same and unit.sender == target.sender:
            target.extras += unit.patches
        else:
            kept.append(unit)
    return kept
