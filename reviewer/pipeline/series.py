"""Reviews a series: the tree before and after each patch, what is new in it, and the replay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from reviewer.analysis.impact import Key, find_affected, find_changed, key_of
from reviewer.analysis.knowledge import Knowledge
from reviewer.cfacts.config import SCOPE
from reviewer.checks.origin import TreeFindings, place_findings
from reviewer.checks.reader_asserts import find_reader, fold_exposed
from reviewer.checks.registry import OVERVIEWS
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.finding import Finding, Origin, PatchRef, PathStep
from reviewer.model.review import Review, Use
from reviewer.model.series import PatchSeries
from reviewer.model.source import SourceTree
from reviewer.pipeline.accounts import Accounts
from reviewer.pipeline.confirm import Confirmation, confirm
from reviewer.pipeline.dismissing import load_dismisser
from reviewer.pipeline.lifecycle import find_differences
from reviewer.pipeline.options import Options
from reviewer.pipeline.reading import find_outside
from reviewer.pipeline.session import Session, functions_of, in_order
from reviewer.pipeline.uses import count_uses, list_uses
from reviewer.series.read import read_series
from reviewer.tree.apply import AppliedPatch, apply_series
from reviewer.tree.baseline import find_base
from reviewer.tree.repo import default_cache_dir, open_tree

# So many calls above a helper its other users are looked for: most findings are this near, and
# farther up is half of a kernel.
BESIDE = 4
SERIES_ORIGINS = (Origin.INTRODUCED, Origin.EXPOSED, Origin.MOVED)


@dataclass(slots=True)
class _Step:
    """A tree of the review: the base, or what a patch makes of the one before."""

    knowledge: Knowledge
    patch: PatchRef | None
    findings: dict[str, Finding]
    changed: frozenset[Key] = frozenset()


def review_series(source: Path | BinaryIO, options: Options) -> Review:
    """Review one series against a kernel tree.

    Raises:
        BadInputError: the mail, the tree or a revision is not what it must be.
        DoesNotApplyError: a patch does not apply to the base.
    """
    # a series picked out of an archive pays for a ledger that is kept; a mailbox of one does not
    kept = options.cache_dir or default_cache_dir() if options.series else None
    unread: list[Skipped] = []
    series = read_series(
        source,
        input_format=options.input_format,
        series=options.series,
        cache_dir=kept,
        progress=lambda done, _place: options.progress("messages", done, 0),
        skipped=unread.append,
    )
    with open_tree(options.tree, cache_dir=options.cache_dir) as tree:
        base = find_base(tree, series, options.base)
        applied = apply_series(tree, base.commit, series)
        session = Session(options, tree)
        dismisser = load_dismisser(options, applied.base)
        steps, changed = _walk_series(session, series, applied.base, applied.steps)
        findings = _place(session, steps, changed, applied.steps)
        stand, dismissed = dismisser.sort_out(findings)
        confirmed = _confirm(session, stand, steps, changed)
        end = steps[-1].knowledge
        near = {path for path, _ in changed} | {c.path for s in applied.steps for c in s.changed}
        uses = list_uses([step.knowledge for step in steps[1:]], changed)
        return Review(
            series=series,
            base=base,
            findings=in_order(confirmed.findings),
            replays=confirmed.rows,
            skipped=tuple(sorted({*_skipped(end, near, series, uses), *unread}, key=_place_of)),
            stats=replace(count_uses(uses, len(changed)), dismissed=len(dismissed)),
            configuration=options.config.lines(),
            scope=SCOPE,
            uses=uses,
            dismissals=dismisser.account(stand, dismissed),
        )


def _walk_series(
    session: Session, series: PatchSeries, base: SourceTree, applied: tuple[AppliedPatch, ...]
) -> tuple[list[_Step], frozenset[Key]]:
    """Read the base and the tree after each patch, and find what each patch changes."""
    progress = session.options.progress
    # what one of the trees wants read is read in all, or it could not be compared
    trees = (base, *(patch.after for patch in applied[-1:]))
    outside = frozenset[str]().union(*(find_outside(session.words, tree) for tree in trees))
    steps = [_Step(session.know(base, paths=outside), None, {})]
    changes: list[frozenset[Key]] = [frozenset()]
    for number, patch in enumerate(applied):
        progress("reading the trees", number, len(applied))
        knowledge = session.know(patch.after, steps[-1].knowledge, paths=outside)
        mail = patch.patch
        ref = PatchRef(mail.counter, mail.mail.msgid, mail.subject)
        paths = sorted({p for c in patch.changed for p in (c.old_path, c.new_path) if p})
        changes.append(find_changed(steps[-1].knowledge, knowledge, paths))
        steps.append(_Step(knowledge, ref, {}, changes[-1]))
    progress("reading the trees", len(applied), len(applied))
    affected = [
        change | find_affected(before.knowledge, step.knowledge, change)
        for (before, step), change in zip(pairwise(steps), changes[1:], strict=True)
    ]
    wanted = frozenset[Key]().union(*affected)
    steps[0].findings = session.check(
        steps[0].knowledge, _of(session, steps[0].knowledge, wanted), "the tree before"
    )
    for number, (before, step) in enumerate(pairwise(steps), start=1):
        mine = affected[number - 1]
        kept = {
            key: finding
            for key, finding in before.findings.items()
            if not mine.intersection(functions_of(finding))
        }
        stage = f"patch {number}/{len(applied)}"
        step.findings = kept | session.check(
            step.knowledge, _of(session, step.knowledge, mine), stage
        )
    return steps, frozenset[Key]().union(*changes)


def _of(session: Session, knowledge: Knowledge, keys: frozenset[Key]) -> tuple[FunctionFacts, ...]:
    """Return the functions of this tree that have one of the keys and that a rule is about."""
    return tuple(f for f in session.subjects(knowledge) if key_of(f) in keys)


def _place(
    session: Session, steps: list[_Step], changed: frozenset[Key], applied: tuple[AppliedPatch, ...]
) -> tuple[Finding, ...]:
    """Give findings their origin; of the old ones keep those the series comes near."""
    placed = place_findings([TreeFindings(s.patch, s.findings, s.changed) for s in steps])
    known = {f.fingerprint for f in placed}
    placed = _fold(session, steps, placed)
    end = steps[-1].knowledge
    new = [f for f in placed if f.origin is not Origin.PREEXISTING]
    near = [f for f in placed if f in new or changed.intersection(functions_of(f))]
    paths = {c.path for patch in applied for c in patch.changed}
    near += [f for key, f in _find_beside(session, end, new, paths).items() if key not in known]
    # an old finding is shown as it stands at the end: its lines may have moved
    old = [f for f in near if f.origin is Origin.PREEXISTING]
    wanted = frozenset[Key]().union(*(functions_of(finding) for finding in old))
    at_end = session.check(end, _of(session, end, wanted), "old findings")
    return tuple(
        at_end.get(f.fingerprint, f) if f.origin is Origin.PREEXISTING else f for f in near
    )


def _fold(session: Session, steps: list[_Step], placed: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Put the callers that a patch exposed together into findings of the reader it changed."""
    by_patch = {step.patch: step for step in steps}

    def reader_of(finding: Finding) -> PathStep | None:
        step = by_patch[finding.patch]
        return find_reader(step.knowledge, finding, step.changed)

    for rule in session.rules:
        if rule.check in OVERVIEWS:
            placed = fold_exposed(rule, placed, reader_of)
    return placed


