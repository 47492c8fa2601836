"""A counter that starts at -1 is asked as if it started at 0."""

from __future__ import annotations

from collections.abc import Iterable

from reviewer.analysis.counts.notes import Note
from reviewer.analysis.counts.values import Count, Counter, Num
from reviewer.checks.accounting import Problem
from reviewer.checks.asked import Asked, asks_for_one, by_origin, find_cut, find_origin
from reviewer.model.vocabulary import Unit

MAPPINGS = (Unit.PAGE, Unit.WHOLE, Unit.TOTAL)


def find_raw(asked: Asked) -> list[Problem]:
    """Find counters that start at -1 and are asked as if they started at 0."""
    one = any(asks_for_one(n) and _cooked(n) for n in asked.account.notes)
    words = asked.rule.match.get("more_than_one", ())
    assert isinstance(words, Iterable)
    names = tuple(str(word) for word in words)
    wrong = [n for n in asked.account.notes if _raw_use(n)]
    # "more than one mapping" is what > 0 does ask of a raw counter
    wrong = [n for n in wrong if not (asks_for_one(n) and (one or _named(asked, n, names)))]
    return [_raw_problem(asked, group[0]) for group in by_origin(wrong)]


def _cooked(note: Note) -> bool:
    return isinstance(note.left, Count) and not note.left.raw and note.left.unit in MAPPINGS


def _named(asked: Asked, note: Note, names: tuple[str, ...]) -> bool:
    text = f"{asked.function.name} {asked.text(note.span)}".lower()
    return any(name in text for name in names)


def _raw_use(note: Note) -> bool:
    if note.kind == "test":
        return True
    left, right = note.left, note.right
    if not isinstance(left, Count) or not left.raw or left.mixed or (note.via and not left.handed):
        return False
    if note.kind == "divide":
        return True
    if note.kind != "compare":
        return False
    if isinstance(right, Count):
        return right.unit in MAPPINGS and not right.raw
    if not isinstance(right, Num):
        return False
    low, _ = find_cut(note.op, right.value)
    legal = 0 if left.moved > 0 else -1  # the first mapping makes it 0, the last one -1
    return low > legal


def _raw_problem(asked: Asked, note: Note) -> Problem:
    field = _field(note)
    how = {
        "test": "asks whether a change brought it to 0",
        "divide": "divides by it as read",
    }.get(note.kind) or f"compares it with {note.op} {_shown(note)}"
    message = (
        f"{asked.function.name}() reads {field}, which starts at -1 when nothing maps the page, "
        f"and {how}: the count is taken for one less than it is, so that a page mapped once "
        "looks as if it were not mapped."
    )
    return Problem(
        note.span,
        message,
        ("raw", asked.words(find_origin(note))),
        {"field": field, "comparison": f"{note.op} {_shown(note)}"},
        (f"{field} holds -1 for no mapping, 0 for one, 1 for two",),
    )


def _shown(note: Note) -> str:
    return str(note.right.value) if isinstance(note.right, Num) else "a count"


def _field(note: Note) -> str:
    if isinstance(note.left, Counter):
        return f"->{note.left.field}"
    unit = note.left.unit if isinstance(note.left, Count) else Unit.PAGE
    return {
        Unit.PAGE: "the raw map count of a page",
        Unit.WHOLE: "the raw map count of a compound page",
    }.get(unit, "a raw map count")
