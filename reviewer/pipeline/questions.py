"""Answers about one function or file: the analyser's own eyes (facts, demands, rules)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reviewer.analysis.knowledge import Knowledge
from reviewer.model.codec import to_json
from reviewer.model.errors import BadInputError
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import choose_base
from reviewer.pipeline.session import Session
from reviewer.report.printable import printable
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


@contextmanager
def _knowledge(options: Options) -> Iterator[Knowledge]:
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        base = choose_base(tree, options.base)
        yield Session(options, tree).know(tree.snapshot(base.commit))


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
            for demand in knowledge.demands(function) or knowledge.other_demands(function)
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


def render_demands(options: Options, name: str, output_format: str) -> str:
    """Render the answer of ``demands`` as text or JSON."""
    doc = answer_demands(options, name)
    if output_format == "json":
        return to_json(doc).decode()
    if not doc.found:
        return f"{printable(name)}: the tree has no such function\n"
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
    return "".join(f"{printable(line)}\n" for line in lines)


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
    return "".join(f"{printable(line)}\n" for f in functions for line in _describe(f))


def render_rules(output_format: str) -> str:
    """Render the list of rules as text, or as the table of ``rules/README.md``."""
    rules = load_rules()
    if output_format == "markdown":
        rows = [f"| [{r.id}]({r.id}.md) | {r.summary} | {r.severity} | {r.check} |" for r in rules]
        return "\n".join(["| rule | finds | severity | check |", "|---|---|---|---|", *rows]) + "\n"
    return "".join(f"{rule.id} ({rule.severity}): {rule.summary}\n" for rule in rules)
