"""The seed's claim about cost, counted."""

from __future__ import annotations

import pytest

from reviewer.replay.histories.costs import Cost, measure, render_costs


@pytest.fixture(scope="module")
def costs() -> tuple[Cost, ...]:
    return measure()


def test_mapping_and_unmapping_a_whole_page_costs_one_counter(costs: tuple[Cost, ...]) -> None:
    table = {(c.operation, c.scheme): (c.atomics, c.lines) for c in costs}
    fork, unmap = "fork (map again by PMD)", "unmap a PMD, others left"
    assert table[fork, "each page"] == (513, 512)  # a reference, and a count in each page
    assert table[fork, "seed"] == (2, 2)
    assert table[unmap, "each page"] == (513, 512)
    assert table[unmap, "seed"] == (2, 2)


def test_what_the_seed_saves_on_mapping_it_pays_when_a_pmd_is_split(
    costs: tuple[Cost, ...],
) -> None:
    table = {(c.operation, c.scheme): c.atomics for c in costs}
    split = "split a PMD, others left"
    assert table[split, "each page"] == 1
    assert table[split, "seed"] == 1 + 512 + 1 + 512 + 1


def test_the_table_has_a_line_for_each_operation(costs: tuple[Cost, ...]) -> None:
    assert len(render_costs(costs).splitlines()) == 2 + len(costs) // 2
