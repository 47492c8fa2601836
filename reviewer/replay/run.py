"""Replays one finding: its scenario on the tree's own code, and what came of it.

The reader is the tree's source, interpreted; who acts beside it is the reference model.
Whatever is missing on the way makes the answer ``undecided`` and is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome, Schedule, Witness
from reviewer.replay.evidence.witnessing import make_witness, show_schedule
from reviewer.replay.explore.exploration import Exploration, Found, Limits
from reviewer.replay.explore.schedulers.drive import drive
from reviewer.replay.explore.schedulers.given import Given
from reviewer.replay.explore.schedulers.sample import STRATEGIES, sample
from reviewer.replay.explore.schedulers.shrink import shrink
from reviewer.replay.explore.systematic import Explorer
from reviewer.replay.histories.verdict import replay_histories
from reviewer.replay.memory.pages import Pages
from reviewer.replay.scenarios.oracles import (
    COUNT_READERS,
    describe_wrong_counts,
    make_counter_oracle,
)
from reviewer.replay.scenarios.scenario import Scenario, find_scenarios, load_scenario
from reviewer.replay.scenarios.setup import Setup, TreeCode, make_setup
from reviewer.replay.stepping.thread import Undecided

Progress = Callable[[int], None]
GARBAGE = "garbage-under-reader"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to replay: the call path of a finding, entry function first, in a scenario.

    ``page`` is the number of the page the walker stands on (None: the scenario's).
    ``schedule`` replays that one instead of looking for one. With ``source_actors`` the other
    threads run the tree's own functions too; a schedule belongs to one such choice.
    ``asserts`` are the assertions meant, as the kernel prints them: one of them is preferred,
    and where only others fail in some executions, the outcome is not ``always``.
    ``strategy`` is one of STRATEGIES; ``seed`` is for the random ones.
    """

    call_path: tuple[PathStep, ...]
    scenario: str
    page: int | None = None
    schedule: Schedule | None = None
    directory: Path | None = None
    source_actors: bool = False
    asserts: tuple[str, ...] = ()
    strategy: str = "exhaustive"
    seed: int = 0


