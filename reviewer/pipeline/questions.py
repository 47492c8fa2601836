"""Answers about one function or file: the analyser's own eyes (facts, demands, callers, rules)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from reviewer.analysis.knowledge import Knowledge
from reviewer.model.codec import to_json
from reviewer.model.errors import BadInputError
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.finding import PathStep
from reviewer.pipeline.session import Options, Session, choose_base
from reviewer.rulebook import load_rules
from reviewer.tree.repo import open_tree


@dataclass(frozen=True, slots=True)
class EvidenceDoc:
    """A line that makes a demand."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class DemandDoc:
    """What is demanded of one parameter: where it may point, and whether it must be pinned.

    ``fatal`` is false where it is only warned of.
    """

    parameter: str
    position: tuple[str, ...]
    stability: str
    needs: tuple[str, ...]
    evidence: EvidenceDoc
    fatal: bool


@dataclass(frozen=True, slots=True)
class DemandsDoc:
    """The answer of ``demands``; ``found`` is false where the tree has no such function or macro.

    Of a macro only the place is told: ``skipped`` says so.
    """

    schema: int
    function: str
    found: bool
    path: str
    line: int
    demands: tuple[DemandDoc, ...]
    skipped: tuple[Skipped, ...]
    configuration: tuple[str, ...]


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


@contextmanager
def _knowledge(options: Options, also: Sequence[str] = ()) -> Iterator[Knowledge]:
    """Read the tree; files anywhere that hold one of the words ``also`` are read too."""
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        base = choose_base(tree, options.base)
        yield Session(options, tree).know(tree.snapshot(base.commit), also=also)


def answer_demands(options: Options, name: str) -> DemandsDoc:
    """Say what the function of this name demands of its page parameters."""
    with _knowledge(options) as knowledge:
        function = knowledge.code.find_function(name)
        if function is None:
            return _not_a_function(options, knowledge, name)
        demands = tuple(
            DemandDoc(
                parameter=demand.parameter,
                position=tuple(str(p) for p in demand.positions),
                stability=demand.stability,
                needs=demand.needs,
                evidence=EvidenceDoc(
                    demand.evidence.path, demand.evidence.line, demand.evidence.text
                ),
                fatal=demand.fatal,
            )
            for demand in knowledge.demands(function)
        )
        body = knowledge.code.body(function)
        skipped = (body,) if isinstance(body, Skipped) else ()
        return DemandsDoc(
            1, name, True, function.path, function.line, demands, skipped, options.config.lines()
        )


def _not_a_function(options: Options, knowledge: Knowledge, name: str) -> DemandsDoc:
    """Answer for a name that no function has: a macro of the tree is told apart from nothing."""
    lines = options.config.lines()
    macro = knowledge.code.find_macro(name)
    if macro is None:
        return DemandsDoc(1, name, False, "", 0, (), (), lines)
    reason = "a macro, no function: what it demands is asked where it is expanded"
    skipped = Skipped("analysis", macro.path, name, reason)
    return DemandsDoc(1, name, True, macro.path, macro.line, (), (skipped,), lines)


def answer_callers(options: Options, names: Sequence[str]) -> tuple[CallersDoc, ...]:
    """List the calls of the functions of these names, in all of the tree.

    Raises:
        BadInputError: a name is no identifier.
    """
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise BadInputError(f"{name}: no name of a C function; give names without brackets")
    with _knowledge(options, also=names) as knowledge:
        return tuple(_callers(knowledge, name) for name in names)


def _callers(knowledge: Knowledge, name: str) -> CallersDoc:
    found = []
    for caller, call in knowledge.graph.callers(name):
        entry = knowledge.entry_path(caller)
        steps = (*entry.steps, PathStep(caller.name, caller.path, call.line))
        through = call.name if call.name != name else ""
        found.append(CallerDoc(caller.name, caller.path, call.line, entry.what, steps, through))
    known = knowledge.code.find_function(name) is not None
    return CallersDoc(1, name, known or bool(found), tuple(found))


def render_demands(options: Options, name: str, output_format: str) -> str:
    """Render the answer of ``demands`` as text or JSON."""
    doc = answer_demands(options, name)
    if output_format == "json":
        return to_json(doc).decode()
    if not doc.found:
        return f"{name}: the tree has no such function\n"
    lines = [f"{name} ({doc.path}:{doc.line})"]
    for demand in doc.demands:
        needs = f", with {' and '.join(demand.needs)}" if demand.needs else ""
        warned = "" if demand.fatal else ", else a warning"
        places = " or ".join(demand.position) or "never"
        lines.append(f"  {demand.parameter}: {places}{warned}{needs}")
        if demand.stability == "pinned":
            lines.append("    and pinned: it can change under an unpinned caller")
        lines.append(f"    {demand.evidence.path}:{demand.evidence.line}: {demand.evidence.text}")
    lines += [f"  not analysed: {skipped.reason}" for skipped in doc.skipped]
    if len(lines) == 1:
        lines.append("  demands nothing of a page")
    return "\n".join(lines) + "\n"


def render_callers(options: Options, names: Sequence[str], output_format: str) -> str:
    """Render the answers of ``callers`` as text or JSON: of one name its object, else an array."""
    docs = answer_callers(options, names)
    if output_format == "json":
        return to_json(docs[0] if len(docs) == 1 else docs).decode()
    return "".join(_describe_callers(doc) for doc in docs)


def _describe_callers(doc: CallersDoc) -> str:
    if not doc.found:
        return f"{doc.function}: the tree has no such function and no call of it\n"
    lines = []
    for caller in doc.callers:
        chain = " -> ".join(step.function for step in caller.call_path)
        through = f" through {caller.through}" if caller.through else ""
        entry = caller.entry or "no entry point found"
        lines.append(f"{caller.path}:{caller.line}: {chain} -> {doc.function}{through} ({entry})")
    return "\n".join(lines) + "\n" if lines else f"{doc.function}: nobody calls it\n"


def _describe(function: FunctionFacts) -> list[str]:
    kind = "static " if function.static else ""
    made = f" made by {function.made_by}" if function.made_by else ""
    call = f"{kind}{function.name}({', '.join(function.parameters)}){made}"
    lines = [f"{function.path}:{function.line}: {call}"]
    lines += [f"    #if {condition}" for condition in function.conditions]
    lines += [f"    {call.line}: calls {call.name}" for call in function.calls]
    return lines


def render_facts(options: Options, what: str, output_format: str) -> str:
    """Render what is read from a file, or of the functions of a name.

    Raises:
        BadInputError: there is neither a file nor a function of this name.
    """
    with _knowledge(options) as knowledge:
        code = knowledge.code
        if code.source.exists(what):
            functions = [f for f in code.iter_functions() if f.path == what]
        else:
            functions = list(code.iter_functions(what))
        if not functions:
            raise BadInputError(
                f"{what}: neither a file nor a function that is read; check the name"
            )
    functions.sort(key=lambda f: (f.path, f.line, f.name))
    if output_format == "json":
        return to_json({"schema": 1, "functions": functions}).decode()
    return "\n".join(line for f in functions for line in _describe(f)) + "\n"


def render_rules(output_format: str) -> str:
    """Render the list of rules as text, or as the table of ``rules/README.md``."""
    rules = load_rules()
    if output_format == "markdown":
        rows = [f"| [{r.id}]({r.id}.md) | {r.summary} | {r.severity} | {r.check} |" for r in rules]
        return "\n".join(["| rule | finds | severity | check |", "|---|---|---|---|", *rows]) + "\n"
    return "".join(f"{rule.id} ({rule.severity}): {rule.summary}\n" for rule in rules)
