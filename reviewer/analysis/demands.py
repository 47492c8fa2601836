"""What a function demands of its page parameters, inferred from the assertions it can run into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reviewer.analysis.engine import Engine
from reviewer.analysis.hazards import DemandKind, Hazard
from reviewer.analysis.needs import find_needs
from reviewer.analysis.nodes import find_names, iter_nodes
from reviewer.analysis.stops import describe_demand, find_stop
from reviewer.analysis.trial import find_pages, try_page
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.finding import Evidence, Reason
from reviewer.model.pagestate import ANYWHERE, Pin, Position


@dataclass(frozen=True, slots=True)
class ParameterDemand:
    """What a function demands of one page parameter.

    ``positions`` is where a pinned argument may point; ``stability`` is "pinned" where an
    unpinned one can trip an assertion though its position is right, else "any". ``fatal`` is
    false for an assertion that only warns.
    """

    parameter: str
    positions: tuple[Position, ...]
    stability: str
    needs: tuple[str, ...]
    evidence: Evidence
    fatal: bool = True


class Demands:
    """Answers for one tree, each function worked out once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: dict[tuple[str, str, int], tuple[ParameterDemand, ...]] = {}
        self._stopping: dict[tuple[str, str, int], bool] = {}

    def find(self, function: FunctionFacts) -> tuple[ParameterDemand, ...]:
        """Return the demands of a function, by parameter.

        Each position is tried by itself on a pinned page; then a page that may be anything
        and is not pinned.
        """
        key = (function.path, function.name, function.line)
        if key not in self._found:
            self._found[key] = tuple(
                demand
                for number, name in find_pages(self._engine, function)
                for demand in self._of_page(function, number, name)
            )
        return self._found[key]

    def stops(self, function: FunctionFacts) -> bool:
        """Say whether some page stops the function: whether it has a demand that is fatal.

        One walk tells, of a page that may be anything and that nothing pins.
        """
        key = (function.path, function.name, function.line)
        if key not in self._stopping:
            self._stopping[key] = any(
                hazard.demand.fatal and hazard.demand.kind is DemandKind.ASSERTION
                for number, _ in find_pages(self._engine, function)
                for hazard in self._try(function, number, ANYWHERE, Pin.NONE)
            )
        return self._stopping[key]

    def _of_page(
        self, function: FunctionFacts, number: int, name: str
    ) -> Iterator[ParameterDemand]:
        tried = {p: self._try(function, number, frozenset({p}), Pin.REFERENCE) for p in Position}
        loose = self._try(function, number, ANYWHERE, Pin.NONE)
        asked = (self._demand(name, tried, loose, fatal=fatal) for fatal in (True, False))
        yield from (demand for demand in asked if demand is not None)

    def find_others(self, function: FunctionFacts) -> tuple[ParameterDemand, ...]:
        """Return what the function itself asserts of its pages that hangs on no position.

        A flag, a lock or a count is right on a page that is held, and may change on another.
        It is told of where there are no other demands, so that nothing means nothing.
        """
        if self.find(function):
            return ()
        return tuple(
            demand
            for _, name in find_pages(self._engine, function)
            for demand in self._of_state(function, name)
        )

    def _of_state(self, function: FunctionFacts, name: str) -> Iterator[ParameterDemand]:
        body = self._engine.code.body(function)
        asked: dict[str, set[str]] = {}  # what a copy of a condition, as WARN_ON() makes, asks
        for node in iter_nodes(body) if not isinstance(body, Skipped) else ():
            if isinstance(node, c.Declare):
                asked[node.name] = find_names(node.value)
            stop = find_stop(node, self._engine.words)
            place = (function.path, function.name, node.cond.span) if stop is not None else None
            if stop is None or place not in self._engine.failing:
                continue
            names = find_names(node.cond)
            if name not in names.union(*(asked.get(n, ()) for n in names)):
                continue
            demand = describe_demand(self._engine, function, node, stop)
            needs = find_needs(self._engine.code, demand)
            proof = Evidence(demand.spelled.path, demand.spelled.line, demand.text, needs)
            yield ParameterDemand(name, tuple(Position), "pinned", needs, proof, demand.fatal)

    def _demand(
        self,
        parameter: str,
        tried: Mapping[Position, tuple[Hazard, ...]],
        loose: tuple[Hazard, ...],
        *,
        fatal: bool,
    ) -> ParameterDemand | None:
        """Reduce the assertions met to a demand: those that stop, or those that only warn."""

        def asserted(hazards: Iterable[Hazard], reason: Reason) -> list[Hazard]:
            return [
                h
                for h in hazards
                if h.demand.kind is DemandKind.ASSERTION
                and (h.reason, h.demand.fatal) == (reason, fatal)
            ]

        refused = {p: asserted(hazards, Reason.POSITION) for p, hazards in tried.items()}
        unstable = asserted(loose, Reason.STABILITY)
        evidence = [h for p in Position for h in refused[p]] or unstable
        if not evidence:
            return None
        allowed = tuple(p for p in Position if not refused[p])
        shown = min(
            evidence, key=lambda h: (len(h.chain), h.demand.spelled.path, h.demand.spelled.line)
        )
        needs = find_needs(self._engine.code, shown.demand)
        proof = Evidence(
            shown.demand.spelled.path, shown.demand.spelled.line, shown.demand.text, needs
        )
        stability = "pinned" if unstable or len(allowed) < len(Position) else "any"
        return ParameterDemand(parameter, allowed, stability, needs, proof, fatal)

    def _try(
        self, function: FunctionFacts, number: int, positions: frozenset[Position], pin: Pin
    ) -> tuple[Hazard, ...]:
        summary = try_page(self._engine, function, number, positions, pin)
        return summary.hazards if summary is not None else ()
