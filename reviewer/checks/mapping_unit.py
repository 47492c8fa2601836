"""A mapping is counted in the wrong counter, or the right ones are moved in the wrong order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from reviewer.analysis.counts.notes import Account, Event, Note
from reviewer.analysis.counts.values import Page, Subject, find_base, is_part
from reviewer.analysis.knowledge import Knowledge
from reviewer.analysis.nodes import iter_nodes
from reviewer.checks.accounting import Problem, build
from reviewer.model.ctree import Index, Member, Span
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.location import Location
from reviewer.model.rule import Rule
from reviewer.model.vocabulary import Unit

Finder = Callable[[Knowledge, FunctionFacts, Account], list[Problem]]


def subjects(knowledge: Knowledge) -> Iterable[FunctionFacts]:
    """Return the functions that count or call what does, and those that ask for hugetlb files."""
    files = sorted(knowledge.words.counting.hugetlb_files)
    asking = {caller for name in files for caller, _ in knowledge.graph.callers(name)}
    return asking | set(knowledge.counting.functions.subjects())


def find(knowledge: Knowledge, rules: Iterable[Rule], function: FunctionFacts) -> list[Finding]:
    """Return what these rules say of the counters a function moves."""
    account = knowledge.counting.own(function)
    if account is None:
        return []
    return [
        build(knowledge, rule, function, problem)
        for rule in rules
        for problem in _FINDERS[str(rule.match["mistake"])](knowledge, function, account)
    ]


# ---- as a whole, or page by page -------------------------------------------------------------


def _find_mismatch(
    knowledge: Knowledge, function: FunctionFacts, account: Account
) -> list[Problem]:
    """Find what a PMD maps counted page by page, or what a PTE maps counted as a whole."""
    calls: dict[Span, list[Note]] = defaultdict(list)
    for note in account.notes:
        if note.kind == "moved" and not note.small:
            calls[note.span].append(note)
    problems = [
        problem
        for span, notes in sorted(calls.items(), key=lambda item: (item[0].at_line, repr(item)))
        if (problem := _mismatch(knowledge, function, span, notes))
    ]
    return list({p.key: p for p in reversed(problems)}.values())


def _mismatch(
    knowledge: Knowledge, function: FunctionFacts, span: Span, notes: list[Note]
) -> Problem | None:
    words = knowledge.words.counting
    events = {e for note in notes for e in note.events if not e.huge}
    sources = {_source(e.subject) for e in events}
    units = {e.what for e in events} & {Unit.PAGE, Unit.WHOLE}
    name = notes[0].op
    if sources <= words.pmd_pages and units == {Unit.PAGE}:
        if any(is_part(e.subject, "each") for e in events):
            return None  # every page of it is counted: it is mapped by PTEs from now on
        return _problem(function, span, name, min(sources), "a PMD", "page by page")
    chosen = Unit.PAGE not in units or all(note.bounded for note in notes)
    if sources <= words.pte_pages and Unit.WHOLE in units and chosen:
        return _problem(function, span, name, min(sources), "a PTE", "as a whole")
    return None


def _source(subject: Subject) -> str:
    base = find_base(subject)
    return str(base[1]) if base[0] == "made" else ""


def _problem(
    function: FunctionFacts, span: Span, helper: str, source: str, entry: str, counted: str
) -> Problem:
    wrong = "->_mapcount" if counted == "page by page" else "the count of the whole compound page"
    right = "the count of the whole compound page" if entry == "a PMD" else "->_mapcount"
    return Problem(
        span,
        f"{function.name}() counts {counted} what {entry} maps: the page {source}() gave goes "
        f"through {helper}(), which moves {wrong} and leaves {right} as it was. From then on "
        "readers see a mapping that is not there, or miss one that is, and the first and the last "
        "mapping are told to the statistics at the wrong time.",
        ("unit", helper, source),
        {"helper": helper, "source": source, "entry": entry, "counted": counted},
        (f"{source}(): {entry} maps the page", f"{helper}(): moves {wrong}"),
    )


# ---- a hugetlb page handed out page by page ----------------------------------------------------


def _find_handed_out(
    knowledge: Knowledge, function: FunctionFacts, account: Account
) -> list[Problem]:
    """Find pages of a hugetlb page stored one by one where a page fault takes them from."""
    for note in sorted(account.notes, key=lambda n: (n.span.at_line, repr(n))):
        if note.kind != "store" or not note.bounded or not isinstance(note.left, Page):
            continue
        if note.left.subject[0] != "each":
            continue
        handler = _handler_of(knowledge, function.path, note.op)
        if handler is not None:
            return [_handed_out(function, handler, note, note.left.subject)]
    return []


def _handler_of(knowledge: Knowledge, path: str, place: str) -> FunctionFacts | None:
    """Return the page-fault handler of this file that takes pages from such a place."""
    fields = set(re.findall(r"(?:->|\.)(\w+)\[", place))
    for function in knowledge.code.functions_in(path) if fields else ():
        if knowledge.reach.find_entry(function) != "a page fault":
            continue
        shape = knowledge.counting.shape_of(function)
        nodes = iter_nodes(shape.body.body) if shape is not None else ()
        read = {n.base.field for n in nodes if isinstance(n, Index) and isinstance(n.base, Member)}
        if fields & read:
            return function
    return None


def _handed_out(
    function: FunctionFacts, handler: FunctionFacts, note: Note, subject: Subject
) -> Problem:
    source = _source(subject)
    return Problem(
        note.span,
        f"{function.name}() hands out a hugetlb page one page at a time: {handler.name}() gives "
        "them to page faults, which map them by PTEs. hugetlb pages are only counted as a whole: "
        "mapping a tail raises its own ->_mapcount, and unmapping it takes the count of the whole "
        "down, at an address that is no counter for a tail. The count goes below what it starts "
        "at, and the page looks mapped when it is freed. This needs no race.",
        ("handed out", handler.name),
        {
            "helper": handler.name,
            "source": source,
            "entry": "only a huge entry",
            "counted": "page by page",
        },
        (f"{source}() gives a hugetlb page", f"{handler.name}() maps it by PTEs"),
        (Location(handler.path, handler.line, handler.name),),
    )


# ---- order -----------------------------------------------------------------------------------


def _find_order(_: Knowledge, function: FunctionFacts, account: Account) -> list[Problem]:
    """Find a page's own count raised after the mapping of the whole was dropped."""
    notes = [n for n in account.notes if n.kind == "order"]
    if not notes:
        return []
    note = min(notes, key=lambda n: (n.span.at_line, repr(n)))
    dropped = _first(note.events, -1)
    raised = _first(note.events, 1)
    return [
        Problem(
            raised.where,
            f"{function.name}() drops the mapping of the compound page as a whole before it "
            "raises ->_mapcount of its pages. A reader in between finds neither: a page that is "
            "mapped looks unmapped, and its count is wrong until the loop is done.",
            ("order", raised.field, dropped.field),
            states=(
                f"->{dropped.field} goes down first",
                f"->{raised.field} of each page goes up after it",
            ),
            related=(Location(dropped.where.at_path, dropped.where.at_line, function.name),),
        )
    ]


def _first(events: Iterable[Event], sign: int) -> Event:
    mine = [e for e in events if e.sign == sign]
    return min(mine, key=lambda e: (e.where.at_line, repr(e)))


def _find_unit(knowledge: Knowledge, function: FunctionFacts, account: Account) -> list[Problem]:
    return [
        *_find_mismatch(knowledge, function, account),
        *_find_handed_out(knowledge, function, account),
    ]


_FINDERS: dict[str, Finder] = {"unit": _find_unit, "order": _find_order}
