"""A count is taken for what it is not: raw for counted, one page's for all, maps for references.

Each rule names one such mistake; what an expression counts is inferred from the tree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from reviewer.analysis.counts.notes import Note
from reviewer.analysis.counts.shape import Shape
from reviewer.analysis.counts.values import (
    Count,
    Counter,
    Subject,
    find_base,
    is_part,
)
from reviewer.analysis.knowledge import Knowledge
from reviewer.checks.accounting import Problem, build, tell_apart
from reviewer.checks.asked import Asked, asks_for_one, by_origin, find_origin
from reviewer.checks.raw_count import find_raw
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.finding import Finding
from reviewer.model.rule import Rule
from reviewer.model.vocabulary import Unit


def subjects(knowledge: Knowledge) -> Iterable[FunctionFacts]:
    """Return the functions that count, and those that call one that does."""
    return knowledge.counting.functions.subjects()


def find(knowledge: Knowledge, rules: Iterable[Rule], function: FunctionFacts) -> list[Finding]:
    """Return what these rules say of the counts a function asks."""
    counting = knowledge.counting
    account = counting.own(function)
    body = knowledge.code.body(function)
    if account is None or isinstance(body, Skipped):
        return []
    shape = counting.shape(function, body)
    findings: list[Finding] = []
    for rule in rules:
        asked = Asked(knowledge, rule, function, account, shape)
        problems = _FINDERS[str(rule.match["mistake"])](asked)
        findings += [build(knowledge, rule, function, problem) for problem in tell_apart(problems)]
    return findings


# ---- mappings of a page against references to its compound page ------------------------------


def _find_against_references(asked: Asked) -> list[Problem]:
    """Find one page's map count set against the references to all of its compound page."""
    beside = _folio_beside_page(asked)
    wrong = [n for n in asked.account.notes if _against_references(n, beside)]
    seen = [group[0] for group in by_origin(wrong)]
    lines = {n.span.at_line: n for n in reversed(seen)}
    return [
        Problem(
            note.span,
            f"{asked.function.name}() sets the map count of one page against the reference count "
            "of the whole compound page it is part of. Every mapping of another page of it holds a "
            "reference too: a page of a huge page looks pinned, or not pinned, by what happens to "
            "its neighbours.",
            ("references", asked.words(note.span)),
            states=(
                "one side counts the mappings of one page",
                "the other counts the references to all pages of its compound page",
            ),
        )
        for _, note in sorted(lines.items())
    ]


def _against_references(note: Note, beside: set[Subject]) -> bool:
    """Say whether the two are of one compound page; ``beside`` are folios handed with the page."""
    left, right = note.left, note.right
    if note.kind not in ("compare", "subtract") or note.small:
        return False
    if not (isinstance(left, Count) and isinstance(right, Count)):
        return False
    if {left.unit, right.unit} != {Unit.PAGE, Unit.REFERENCES}:
        return False
    page, whole = (left, right) if left.unit is Unit.PAGE else (right, left)
    bases = find_base(page.subject), find_base(whole.subject)
    return bases[0] == bases[1] or (bases[1] in beside and bases[0][0] == "param")


# ---- one page's count for many ---------------------------------------------------------------


def _find_head_for_each(asked: Asked) -> list[Problem]:
    """Find one page's map count that decides for every page of a range."""
    notes = [n for n in asked.account.notes if _decides(n)]
    groups: dict[object, list[Note]] = defaultdict(list)
    for note in notes:
        groups[note.via, note.span.at_path, note.span.at_line].append(note)
    problems = []
    for _, group in sorted(groups.items(), key=lambda item: repr(item[0])):
        why = _stands_for_many(asked, group)
        if why:
            note = group[0]
            counted = asked.text(find_origin(note))
            problems.append((counted, _head_problem(asked, note, why)))
    return list(dict(reversed(problems)).values())  # the first of a reading


