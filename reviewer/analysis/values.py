"""The abstract values a walk over a function computes with, and the state they live in.

A page is an *object* with an id that says how it was come by: made at a source, passed as a
parameter, the head of another, or a neighbour in the memmap. A path of the walk holds for each
object one claim: where it points if nothing moved. Tests split a path, so that on each path the
answer is a constant; an answer that follows from a claim nothing pins carries a *doubt*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from reviewer.model.ctree import Span
from reviewer.model.finding import PathStep
from reviewer.model.pagestate import ANYWHERE, Pin, Position, after_split

_NAME = re.compile(r"[A-Za-z_]\w*")
# ("param", 0) | ("made", function, path, line, word, whether it is a head)
# | ("head", ObjectId) | ("near", ObjectId)
ObjectId = tuple[object, ...]
Doubt = frozenset[ObjectId]
SURE: Doubt = frozenset()
REFS = 3
ANY_SIGN = "-0+"


@cache
def base_of(name: str) -> str:
    """Return the variable that a name kept in a path's state is, or is a member of."""
    return name.split(".", 1)[0].split("->", 1)[0]


def find_root(obj: ObjectId) -> ObjectId:
    """Return the object this one was derived from in the first place."""
    while obj[0] in ("head", "near"):
        inner = obj[1]
        assert isinstance(inner, tuple)
        obj = inner
    return obj


@dataclass(frozen=True, slots=True)
class Num:
    """A known integer (a settled test is 0 or 1).

    ``about`` are the objects whose position was asked for it, ``doubt`` those among them
    that were unpinned and claimed already, so that asking again may bring another answer.
    ``open`` says that it also hangs on something that is not followed.
    """

    value: int
    doubt: Doubt = SURE
    about: Doubt = SURE
    open: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Any value; a number of one of ``signs``, with bits it ``may`` and ``must`` have.

    ``about`` are the pages whose flags it was read from.
    """

    doubt: Doubt = SURE
    signs: str = ANY_SIGN
    may: int = -1
    must: int = 0
    about: Doubt = SURE


@dataclass(frozen=True, slots=True)
class Ptr:
    """A pointer to a page or folio; ``doubt`` are the unpinned pages its value rests on."""

    obj: ObjectId
    doubt: Doubt = SURE


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a member of a page, reached through a pointer with this doubt."""

    obj: ObjectId
    field: str
    doubt: Doubt = SURE


@dataclass(frozen=True, slots=True)
class HeadWord:
    """What was read from a page's ``compound_head``: bit 0 says tail, the rest is the head."""

    obj: ObjectId
    doubt: Doubt = SURE


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name that is no variable: an enumerator or a function."""

    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """A number that names a page, as a pfn or an entry does; ``words`` are what gave it.

    ``obj`` is the page it was taken from; ``moved`` says that something was added since.
    """

    words: tuple[str, ...]
    obj: ObjectId | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """The address of a variable of the walked function."""

    name: str


@dataclass(frozen=True, slots=True)
class Pointee:
    """What a callee is handed for the address of a variable: its value, which it may write."""

    value: Value


OfPage = Ptr | Place | HeadWord | Token  # it points at a page, is part of one, or names one
Doubted = Num | Unknown | Ptr | Place | HeadWord
Value = Num | Unknown | Ptr | Place | HeadWord | Symbol | Token | Ref | Pointee
UNKNOWN = Unknown()
Predicate = tuple[str, str]  # its name, and its argument as written
LOCKED = "locked"  # the predicate of a lock that is held, by how it is spelled
EQUAL = "equal"  # the predicate of a variable and the constant it was compared with
CLEARED: Predicate = ("locked", "")  # an entry was taken away under a page-table lock
HELD_PFN = "held pfn"  # the predicate of a pfn whose page is held, by how it is spelled


def object_of(value: Value) -> ObjectId | None:
    """Return the page a value points at, is part of, or names."""
    return value.obj if isinstance(value, OfPage) else None


def about_of(value: Value) -> Doubt:
    """Return the pages a number of unknown value was read from."""
    return value.about if isinstance(value, Unknown) else SURE


def doubt_of(value: Value) -> Doubt:
    """Return the unpinned objects the value rests on."""
    return value.doubt if isinstance(value, Doubted) else SURE


@dataclass(frozen=True, slots=True)
class Use:
    """Something a function does with a page, as written."""

    step: PathStep
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What is claimed of one object. ``tracked`` is false for a page of unknown origin.

    ``refs`` counts the references taken on the walk, so that the put of a second one does
    not lose the first; at REFS it stays. ``taken`` says where a head was pinned by itself, if
    it was not compared since with that of the page it was computed from; ``used`` where it was
    relied on since. ``stale`` says where a head ceased to be its page's: at a split, or where the
    page was looked up anew. ``guarded`` says that a flag of the compound page was found set that
    says nothing here of where the page points, and may do so to who wrote the code: mlocked
    pages are not mapped by PTE, say. So it is for a page found by an address in a huge page.
    ``making`` says that its owner just made it a head, and its tails may not be tails yet.
    ``lost`` are the pins of an entry whose page-table lock was dropped since.
    ``hugetlb`` is whether a page that is held was found to be a hugetlb page, if it was asked.
    """

    positions: frozenset[Position] = ANYWHERE
    pins: frozenset[Pin] = frozenset()
    tracked: bool = True
    refs: int = 0
    taken: Use | None = None
    used: Use | None = None
    stale: Use | None = None
    guarded: bool = False
    hugetlb: bool | None = None
    lost: frozenset[Pin] = frozenset()
    making: bool = False

    @property
    def held_alone(self) -> bool:
        """Say whether it is such a head, and still pinned."""
        return self.taken is not None and bool(self.pins)

    @property
    def held(self) -> bool:
        """Say whether something keeps it from being freed and from being split."""
        return any(pin.holds for pin in self.pins)

    @property
    def unpinned(self) -> bool:
        """Say whether it is known that nothing holds it."""
        return self.tracked and not self.pins

    @property
    def splittable(self) -> bool:
        """Say whether it is kept from being freed, and by nothing from being split."""
        return self.tracked and bool(self.pins) and not self.held

    @property
    def pin(self) -> Pin:
        """The strongest pin, for a person."""
        if not self.tracked:
            return Pin.UNKNOWN
        return max(self.pins, key=list(Pin).index, default=Pin.NONE)


