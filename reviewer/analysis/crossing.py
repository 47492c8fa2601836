"""What crosses a call: values in, what a caller can see out, and how pages are renamed."""

from __future__ import annotations

from dataclasses import replace

from reviewer.analysis.hazards import Hazard
from reviewer.analysis.numbers import join, signs_of
from reviewer.analysis.summaries import Exit, Summary
from reviewer.analysis.values import (
    UNKNOWN,
    HeadWord,
    Num,
    ObjectId,
    ObjectState,
    Place,
    Pointee,
    Ptr,
    Ref,
    Results,
    State,
    Symbol,
    Token,
    Unknown,
    Value,
    find_root,
    object_of,
)

EXITS = 16  # beyond so many ways out, those that differ in plain numbers only are joined
SMALL = 64  # constants that cross a call are kept up to this: flags and indices


def rename(obj: ObjectId, roots: dict[ObjectId, ObjectId]) -> ObjectId:
    """Return the page as it is called on the other side: by its root, and how it was derived."""
    if obj[0] in ("head", "near"):
        inner = obj[1]
        assert isinstance(inner, tuple)
        return (obj[0], rename(inner, roots))
    return roots.get(obj, obj)


def rename_value(value: Value, roots: dict[ObjectId, ObjectId]) -> Value:
    """Return the value with its pages renamed."""
    match value:
        case Ptr(obj=obj, doubt=doubt):
            return Ptr(rename(obj, roots), frozenset(rename(d, roots) for d in doubt))
        case Place(obj=obj, field=field, doubt=doubt):
            return Place(rename(obj, roots), field, frozenset(rename(d, roots) for d in doubt))
        case HeadWord(obj=obj, doubt=doubt):
            return HeadWord(rename(obj, roots), frozenset(rename(d, roots) for d in doubt))
        case Token(words=words, obj=obj, moved=moved) if obj is not None:
            return Token(words, rename(obj, roots), moved)
        case Num(value=number, doubt=doubt, about=about, open=loose) if doubt or about:
            return Num(
                number,
                frozenset(rename(d, roots) for d in doubt),
                frozenset(rename(d, roots) for d in about),
                loose,
            )
        case Unknown(doubt=doubt, about=about) if doubt or about:
            return replace(
                value,
                doubt=frozenset(rename(d, roots) for d in doubt),
                about=frozenset(rename(d, roots) for d in about),
            )
    return value


def point_at(state: State, value: Value) -> Value:
    """Return what is handed for a value: of a variable's address what the variable holds."""
    return Pointee(state.env.get(value.name, UNKNOWN)) if isinstance(value, Ref) else value


def bind(names: list[str], values: tuple[Value, ...]) -> dict[str, Value]:
    """Return the variables of a function that starts: a pointer and what stands behind it."""
    env: dict[str, Value] = {}
    for name, value in zip(names, values, strict=False):
        if isinstance(value, Pointee):
            env[f"*{name}"], env[name] = value.value, Ref(f"*{name}")
        else:
            env[name] = value
    return env


def _shown(value: Value) -> Value:
    """Return a value as a caller can see it."""
    if isinstance(value, Num) and abs(value.value) > SMALL:
        return Unknown(signs=signs_of(value))
    if isinstance(value, Symbol | Ref):
        return UNKNOWN
    return value


def summarise(ends: Results, hazards: tuple[Hazard, ...], behind: list[tuple[int, str]]) -> Summary:
    """Reduce the paths' ends to what a caller can see of them.

    ``behind`` are the pointers to the caller's variables: parameter number and name.
    """
    exits: dict[Exit, None] = {}
    for state, value in ends:
        shown = _shown(value)
        written = tuple((n, _shown(state.env.get(name, UNKNOWN))) for n, name in behind)
        seen = (object_of(v) for v in (shown, *(v for _, v in written)))
        keep = {find_root(obj) for obj in seen if obj is not None}
        objects = (
            (obj, _hand_out(obj, mine))
            for obj, mine in state.objects.items()
            if find_root(obj)[0] == "param" or find_root(obj) in keep
        )
        exits[Exit(shown, tuple(sorted(objects, key=repr)), written)] = None
    found = tuple(exits)
    if len(found) > EXITS:
        found = _join_numbers(found)
    return Summary(found, hazards, decided=True)


def _hand_out(obj: ObjectId, mine: ObjectState) -> ObjectState:
    """Return a page as the caller gets it.

    Whether one found by an entry was held when the lock was dropped hangs on what the caller
    asked for by its flags.
    """
    if find_root(obj)[0] == "made" and mine.lost and not mine.held:
        return replace(mine, tracked=False, lost=frozenset())
    return mine


def _join_numbers(ways: tuple[Exit, ...]) -> tuple[Exit, ...]:
    """Join the ways out that differ in plain numbers only."""
    groups: dict[tuple[object, ...], Exit] = {}
    for way in ways:
        values = (way.value, *(v for _, v in way.written))
        key = (way.objects, *(None if isinstance(v, Num | Unknown) else v for v in values))
        known = groups.get(key, way)
        written = tuple(
            (n, _joined(v, w)) for (n, v), (_, w) in zip(known.written, way.written, strict=True)
        )
        groups[key] = Exit(_joined(known.value, way.value), way.objects, written)
    return tuple(groups.values())


def _joined(a: Value, b: Value) -> Value:
    if isinstance(a, Num | Unknown) and isinstance(b, Num | Unknown):
        return join(a, b)
    return b
