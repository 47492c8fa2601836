"""A crash beside the sources: where its functions stand, and a replay that ends the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reviewer.cfacts.codebase import CodeBase
from reviewer.decode.decode import call_path
from reviewer.model.crash import Decoded, Hypothesis, HypothesisName, Verdict
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import PathStep
from reviewer.model.witness import Outcome, Witness
from reviewer.pipeline.session import Options, Session, choose_base
from reviewer.replay.run import ReplayRequest, replay
from reviewer.tree.repo import open_tree

SCENARIO = "free-under-reader"
_HUGE_PAGES = 512
_MAKES_HEAD = frozenset({"compound_head", "page_folio", "_compound_head", "virt_to_folio"})


@dataclass(frozen=True, slots=True)
class ReplayDoc:
    """What the replay came to. ``same`` says that it ends in the assertion of the crash."""

    scenario: str
    outcome: Outcome
    same: bool
    schedule: str
    reason: str
    oops: str


@dataclass(frozen=True, slots=True)
class SourceDoc:
    """The crash in the tree: the call path, the line that asserts, and the replay.

    ``absent`` are functions of the trace that the tree does not have. ``asserts`` is the text of
    the line, ``accessor`` the function it makes.
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
    """Return the function the ``kernel BUG at`` line makes or lies in, and the line's text."""
    crash = decoded.crash
    path = _find_file(code, crash.path)
    if path and crash.line:
        lines = code.source.read(path).decode("utf-8", "replace").split("\n")
        text = lines[crash.line - 1].strip() if crash.line <= len(lines) else ""
        called = {
            call.name for s in steps for f in code.iter_functions(s.function) for call in f.calls
        }
        there = [
            f
            for f in code.iter_functions()
            if f.path == path and f.line <= crash.line <= f.end_line
        ]
        there.sort(key=lambda f: (f.name not in called, f.name != crash.function, f.name))
        if there:
            return PathStep(there[0].name, path, crash.line), text
        return None, text
    return None, ""


def _find_file(code: CodeBase, path: str) -> str:
    """Return the tree's path of a file that the build named by another root."""
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
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
