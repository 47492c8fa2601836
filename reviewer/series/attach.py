"""Mails that belong to a series without being of it: replies, and fix-ups of one patch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reviewer.series.group import is_fixup
from reviewer.series.record import MailRecord
from reviewer.series.thread import Forest
from reviewer.series.unit import Unit


@dataclass(frozen=True, slots=True)
class Attached:
    """A mail that belongs to a series without being of it: which, on which patch, and why."""

    key: str
    counter: int
    why: str


def attach_mails(
    forest: Forest, units: list[Unit], loose: dict[str, tuple[Unit, int]]
) -> dict[str, tuple[tuple[Attached, ...], tuple[Attached, ...]]]:
    """Put every other mail to the nearest patch or cover above it: fix-ups, and replies."""
    home = {record.key: (unit, n) for unit in units for n, record in unit.slots.items()}
    extras = {record.key: unit for unit in units for record in unit.extras}
    fixups: dict[str, list[Attached]] = {unit.head.key: [] for unit in units}
    followups: dict[str, list[Attached]] = {unit.head.key: [] for unit in units}
    for record in forest.records.values():
        if record.key in home:
            continue
        if record.key in extras:
            unit, counter = extras[record.key], record.subject.counter
        elif record.key in loose:
            unit, counter = loose[record.key]
        else:
            above = forest.find_ancestor(record.key, lambda r: r.key in home or r.key in loose)
            if above is None:
                continue
            unit, counter = home[above.key] if above.key in home else loose[above.key]
        why = _why_fixup(forest, record, extras, loose)
        if why:
            fixups[unit.head.key].append(Attached(record.key, counter, why))
        if not why or record.subject.reply:
            how = "by subject and time" if record.key in forest.guessed else "by In-Reply-To"
            followups[unit.head.key].append(Attached(record.key, counter, how))
    return {key: (tuple(fixups[key]), tuple(followups[key])) for key in fixups}


def _why_fixup(
    forest: Forest,
    record: MailRecord,
    extras: dict[str, Unit],
    loose: dict[str, tuple[Unit, int]],
) -> str:
    if record.key in extras:
        return "the patch sent again under the same revision"
    if record.key in loose:
        return "a fix-up by its title"
    if is_fixup(forest, record.key):
        return "a fix-up sent in reply"
    if record.has_diff and record.subject.reply:
        return "a diff in a reply"
    return ""


def take_loose_fixups(
    forest: Forest, units: list[Unit]
) -> tuple[list[Unit], dict[str, tuple[Unit, int]]]:
    """Take out ``mm-a-b-fix``, sent in answer to nothing, where a patch ``mm: a b`` came before.

    mmotm names its files so; of several revisions the newest before the fix-up is meant.
    """
    patches: dict[str, list[tuple[Unit, int]]] = {}
    for unit in units:
        for counter, record in unit.slots.items():
            if counter and not record.subject.fix_title:
                patches.setdefault(make_slug(record.subject.title), []).append((unit, counter))
    kept: list[Unit] = []
    loose: dict[str, tuple[Unit, int]] = {}
    for unit in units:
        head = unit.head
        alone = unit.expected == 1 and not unit.cover and not head.subject.numbered
        if not (alone and head.subject.fix_title and head.key not in forest.parent):
            kept.append(unit)
            continue
        before = [
            (other.slots[counter].order, other, counter)
            for other, counter in patches.get(make_slug(head.subject.title), [])
            if other.slots[counter].order < head.order
        ]
        if before:
            _, target, counter = max(before, key=lambda found: found[0])
            loose[head.key] = (target, counter)
        else:
            kept.append(unit)
    return kept, loose


def make_slug(title: str) -> str:
    """Return a title as a file name of mmotm's broken-out, without ``-fix`` at its end."""
    title = re.sub(r"^(?:fixup|squash|amend)!\s*", "", title.casefold())
    slug = re.sub(r"[^\w]+", "-", title).strip("-")
    return re.sub(r"(?:-fix(?:up)?(?:-?\d+)?)+(?:-patch)?$", "", slug)
