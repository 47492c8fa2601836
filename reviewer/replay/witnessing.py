"""Runs a failing schedule once more and writes down the evidence: trace, pages, oops."""

from __future__ import annotations

from dataclasses import replace

from reviewer.model.witness import PageRun, Step, Witness
from reviewer.replay.exploration import Found
from reviewer.replay.oops import extract_dump_format, render_oops
from reviewer.replay.schedulers.drive import drive
from reviewer.replay.schedulers.given import Given
from reviewer.replay.setup import Setup
from reviewer.replay.show import PageWatch, fold_steps, source_texts


def make_witness(
    setup: Setup, witness: Witness, found: Found, contended: frozenset[int]
) -> Witness:
    """Fill a witness with what the failing schedule shows."""
    watch = PageWatch(setup.pages)
    setup.program.memory.rollback(0)
    before = watch.begin()
    steps: list[Step] = []
    kept: set[int] = set()

    def observe(step: Step, address: int) -> None:
        after: tuple[PageRun, ...] = watch.after(step.page) if step.access != "load" else ()
        if step.thread == setup.reader or address >> 3 in contended:
            kept.add(len(steps))
        steps.append(replace(step, after=after))

    run = drive(setup.program, Given(found.schedule), len(found.schedule.threads), observer=observe)
    assert run.failure == found.failure, "a schedule did not replay to itself"
    oops = _oops(setup, found)
    numbered = {id(step): i for i, step in enumerate(steps)}
    trace = fold_steps(steps, lambda step: numbered[id(step)] in kept)
    sources = source_texts(steps, setup.code.find_function, setup.code.source.read)
    return replace(
        witness,
        schedule=run.schedule,
        trace=trace,
        oops=oops,
        pages=before,
        first_pfn=setup.scenario.first_pfn,
        sources=sources,
        preemptions=found.preemptions,
    )


def _oops(setup: Setup, found: Found) -> str:
    """Print what the kernel would; memory is still as it was when it died."""
    failure = found.failure
    if failure.kind != "oops":
        return ""
    thread = setup.program.threads[failure.thread]
    form = extract_dump_format(setup.code.find_function, setup.code.source.read)
    return render_oops(
        failure,
        setup.pages,
        form,
        cpu=failure.thread,
        comm="reader" if failure.thread == setup.reader else "actor",
        backtrace=thread.backtrace(),
    )
