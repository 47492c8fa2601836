"""Accounting problems of one function are told apart without line numbers."""

from __future__ import annotations

from reviewer.checks.accounting import Problem, tell_apart
from reviewer.model.ctree import Span


def _problem(line: int, *key: str) -> Problem:
    return Problem(Span("mm/example.c", line), "", key)


def test_the_first_of_a_kind_keeps_its_key_and_further_ones_are_numbered() -> None:
    found = tell_apart([_problem(9, "head"), _problem(3, "head"), _problem(5, "raw")])
    assert [(p.span.line, p.key) for p in found] == [
        (3, ("head",)),
        (5, ("raw",)),
        (9, ("head", "2")),
    ]


def test_lines_above_do_not_change_a_key() -> None:
    before = tell_apart([_problem(3, "head"), _problem(9, "head")])
    after = tell_apart([_problem(40, "head"), _problem(77, "head")])
    assert [p.key for p in before] == [p.key for p in after]