def _find_beside(
    session: Session, knowledge: Knowledge, new: list[Finding], paths: set[str]
) -> dict[str, Finding]:
    """Find what the tree has of the same kind: in the directories touched, about the helpers.

    Who reads of a new caller wants to know of the old ones.
    """
    helpers = {finding.call_path[-1].function for finding in new}
    rules = {finding.rule for finding in new}
    directories = {path.rpartition("/")[0] for path in paths if path.endswith(".c")}
    above = knowledge.graph.find_above(helpers, BESIDE)
    beside = [
        f
        for f in session.subjects(knowledge)
        if f in above and f.path.rpartition("/")[0] in directories
    ]
    found = session.check(knowledge, beside, "code beside it", rules)
    return {key: f for key, f in found.items() if f.call_path[-1].function in helpers}


def _confirm(
    session: Session, findings: tuple[Finding, ...], steps: list[_Step], changed: frozenset[Key]
) -> Confirmation:
    """Ask the replay about what the series answers for."""
    mine = [f for f in findings if f.origin in SERIES_ORIGINS]
    others = tuple(f for f in findings if f.origin not in SERIES_ORIGINS)
    if not session.options.replay:
        return Confirmation(findings, ())
    progress = session.options.progress
    before, after = steps[0].knowledge.code, steps[-1].knowledge.code
    rules = {rule.id: rule for rule in session.rules}
    accounts = Accounts(progress)
    confirmed = confirm(
        mine, rules, before=before, after=after, progress=progress, accounts=accounts
    )
    differing = find_differences(before, after, changed, progress, accounts, session.words.counting)
    rows = (*confirmed.rows, *differing)
    return Confirmation((*confirmed.findings, *others), tuple(dict.fromkeys(rows)))


def _skipped(
    knowledge: Knowledge, near: set[str], series: PatchSeries, uses: tuple[Use, ...]
) -> tuple[Skipped, ...]:
    """Return what was not analysed: where the walk went, and in the files the series is about."""
    found = {s for s in knowledge.skipped() if s.path in near or s.stage == "analysis"}
    for use in uses:
        if use.undecided:
            reason = f"call of {use.helper}(): {use.undecided}"
            found.add(Skipped("analysis", use.path, use.function, reason))
    for counter in series.missing:
        reason = f"patch {counter}/{series.expected} is not in the input"
        found.add(Skipped("series", "", "", reason))
    return tuple(sorted(found, key=_place_of))


def _place_of(skipped: Skipped) -> tuple[str, str, str, str]:
    return skipped.stage, skipped.path, skipped.function, skipped.reason
