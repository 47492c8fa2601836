"""Reviews a tree without a series: all of it, or what an entry point can reach."""

from __future__ import annotations

from dataclasses import replace

from reviewer.analysis.impact import Key, key_of
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.config import SCOPE
from reviewer.model.errors import BadInputError
from reviewer.model.review import Review
from reviewer.model.source import SourceTree
from reviewer.pipeline.audit import Audit, audit_tree
from reviewer.pipeline.confirm import confirm
from reviewer.pipeline.dismissing import load_dismisser
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import choose_base
from reviewer.pipeline.session import Session, count_sites, in_order
from reviewer.tree.repo import open_tree


def review_tree(options: Options, *, entries: tuple[str, ...] = ()) -> Review:
    """Review a tree without a series: all of it, or what the entry points can reach.

    Raises:
        BadInputError: the tree is none, or has no such function.
    """
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        base = choose_base(tree, options.base)
        session = Session(options, tree)
        snapshot = tree.snapshot(base.commit)
        dismisser = load_dismisser(options, snapshot)
        seen = (
            _look_at(session, snapshot, entries)
            if entries
            else audit_tree(session, snapshot, base.commit)
        )
        stand, dismissed = dismisser.sort_out(seen.findings)
        if options.replay and entries:
            rules = {rule.id: rule for rule in session.rules}
            code = session.know(snapshot).code
            stand = confirm(
                stand, rules, before=None, after=code, progress=options.progress
            ).findings
        return Review(
            series=None,
            base=base,
            findings=in_order(stand),
            replays=(),
            skipped=seen.skipped,
            stats=replace(seen.stats, dismissed=len(dismissed)),
            configuration=options.config.lines(),
            scope=entries or SCOPE,
            uses=seen.uses,
            dismissals=dismisser.account(stand, dismissed),
        )


def _look_at(session: Session, source: SourceTree, entries: tuple[str, ...]) -> Audit:
    """Run every rule on what the entry points can reach."""
    knowledge = session.know(source)
    reached = _reached(knowledge, entries)
    functions = [f for f in session.subjects(knowledge) if key_of(f) in reached]
    found = tuple(session.check(knowledge, functions, "functions").values())
    return Audit(found, knowledge.skipped(), (), count_sites(knowledge, len(functions)))


def _reached(knowledge: Knowledge, entries: tuple[str, ...]) -> frozenset[Key]:
    reached: set[Key] = set()
    for name in entries:
        function = knowledge.code.find_function(name)
        if function is None:
            raise BadInputError(
                f"--entry {name}: the tree has no such function in {', '.join(SCOPE[:3])}...; "
                "check the name"
            )
        reached |= {key_of(f) for f in knowledge.reach.start_at(function)}
    return frozenset(reached)
