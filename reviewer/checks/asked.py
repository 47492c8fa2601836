"""What the checks of counts ask about: a function, what it does with counters, and its notes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from reviewer.analysis.counts.notes import Account, Note
from reviewer.analysis.counts.shape import Shape
from reviewer.analysis.counts.values import Count, Num
from reviewer.analysis.knowledge import Knowledge
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts
from reviewer.model.rule import Rule

_ASKED = re.compile(r"\w+(?=\()|(?<=->)\w+")
_KEYWORDS = frozenset({"if", "while", "for", "switch", "return", "sizeof"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: the rule's data and the function with its account."""

    knowledge: Knowledge
    rule: Rule
    function: FunctionFacts
    account: Account
    shape: Shape

    def text(self, span: c.Span) -> str:
        """Return the line of source."""
        return self.knowledge.engine.source_line(span)

    def words(self, span: c.Span) -> str:
        """Return what is called and read on the line: an edit of the rest leaves that alone."""
        found = _ASKED.findall(self.text(span))
        return " ".join(dict.fromkeys(word for word in found if word not in _KEYWORDS))


def find_cut(op: str, number: int) -> tuple[int, int]:
    """Return the neighbouring values that a comparison tells apart; one value twice for ==."""
    match op:
        case ">" | "<=":
            return number, number + 1
        case ">=" | "<":
            return number - 1, number
    return number, number


def asks_for_one(note: Note) -> bool:
    """Say whether a count is asked whether it is one, or more than one."""
    if note.kind != "compare" or not isinstance(note.right, Num):
        return False
    shift = int(isinstance(note.left, Count) and note.left.raw)
    cut = find_cut(note.op, note.right.value + shift)
    return cut in ((1, 2), (1, 1))


def by_origin(notes: Iterable[Note]) -> list[list[Note]]:
    """Group notes by where their count was read: one reading is one mistake."""
    groups: dict[object, list[Note]] = defaultdict(list)
    for note in notes:
        place = note.left.born if isinstance(note.left, Count) else note.span
        groups[note.via, place.at_path, place.at_line].append(note)
    ordered = sorted(groups.items(), key=lambda item: repr(item[0]))
    return [sorted(g, key=lambda n: (n.span.at_line, n.op, repr(n))) for _, g in ordered]


def find_origin(note: Note) -> c.Span:
    """Return where the count was read, else where the note stands."""
    return note.left.born if isinstance(note.left, Count) else note.span
