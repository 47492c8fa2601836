"""One run: its options, the rules, the tree, and the checks run on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from reviewer.analysis.impact import Key
from reviewer.analysis.knowledge import Knowledge
from reviewer.checks.registry import Checking
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.review import Stats
from reviewer.model.rule import Rule
from reviewer.model.source import SourceTree
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import read_code
from reviewer.rulebook import load_rules, load_vocabulary
from reviewer.tree.repo import KernelTree


class Session:
    """One run: the options, the rules and the tree, and what was learnt on the way."""

    def __init__(self, options: Options, tree: KernelTree) -> None:
        self.options = options
        self.tree = tree
        self.rules: tuple[Rule, ...] = load_rules()
        self.words = load_vocabulary()
        self._checkings: dict[int, Checking] = {}

    def know(
        self,
        source: SourceTree,
        like: Knowledge | None = None,
        also: Sequence[str] = (),
        paths: Iterable[str] = (),
    ) -> Knowledge:
        """Read one tree; ``like`` is what is known of one that differs little.

        ``also`` and ``paths`` as in ``read_code``.
        """
        kin = like.code if like is not None else None
        code = read_code(self.options, self.words, source, like=kin, also=also, paths=paths)
        return Knowledge(code, self.words)

    def checking(self, knowledge: Knowledge) -> Checking:
        """Return the rules on one tree."""
        known = self._checkings.get(id(knowledge))
        if known is None or known.knowledge is not knowledge:
            known = self._checkings[id(knowledge)] = Checking(knowledge, self.rules)
        return known

    def subjects(self, knowledge: Knowledge) -> tuple[FunctionFacts, ...]:
        """Return the functions of a tree that the rules have something to say of."""
        return self.checking(knowledge).subjects()

    def check(
        self,
        knowledge: Knowledge,
        functions: Iterable[FunctionFacts],
        stage: str,
        rules: Collection[str] | None = None,
    ) -> dict[str, Finding]:
        """Run the rules on these functions: all of them, or the checks of some by their ids."""
        functions = tuple(functions)
        checking = self.checking(knowledge)
        found: dict[str, Finding] = {}
        for number, function in enumerate(functions):
            self.options.progress(stage, number, len(functions))
            for finding in checking.find(function, rules):
                found.setdefault(finding.fingerprint, finding)
        self.options.progress(stage, len(functions), len(functions))
        return found


def functions_of(finding: Finding) -> set[Key]:
    """Return the functions on the finding's call path."""
    return {(step.path, step.function) for step in finding.call_path}


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of the tree."""
    return tuple(sorted(findings, key=lambda f: (f.primary, f.rule, f.fingerprint)))


def count_sites(knowledge: Knowledge, functions: int) -> Stats:
    """Count what was looked at."""
    sites = knowledge.sites()
    decided = sum(sites.values())
    return Stats(functions, len(sites), decided, len(sites) - decided)
