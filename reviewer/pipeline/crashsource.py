"""A crash beside the sources: where its functions stand, and a replay that ends the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reviewer.cfacts.codebase import CodeBase
from reviewer.decode.decode import call_path
from reviewer.decode.dump import parse_dumps
from reviewer.decode.text import flatten
from reviewer.model.crash import Decoded, Hypothesis, HypothesisName, Verdict
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome, Witness
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import choose_base
from reviewer.pipeline.session import Session
from reviewer.replay.run import ReplayRequest, replay
from reviewer.tree.repo import open_tree

SCENARIO = "free-under-reader"
_HUGE_PAGES = 512
_INLINE_DEPTH = 4
_DEPTH = 16  # of directories in a kernel tree, generously
_MAKES_HEAD = frozenset({"compound_head", "page_folio", "_compound_head", "virt_to_folio"})


@dataclass(frozen=True, slots=True)
class ReplayDoc:
    """What the replay came to: ``ends`` in which assertion, if any, and whether in the ``same``."""

    scenario: str
    outcome: Outcome
    same: bool
    ends: str
    schedule: str
    reason: str
    oops: str


@dataclass(frozen=True, slots=True)
class SourceDoc:
    """The crash in the tree: the call path, the line that asserts, and the replay.

    ``absent`` are functions of the trace that the tree does not have. ``asserts`` is the
    function that the line of the BUG makes or lies in, ``text`` that line or why there is none.
    """

    path: tuple[PathStep, ...]
    absent: tuple[str, ...]
    asserts: PathStep | None
    text: str
    replay: ReplayDoc | None


def find_source(decoded: Decoded, options: Options) -> tuple[SourceDoc, Decoded]:
    """Resolve the crash in a tree, replay it, and weigh again what only the source decides.

    Raises:
        BadInputError: the tree is none.
    """
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        base = choose_base(tree, options.base)
        code = Session(options, tree).know(tree.snapshot(base.commit)).code
        steps, absent = _resolve(code, call_path(decoded.crash))
        asserts, text = _find_assertion(code, decoded, steps)
        witness = None
        if steps and options.replay:
            path = steps if asserts is None or asserts in steps else (*steps, asserts)
            witness = _replay(code, decoded, path)
        doc = SourceDoc(steps, absent, asserts, text, witness)
        return doc, _weigh_again(code, decoded, steps)


def _resolve(
    code: CodeBase, names: tuple[str, ...]
) -> tuple[tuple[PathStep, ...], tuple[str, ...]]:
    """Find the functions, each as the one before it means it; a step's line is its call's."""
    found: list[FunctionFacts] = []
    absent = []
    for name in names:
        facts = code.find_function(name, found[-1].path if found else "")
        if facts is None:
            absent.append(name)
        else:
            found.append(facts)
    steps = []
    for number, facts in enumerate(found):
        following = found[number + 1].name if number + 1 < len(found) else ""
        line = next((call.line for call in facts.calls if call.name == following), facts.line)
        steps.append(PathStep(facts.name, facts.path, line))
    return tuple(steps), tuple(absent)


def _find_assertion(
    code: CodeBase, decoded: Decoded, steps: tuple[PathStep, ...]
) -> tuple[PathStep | None, str]:
    """Return the function of the path that the ``kernel BUG at`` line makes or lies in.

    The text is the line's, or says why there is none: a tree that is not the one that crashed
    has something else there.
    """
    crash = decoded.crash
    path = _find_file(code, crash.path)
    if not path or not crash.line:
        return None, f"{crash.path}: the tree has no such file" if crash.path else ""
    lines = code.source.read(path).decode("utf-8", "replace").split("\n")
    text = lines[crash.line - 1].strip() if crash.line <= len(lines) else ""
    called = _called(code, [step.function for step in steps])
    there = sorted(
        f.name
        for f in code.iter_functions()
        if f.path == path and f.line <= crash.line <= f.end_line
    )
    for name in there:
        if name in called:
            return PathStep(name, path, crash.line), text
    return None, (
        f"{path}:{crash.line} is nothing the path calls: "
        "this tree is not of the kernel that crashed"
    )


def _called(code: CodeBase, names: list[str]) -> set[str]:
    """Return the functions and what they call, down to what may have been inlined."""
    known = set(names)
    for _ in range(_INLINE_DEPTH):
        names = sorted(
            {call.name for name in names for f in code.iter_functions(name) for call in f.calls}
            - known
        )
        known.update(names)
    return known


def _find_file(code: CodeBase, path: str) -> str:
    """Return the tree's path of a file that the build named by another root."""
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    parts = parts[-_DEPTH:]
    for start in range(len(parts)):
        candidate = "/".join(parts[start:])
        if code.source.exists(candidate):
            return candidate
    return ""


def _replay(code: CodeBase, decoded: Decoded, path: tuple[PathStep, ...]) -> ReplayDoc:
    tail = decoded.tail if decoded.tail is not None and decoded.tail < _HUGE_PAGES else None
    asserts = (decoded.assertion,) if decoded.assertion else ()
    witness = replay(code, ReplayRequest(path, SCENARIO, page=tail, asserts=asserts))
    return ReplayDoc(
        scenario=witness.scenario,
        outcome=witness.outcome,
        same=_is_same(witness, decoded.assertion),
        ends=next((d.because for d in parse_dumps(flatten(witness.oops))), ""),
        schedule=str(witness.schedule) if witness.schedule else "",
        reason=witness.reason,
        oops=witness.oops,
    )


def _is_same(witness: Witness, assertion: str) -> bool:
    return bool(assertion) and assertion in witness.oops


def _weigh_again(code: CodeBase, decoded: Decoded, steps: tuple[PathStep, ...]) -> Decoded:
    """Refute that a tail was passed where a function of the path computes the head itself."""
    for step in steps[-1:]:  # a head computed further out may be another page's
        facts = code.find_function(step.function, step.path)
        call = next((c for c in facts.calls if c.name in _MAKES_HEAD), None) if facts else None
        if call is not None:
            return replace(
                decoded,
                hypotheses=tuple(
                    _refute(
                        h,
                        f"{step.function}() calls {call.name}() itself "
                        f"({step.path}:{call.line}): it asks the head it computes",
                    )
                    for h in decoded.hypotheses
                ),
            )
    return decoded


def _refute(hypothesis: Hypothesis, why: str) -> Hypothesis:
    if hypothesis.name is not HypothesisName.TAIL_PASSED or hypothesis.verdict is Verdict.REFUTED:
        return hypothesis
    return replace(hypothesis, verdict=Verdict.REFUTED, because=(*hypothesis.because, why))
