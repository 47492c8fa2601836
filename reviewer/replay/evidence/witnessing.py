"""Runs a schedule once more and writes down the evidence: trace, pages, oops."""

from __future__ import annotations

from dataclasses import replace

from reviewer.model.witness import PageRun, Schedule, Step, Witness
from reviewer.replay.evidence.oops import extract_dump_format, render_oops
from reviewer.replay.evidence.show import PageWatch, fold_steps, make_spell, source_texts
from reviewer.replay.explore.exploration import Found
from reviewer.replay.explore.schedulers.drive import drive
from reviewer.replay.explore.schedulers.given import Given
from reviewer.replay.scenarios.setup import Setup
from reviewer.replay.stepping.program import Failure


def make_witness(setup: Setup, witness: Witness, found: Found) -> Witness:
    """Fill a witness with what the failing schedule shows; see ``show_schedule``."""
    shown = show_schedule(setup, witness, found.schedule, found.failure)
    return replace(shown, preemptions=found.preemptions)


def show_schedule(
    setup: Setup, witness: Witness, schedule: Schedule, failure: Failure | None
) -> Witness:
    """Fill a witness with what a schedule shows; ``failure`` is what it ends in, if in any.

    The trace has every step of the reader, and those of the others that write a word which
    the reader looks at; the rest is folded.
    """
    watch = PageWatch(setup.pages)
    setup.program.memory.rollback(0)
    before = watch.begin()
    steps: list[Step] = []
    words: list[int] = []

    def observe(step: Step, address: int) -> None:
        after: tuple[PageRun, ...] = watch.after(step.page) if step.access != "load" else ()
        steps.append(replace(step, after=after))
        words.append(address >> 3)

    run = drive(
        setup.program,
        Given(schedule),
        len(schedule.threads),
        observer=observe,
        spell=make_spell(setup.pages),
    )
    assert run.failure == failure or (failure is not None and failure.kind == "oracle")
    oops = _oops(setup, failure)
    looked_at = {w for w, step in zip(words, steps, strict=True) if step.thread == setup.reader}
    kept = {
        id(step)
        for word, step in zip(words, steps, strict=True)
        if step.thread == setup.reader or (word in looked_at and step.access != "load")
    }
    trace = fold_steps(steps, lambda step: id(step) in kept)
    sources = source_texts(steps, setup.code.find_function, setup.code.source.read)
    return replace(
        witness,
        schedule=run.schedule,
        trace=trace,
        oops=oops,
        pages=before,
        first_pfn=setup.scenario.first_pfn,
        sources=sources,
    )


def _oops(setup: Setup, failure: Failure | None) -> str:
    """Print what the kernel would; memory is still as it was when it died."""
    if failure is None or failure.kind != "oops":
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
