"""Answers who calls a function, anywhere in the tree. It needs no rule and no check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reviewer.analysis.callgraph import CallGraph
from reviewer.analysis.reach import Reach
from reviewer.model.codec import to_json
from reviewer.model.errors import BadInputError
from reviewer.model.finding import PathStep
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import choose_base, read_code
from reviewer.report.printable import printable
from reviewer.rulebook import load_vocabulary
from reviewer.tree.repo import open_tree


@dataclass(frozen=True, slots=True)
class CallerDoc:
    """One call of the function, with how an entry point gets there.

    ``through`` is the macro that makes the call, empty where it is written out.
    """

    function: str
    path: str
    line: int
    entry: str
    call_path: tuple[PathStep, ...]
    through: str = ""


@dataclass(frozen=True, slots=True)
class CallersDoc:
    """The answer of ``callers``."""

    schema: int
    function: str
    found: bool
    callers: tuple[CallerDoc, ...]


def answer_callers(options: Options, names: Sequence[str]) -> tuple[CallersDoc, ...]:
    """List the calls of the functions of these names, in all of the tree.

    Raises:
        BadInputError: a name is no identifier.
    """
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise BadInputError(f"{name}: no name of a C function; give names without brackets")
    words = load_vocabulary()
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        source = tree.snapshot(choose_base(tree, options.base).commit)
        reach = Reach(CallGraph(read_code(options, words, source, also=names)), words)
        return tuple(_callers(reach, name) for name in names)


def _callers(reach: Reach, name: str) -> CallersDoc:
    found = []
    for caller, call in reach.graph.callers(name):
        entry = reach.find_path(caller)
        steps = (*entry.steps, PathStep(caller.name, caller.path, call.line))
        through = call.name if call.name != name else ""
        found.append(CallerDoc(caller.name, caller.path, call.line, entry.what, steps, through))
    known = reach.code.find_function(name) is not None
    return CallersDoc(1, name, known or bool(found), tuple(found))


def render_callers(options: Options, names: Sequence[str], output_format: str) -> str:
    """Render the answers of ``callers`` as text or JSON: of one name its object, else an array."""
    docs = answer_callers(options, names)
    if output_format == "json":
        return to_json(docs[0] if len(docs) == 1 else docs).decode()
    return "".join(_describe_callers(doc) for doc in docs)


def _describe_callers(doc: CallersDoc) -> str:
    if not doc.found:
        return f"{printable(doc.function)}: the tree has no such function and no call of it\n"
    lines = []
    for caller in doc.callers:
        chain = " -> ".join(step.function for step in caller.call_path)
        through = f" through {caller.through}" if caller.through else ""
        entry = caller.entry or "no entry point found"
        lines.append(f"{caller.path}:{caller.line}: {chain} -> {doc.function}{through} ({entry})")
    lines = lines or [f"{doc.function}: nobody calls it"]
    return "".join(f"{printable(line)}\n" for line in lines)
