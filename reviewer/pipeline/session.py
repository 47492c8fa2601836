"""One run: its options, the rules, the tree, and the checks run on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from reviewer.analysis.impact import Key
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.codebase import CodeBase
from reviewer.cfacts.config import KernelConfig, default_config
from reviewer.checks.registry import Checking
from reviewer.model.facts import FunctionFacts
from reviewer.model.finding import Finding
from reviewer.model.review import Base, Stats
from reviewer.model.rule import Rule
from reviewer.model.source import SourceTree
from reviewer.rulebook import load_rules, load_vocabulary
from reviewer.tree.repo import KernelTree, default_cache_dir

Progress = Callable[[str, int, int], None]  # stage, done, total


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a review is run with. ``replay`` False leaves findings unconfirmed.

    ``dismissals`` is a file to read instead of the tree's own; ``today`` is the day on which
    its entries may have expired, None for the clock's.
    """

    tree: Path
    base: str = ""
    series: str = ""
    input_format: str = "auto"
    cache_dir: Path | None = None
    config: KernelConfig = field(default_factory=default_config)
    replay: bool = True
    dismissals: Path | None = None
    today: date | None = None
    progress: Progress = silent


class Session:
    """One run: the options, the rules and the tree, and what was learnt on the way."""

    def __init__(self, options: Options, tree: KernelTree) -> None:
        self.options = options
        self.tree = tree
        self.rules: tuple[Rule, ...] = load_rules()
        self.words = load_vocabulary()
        self._checkings: dict[int, Checking] = {}

    def know(
        self, source: SourceTree, like: Knowledge | None = None, also: Sequence[str] = ()
    ) -> Knowledge:
        """Read one tree; ``like`` is what is known of one that differs little.

        Files outside of the scope that hold one of the words ``also`` are read too, and those
        whose words say that they count mappings or hand out hugetlb pages.
        """
        cache = self.options.cache_dir or default_cache_dir()
        kin = like.code if like is not None else None
        outside = self.words.counting
        extra = source.grep_words(outside.outside, outside.outside_of)
        code = CodeBase(source, self.options.config, cache, also=also, extra=extra, like=kin)
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
        self, knowledge: Knowledge, functions: Iterable[FunctionFacts], stage: str
    ) -> dict[str, Finding]:
        """Run the rules on these functions."""
        functions = tuple(functions)
        checking = self.checking(knowledge)
        found: dict[str, Finding] = {}
        for number, function in enumerate(functions):
            self.options.progress(stage, number, len(functions))
            for finding in checking.find(function):
                found.setdefault(finding.fingerprint, finding)
        self.options.progress(stage, len(functions), len(functions))
        return found


def choose_base(tree: KernelTree, given: str) -> Base:
    """Return the commit a tree is looked at without a series.

    Raises:
        BadInputError: the revision is unknown.
    """
    return Base(tree.resolve(given or "HEAD"), f"--base {given}" if given else "HEAD")


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
