"""Which sendings are revisions of one work, and in which order they came."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from reviewer.series.thread import DAY, Forest
from reviewer.series.unit import Unit

_FORGOTTEN = 540 * DAY  # a title used again after that is another work
_RESTART = 30 * DAY  # a v1 that long after a v3 of that title is another work
_COMMON_TITLE = 50  # a title more sendings than that share tells nothing


class Union:
    """Disjoint sets of strings. The representative of a set is its smallest member."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._above = {key: key for key in keys}

    def find(self, key: str) -> str:
        """Return the representative of the set."""
        while self._above[key] != key:
            self._above[key] = self._above[self._above[key]]
            key = self._above[key]
        return key

    def join(self, one: str, other: str) -> None:
        """Make the two sets one."""
        first, second = sorted((self.find(one), self.find(other)))
        self._above[second] = first


def find_lineages(
    forest: Forest, units: list[Unit], completes: dict[str, Unit]
) -> dict[str, tuple[str, ...]]:
    """Return for each head's key the heads of all revisions of that work, oldest first.

    Two sendings are one work when they share a change-id, when the same sender used the title
    again, when one completes the other, when a higher revision was sent in reply, or when the
    same sender sent at least half of the patch titles again.
    """
    union = Union(unit.head.key for unit in units)
    for key, older in completes.items():
        union.join(key, older.head.key)
    _join_change_ids(union, units)
    _join_titles(union, units)
    _join_answers(union, forest, units)
    _join_patch_titles(union, units)
    sets: dict[str, list[Unit]] = {}
    for unit in units:
        sets.setdefault(union.find(unit.head.key), []).append(unit)
    found: dict[str, tuple[str, ...]] = {}
    for members in sets.values():
        ordered = tuple(unit.head.key for unit in _in_order(members))
        found.update((key, ordered) for key in ordered)
    return found


def _in_order(units: list[Unit]) -> list[Unit]:
    """Order revisions: RFCs and patches apart, by revision; the class begun first comes first.

    A cover letter alone (sent again, or its patches went elsewhere) is not the newest.
    """
    classes: dict[bool, list[Unit]] = {}
    for unit in units:
        classes.setdefault(unit.head.subject.rfc, []).append(unit)
    ordered: list[Unit] = []
    for members in sorted(classes.values(), key=lambda m: min(unit.order for unit in m)):
        ordered += sorted(members, key=lambda u: (u.rank, bool(u.patches), u.resend, u.order))
    return ordered


def _join_change_ids(union: Union, units: list[Unit]) -> None:
    seen: dict[str, str] = {}
    for unit in units:
        for record in unit.slots.values():
            if record.base.change_id:
                first = seen.setdefault(record.base.change_id, unit.head.key)
                union.join(first, unit.head.key)


def _join_titles(union: Union, units: list[Unit]) -> None:
    seen: dict[tuple[str, str], Unit] = {}
    for unit in sorted(units, key=lambda u: u.order):
        if not unit.head.subject.key:
            continue
        name = (unit.sender, unit.head.subject.key)
        before = seen.get(name)
        seen[name] = unit
        if before is not None and not _is_another(before, unit):
            union.join(before.head.key, unit.head.key)


def _is_another(before: Unit, unit: Unit) -> bool:
    gap = unit.head.date - before.head.date
    restarted = unit.revision == 1 < before.revision
    same_class = unit.head.subject.rfc == before.head.subject.rfc
    return gap > _FORGOTTEN or (restarted and same_class and gap > _RESTART)


def _join_answers(union: Union, forest: Forest, units: list[Unit]) -> None:
    home = {record.key: unit for unit in units for record in unit.slots.values()}
    for unit in units:
        above = forest.find_ancestor(unit.head.key, lambda record: record.key in home)
        if above is None:
            continue
        older = home[above.key]
        risen = unit.rank > older.rank or (older.head.subject.rfc and not unit.head.subject.rfc)
        alike = unit.expected == older.expected or _shared(unit, older) > 0
        if risen and alike and unit.sender == older.sender:
            union.join(older.head.key, unit.head.key)


def _shared(one: Unit, other: Unit) -> int:
    return len(_titles(one) & _titles(other))


def _titles(unit: Unit) -> set[str]:
    return {record.subject.key for record in unit.patches if record.subject.key}


def _join_patch_titles(union: Union, units: list[Unit]) -> None:
    holders: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        for title in _titles(unit):
            holders.setdefault((unit.sender, title), []).append(unit)
    for sharing in holders.values():
        if len(sharing) > _COMMON_TITLE:
            continue
        for one, other in pairwise(sharing):
            fewer = min(len(_titles(one)), len(_titles(other)))
            many = _shared(one, other) * 2 >= max(fewer, 2)
            near = abs(one.head.date - other.head.date) <= _FORGOTTEN
            if many and near and max(one.expected, other.expected) > 1:
                union.join(one.head.key, other.head.key)
