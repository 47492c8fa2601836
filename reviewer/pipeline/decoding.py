"""Decodes a crash and renders the answer: text for people, JSON (schema 1) for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewer.model.codec import to_json
from reviewer.model.crash import Decoded, HeadAt, Hypothesis, PageAt
from reviewer.pipeline.accusing import AccusedDoc, find_accused, read_report
from reviewer.pipeline.crashsource import SourceDoc, find_source
from reviewer.pipeline.options import Options
from reviewer.report.printable import printable


@dataclass(frozen=True, slots=True)
class CrashDoc:
    """The answer of ``decode``. pfns and ``address`` are numbers; null: not in the text.

    ``walker`` is the function that walked the pages, ``function`` the one that asserted,
    ``accuses`` a patch of the thread the crash came in.
    """

    schema: int
    era: str
    assertion: str
    page: PageAt
    head: HeadAt | None
    tail: int | None
    walker: str
    hypotheses: tuple[Hypothesis, ...]
    missing: tuple[str, ...]
    walker_pfn: int | None
    address: int | None
    arithmetic: tuple[str, ...]
    headline: str
    function: str
    trace: tuple[str, ...]
    cpu: int | None
    comm: str
    kernel: str
    source: SourceDoc | None
    accuses: AccusedDoc | None


def decode_file(source: Path | bytes, options: Options | None, *, name: str = "") -> CrashDoc:
    """Decode the first crash of a file; with ``options`` also in their tree.

    Raises:
        BadInputError: the input cannot be read or holds no crash, or the tree is none.
    """
    report = read_report(source, name or str(source))
    decoded = report.decoded
    doc: SourceDoc | None = None
    if options is not None:
        doc, decoded = find_source(decoded, options)
    accessor = doc.asserts.function if doc and doc.asserts else ""
    return _make_doc(decoded, doc, find_accused(report, accessor))


def _make_doc(decoded: Decoded, source: SourceDoc | None, accused: AccusedDoc | None) -> CrashDoc:
    crash = decoded.crash
    return CrashDoc(
        schema=1,
        era=decoded.era,
        assertion=decoded.assertion,
        page=decoded.page,
        head=decoded.head,
        tail=decoded.tail,
        walker=decoded.walker,
        hypotheses=decoded.hypotheses,
        missing=decoded.missing,
        walker_pfn=decoded.walker_pfn,
        address=decoded.address,
        arithmetic=decoded.arithmetic,
        headline=crash.headline,
        function=crash.function,
        trace=tuple(frame.function for frame in crash.trace if frame.sure),
        cpu=crash.cpu,
        comm=crash.comm,
        kernel=crash.kernel,
        source=source,
        accuses=accused,
    )


def render_decoded(doc: CrashDoc, output_format: str) -> str:
    """Render the answer as text or JSON."""
    if output_format == "json":
        return to_json(doc).decode()
    return "".join(printable(line) + "\n" for line in _iter_lines(doc))


def _iter_lines(doc: CrashDoc) -> Iterator[str]:
    yield f"{doc.assertion or doc.headline or 'a crash'}"
    if doc.headline and doc.assertion:
        yield f"  {doc.headline}"
    path = " -> ".join(p for p in (doc.walker, doc.function) if p)
    if path:
        by = f", {doc.comm} on CPU {doc.cpu}" if doc.comm and doc.cpu is not None else ""
        yield f"  in {path}{by}"
    if doc.kernel:
        yield f"  kernel {doc.kernel}"
    yield f"  dump format of {doc.era or 'no known era'}"
    if doc.page.pfn is not None:
        yield f"page   pfn {doc.page.pfn:#x}, flags {' '.join(doc.page.flags) or 'none'}"
    if doc.head is not None:
        yield f"head   pfn {doc.head.pfn:#x}"
    if doc.tail is not None:
        yield f"tail   {doc.tail}" + (f" (pfn {doc.walker_pfn:#x})" if doc.walker_pfn else "")
    yield from (f"  {line}" for line in doc.arithmetic)
    for hypothesis in doc.hypotheses:
        yield f"{hypothesis.name}: {hypothesis.verdict}"
        yield from (f"  {line}" for line in hypothesis.because)
    if doc.source is not None:
        yield from _iter_source(doc.source)
    if doc.accuses is not None:
        patch = doc.accuses
        yield f"accuses patch {patch.counter}: {patch.subject}"
        yield f"  {patch.because}"
    if doc.missing:
        yield "missing:"
        yield from (f"  {line}" for line in doc.missing)


def _iter_source(source: SourceDoc) -> Iterator[str]:
    yield "in the tree:"
    for step in source.path:
        yield f"  {step.function} ({step.path}:{step.line})"
    if source.asserts is not None:
        step = source.asserts
        yield f"  {step.function} ({step.path}:{step.line}): {source.text}"
    elif source.text:
        yield f"  {source.text}"
    for name in source.absent:
        yield f"  {name}: the tree has no such function"
    replay = source.replay
    if replay is None:
        yield "  not replayed: no function of the call path is in the tree"
        return
    same = ", ends in the same assertion" if replay.same else ""
    if replay.ends and not replay.same:
        same = f", ends in another assertion: {replay.ends}"
    yield f"  replay of {replay.scenario}: {replay.outcome}{same}"
    if replay.schedule:
        yield f"    schedule {replay.schedule}"
    if replay.reason:
        yield f"    {replay.reason}"