def _decides(note: Note) -> bool:
    left = note.left
    if not isinstance(left, Count) or left.unit is not Unit.PAGE or note.small:
        return False
    return note.kind == "divide" or asks_for_one(note)


def _stands_for_many(asked: Asked, group: list[Note]) -> str:
    """Say why the count of one page is asked for many here; empty where it is not."""
    subjects: set[Subject] = {n.left.subject for n in group if isinstance(n.left, Count)}
    plain_each = {s for s in subjects if s[0] == "each"}
    if plain_each:
        return ""  # each page is asked for itself
    if any(s[0] == "head" and is_part(s, "each") for s in subjects):
        return "the head is asked in place of each page"
    pmd = asked.knowledge.words.counting.pmd_pages
    if any(s[0] == "made" and s[1] in pmd for s in subjects):
        return "a PMD maps the page, and with it all pages of its compound page"
    if any(_hoisted(asked.shape, n) for n in group):
        return "it is read once, before the loop over the pages"
    return ""


def _hoisted(shape: Shape, note: Note) -> bool:
    assert isinstance(note.left, Count)
    if note.via:
        return False  # the helper reads and asks each time it is called
    used = (note.span.at_path, note.span.at_line)
    born = (note.left.born.at_path, note.left.born.at_line)
    return any(loop.moves and used in loop.lines and born not in loop.lines for loop in shape.loops)


def _head_problem(asked: Asked, note: Note, why: str) -> Problem:
    return Problem(
        note.span,
        f"{asked.function.name}() lets the map count of one page stand for many: {why}. "
        "Other pages of the same compound page can be mapped by PTEs elsewhere, and the count of "
        "this one does not show it: they are taken for exclusive, or counted too often.",
        ("head", asked.words(find_origin(note))),
        {"why": why},
        ("the count is that of one page; what is decided concerns all pages of a compound page",),
    )


# ---- the head's counter in place of the page's -----------------------------------------------


def _find_after_head(asked: Asked) -> list[Problem]:
    """Find a page's own counter read from its head."""
    heads = _folio_beside_page(asked)
    wrong = [
        note
        for note in asked.account.notes
        if note.kind == "read"
        and isinstance(note.left, Counter)
        and not note.small
        and _is_page_counter(asked, note.left)
        and (note.left.subject[0] == "head" or note.left.subject in heads)
    ]
    # one turn of a loop over all pages reads the head's too
    every = {
        n.span for n in asked.account.notes if isinstance(n.left, Counter) and _is_each(n.left)
    }
    wrong = [note for note in wrong if note.span not in every]
    if not wrong:
        return []
    note = min(wrong, key=lambda n: (n.span.at_line, repr(n)))
    assert isinstance(note.left, Counter)
    field = f"->{note.left.field}"
    message = (
        f"{asked.function.name}() reads {field} of the head where that of the page itself is "
        "asked for: each page of a compound page has its own, so a tail page gets the count of "
        "the PTEs that map another page."
    )
    state = f"{field} belongs to the one page; here it is that of the head"
    return [Problem(note.span, message, ("after head", field), {"field": field}, (state,))]


def _is_each(counter: Counter) -> bool:
    return is_part(counter.subject, "each")


def _is_page_counter(asked: Asked, counter: Counter) -> bool:
    return asked.knowledge.words.counting.counters[counter.field].unit is Unit.PAGE


def _folio_beside_page(asked: Asked) -> set[Subject]:
    """Return the folio parameters of a function that is also handed the page it asks about."""
    body = asked.knowledge.code.body(asked.function)
    if isinstance(body, Skipped):
        return set()
    bases = [p.type.base.split()[-1] if p.type.pointers == 1 else "" for p in body.parameters]
    if "page" not in bases:
        return set()
    return {("param", number) for number, base in enumerate(bases) if base == "folio"}


_FINDERS: dict[str, Callable[[Asked], list[Problem]]] = {
    "raw": find_raw,
    "references": _find_against_references,
    "one-for-many": _find_head_for_each,
    "head-for-page": _find_after_head,
}