def replay(
    code: TreeCode,
    request: ReplayRequest,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Witness:
    """Run the scenario of a request and say whether, and how, it fails.

    Raises:
        BadInputError: the scenario or the strategy is not known, or there is no call path.

    """
    if not request.call_path:
        raise BadInputError("replay: no call path; name the entry function")
    if request.strategy not in STRATEGIES:
        raise BadInputError(f"replay: strategy {request.strategy}: use {', '.join(STRATEGIES)}")
    limits = limits or Limits()
    scenario = load_scenario(request.directory or find_scenarios(), request.scenario)
    if request.page is not None:
        scenario = replace(scenario, page=request.page)
    if scenario.histories:
        return replay_histories(code, scenario, request.call_path)
    try:
        setup = make_setup(
            code, scenario, request.call_path[0], source_actors=request.source_actors
        )
    except Undecided as event:
        return _undecided(scenario, str(event))
    if request.schedule is not None:
        return _replay_given(setup, request, limits)
    oracle = make_counter_oracle(setup.pages)
    if request.strategy == "exhaustive":
        found = Explorer(setup.program, limits, oracle, progress).explore()
    else:
        found = sample(setup.program, request.strategy, request.seed, limits, oracle, progress)
    witness = _judge(setup, request, found, limits)
    if witness.outcome is not Outcome.NEVER:
        return witness
    return replace(witness, reason="; ".join((witness.reason, *_wrong_counts(code, request))))


def _wrong_counts(code: TreeCode, request: ReplayRequest) -> tuple[str, ...]:
    """Say what a count on the path can still be when nothing asserts: garbage of a freed page."""
    step = next((s for s in request.call_path if s.function in COUNT_READERS), None)
    if step is None or step is request.call_path[0]:
        return ()  # none, or the replay itself has told what it returns
    scenario = load_scenario(find_scenarios(), GARBAGE)
    try:
        setup = make_setup(code, scenario, step)
    except Undecided:
        return ()
    found = Explorer(setup.program, Limits(preemptions=1)).explore()
    return describe_wrong_counts(step.function, _returns(setup, found), setup.mapped)


def _undecided(scenario: Scenario, reason: str) -> Witness:
    return Witness(Outcome.UNDECIDED, scenario.id, None, (), "", 0, 0, reason=reason)


def _replay_given(setup: Setup, request: ReplayRequest, limits: Limits) -> Witness:
    assert request.schedule is not None
    oracle = make_counter_oracle(setup.pages)
    run = drive(setup.program, Given(request.schedule), limits.steps, oracle=oracle)
    witness = Witness(
        Outcome.NEVER,
        setup.scenario.id,
        run.schedule,
        (),
        "",
        len(run.schedule.threads),
        1,
        reason="one schedule, as given: it runs to its end and nothing fails",
        model=setup.model,
        stopped_by=run.stopped_by,
    )
    failure = run.failure
    if failure is None and not run.stopped_by:
        told = run.results[setup.reader]
        returns = () if told is None else ((told, run.schedule),)
        witness = replace(witness, returns=returns)
    elif failure is None:
        reason = f"stopped by the limit of {run.stopped_by}"
        witness = replace(witness, outcome=Outcome.UNDECIDED, reason=reason)
    elif failure.kind == "undecided":
        return replace(witness, outcome=Outcome.UNDECIDED, reason=failure.text)
    else:
        reason = f"one schedule, as given: {failure.text}"
        witness = replace(witness, outcome=Outcome.SOMETIMES, reason=reason)
    return show_schedule(setup, witness, run.schedule, failure)


def _judge(setup: Setup, request: ReplayRequest, found: Exploration, limits: Limits) -> Witness:
    """Choose the failure that is asked for, and the outcome it means."""
    bad = [failing for failing in found.failures if failing.failure.kind != "undecided"]
    open_ends = [failing for failing in found.failures if failing.failure.kind == "undecided"]
    returns = _returns(setup, found)
    wrong = describe_wrong_counts(request.call_path[0].function, returns, setup.mapped)
    chosen = _choose(bad, request, setup)
    witness = Witness(
        _outcome(found, chosen, bad, request),
        setup.scenario.id,
        None,
        (),
        "",
        found.states,
        found.executions,
        reason="; ".join((_reason(found, chosen, bad, open_ends, setup.pages), *wrong)),
        model=setup.model,
        returns=returns,
        bound=found.bound,
        stopped_by=found.stopped_by,
    )
    if chosen is None:
        return witness
    oracle = make_counter_oracle(setup.pages)
    small = shrink(setup.program, chosen.schedule, chosen.failure, oracle=oracle)
    return make_witness(setup, witness, replace(chosen, schedule=small))


def _choose(bad: list[Found], request: ReplayRequest, setup: Setup) -> Found | None:
    """Prefer an assertion that is meant, then one in the helper the path ends in, or on the path.

    Of several, prefer the one that dumps the head: the page the walker computed.
    """
    meant = [failing for failing in bad if failing.failure.text in request.asserts]
    head = setup.pages.address(setup.scenario.head)
    for candidates in (meant, bad):
        for step in reversed(request.call_path):
            there = [f for f in candidates if f.failure.function == step.function]
            of_head = [failing for failing in there if failing.failure.page == head]
            for failing in of_head + there:
                return failing
        if candidates:
            return candidates[0]
    return None


def _outcome(
    found: Exploration, chosen: Found | None, bad: list[Found], request: ReplayRequest
) -> Outcome:
    open_ends = len(found.failures) > len(bad)
    if chosen is not None:
        meant = chosen.failure.text in request.asserts
        others = meant and any(f.failure.text not in request.asserts for f in bad)
        partly = found.stopped_by or open_ends or found.finals or others
        return Outcome.SOMETIMES if partly else Outcome.ALWAYS
    if found.stopped_by or open_ends or not found.finals:
        return Outcome.UNDECIDED
    return Outcome.NEVER


def _reason(
    found: Exploration,
    chosen: Found | None,
    bad: list[Found],
    open_ends: list[Found],
    pages: Pages,
) -> str:
    parts = []
    if found.bound is None:
        parts.append("all interleavings")
    elif found.bound >= 0:
        parts.append(f"all interleavings with at most {found.bound} preemptions")
    if found.stopped_by:
        parts.append(f"stopped by the limit of {found.stopped_by}")
    for failing in open_ends:
        where = f" at {failing.failure.path}:{failing.failure.line}" if failing.failure.path else ""
        parts.append(f"{failing.failure.text}{where}")
    parts += [f"also {_spell(failing, pages)}" for failing in bad if failing is not chosen]
    return "; ".join(parts)


def _spell(failing: Found, pages: Pages) -> str:
    failure = failing.failure
    where = f" in {failure.function} ({failure.path}:{failure.line})" if failure.path else ""
    page = pages.number(failure.page) if failure.page else None
    return failure.text + (f" on page[{page}]" if page is not None else "") + where


def _returns(setup: Setup, found: Exploration) -> tuple[tuple[int, Schedule], ...]:
    """Return what the reader can be answered, each value once, with its shortest schedule."""
    best: dict[int, Schedule] = {}
    for results, schedule in found.finals.items():
        value = results[setup.reader]
        if value is None:
            continue
        known = best.get(value)
        if known is None or len(str(schedule)) < len(str(known)):
            best[value] = schedule
    return tuple(sorted(best.items()))