@dataclass(slots=True)
class State:
    """One path's knowledge at one point. Copied before it is changed."""

    env: dict[str, Value] = field(default_factory=dict)
    objects: dict[ObjectId, ObjectState] = field(default_factory=dict)
    facts: dict[Predicate, bool] = field(default_factory=dict)

    def copy(self) -> State:
        """Return a state that can be changed without changing this one."""
        return State(dict(self.env), dict(self.objects), dict(self.facts))

    @property
    def size(self) -> int:
        """How much is known: variables, pages and answers."""
        return len(self.env) + len(self.objects) + len(self.facts)

    def key(self) -> tuple[object, ...]:
        """Return a value equal for equal states."""
        return (
            frozenset(self.env.items()),
            frozenset(self.objects.items()),
            frozenset(self.facts.items()),
        )

    def page_key(self) -> tuple[object, ...]:
        """Return what two states must share to be merged: all but plain numbers."""
        kept = (Ptr, Place, HeadWord, Symbol, Token, Ref)
        return (
            frozenset((n, v) for n, v in self.env.items() if isinstance(v, kept)),
            frozenset(self.objects.items()),
            frozenset(item for item in self.facts.items() if item[0][0] != EQUAL),
        )

    def find(self, obj: ObjectId) -> ObjectState:
        """Return the object's state; one never seen is of unknown origin."""
        return self.objects.get(obj, ObjectState(tracked=False))

    def with_object(self, obj: ObjectId, state: ObjectState) -> State:
        """Return a copy in which the object has this state."""
        new = self.copy()
        new.objects[obj] = state
        return new

    def with_positions(self, obj: ObjectId, positions: frozenset[Position]) -> State:
        """Return a copy in which the object is claimed to be one of ``positions``."""
        return self.with_object(obj, replace(self.find(obj), positions=positions))

    def doubts(self, obj: ObjectId) -> Doubt:
        """Return the doubt that a claim about this object carries now."""
        return frozenset({obj}) if self.find(obj).unpinned else SURE

    def keep(self, live: frozenset[str], handed: frozenset[ObjectId]) -> State:
        """Return the state without what nothing reads any more.

        Two paths that differ in it only are one. What the caller ``handed`` in is kept, since
        the caller reads it, and so is a pin, since a recheck may join a page to it.
        """
        env = {n: v for n, v in self.env.items() if n in live or n[0] == "*" or base_of(n) in live}
        pages = (v.obj for v in env.values() if isinstance(v, OfPage))
        named = {obj for obj in pages if obj is not None}
        roots = {find_root(obj) for obj in named}
        objects = {
            obj: mine
            for obj, mine in self.objects.items()
            if obj in named
            or obj in handed
            or (mine.pins and (find_root(obj) in roots or find_root(obj)[0] == "param"))
            or (obj[0] == "made" and obj in roots)
        }
        facts = {
            fact: known
            for fact, known in self.facts.items()
            if fact[0] == LOCKED or fact[1][:1] in ("", "*") or _names(fact[1]) & live
        }
        return State(env, objects, facts)

    def drop(self, names: Iterable[str]) -> None:
        """Forget variables that left their scope."""
        names = frozenset(names)
        for name in [n for n in self.env if base_of(n) in names]:
            del self.env[name]


Results = list[tuple[State, Value]]  # the paths an evaluation splits into


@cache
def _names(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))


def split(
    state: State, obj: ObjectId, subset: frozenset[Position]
) -> tuple[tuple[State, bool, Doubt], ...]:
    """Ask whether the object is one of ``subset``: one state for each answer that can be.

    Where the claim leaves only one answer it carries the doubt of an unpinned object: the
    page may be freed or split between the claim and this test. One that can only be split
    carries it where a split can change the answer.
    """
    mine = state.find(obj)
    inside, outside = mine.positions & subset, mine.positions - subset
    if inside and outside:
        return (
            (state.with_positions(obj, inside), True, SURE),
            (state.with_positions(obj, outside), False, SURE),
        )
    doubt = state.doubts(obj)
    if mine.splittable:
        later = after_split(mine.positions)
        doubt = frozenset({obj}) if later & subset and later - subset else SURE
    return ((state, bool(inside), doubt),)
