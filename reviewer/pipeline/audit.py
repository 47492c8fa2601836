"""Audits a whole tree: its functions shared out among processes, the answer kept by tree."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import reviewer
from reviewer.analysis.hazards import CallSite
from reviewer.analysis.knowledge import Knowledge
from reviewer.model.codec import from_msgpack, to_msgpack
from reviewer.model.errors import BadInputError
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.finding import Finding
from reviewer.model.review import Stats, Use
from reviewer.model.source import SourceTree
from reviewer.pipeline.accounts import Accounts
from reviewer.pipeline.confirm import confirm
from reviewer.pipeline.drivers import find_drivers
from reviewer.pipeline.options import Options, silent
from reviewer.pipeline.session import Session
from reviewer.pipeline.uses import count_uses, decide_uses, find_uses
from reviewer.rulebook import find_data
from reviewer.tree.repo import default_cache_dir, open_tree

AUDITED = ("mm/", "fs/proc/")  # whose uses of page helpers are listed one by one
PARTS = 8  # a part is what progress is told of


@dataclass(frozen=True, slots=True)
class Audit:
    """What a tree was found to hold. ``uses`` are the calls of page helpers in AUDITED."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    uses: tuple[Use, ...]
    stats: Stats


@dataclass(frozen=True, slots=True)
class _Part:
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    uses: tuple[Use, ...]
    sites: tuple[tuple[CallSite, bool], ...]


def audit_tree(session: Session, source: SourceTree, commit: str) -> Audit:
    """Run every rule on every function of a tree; a tree audited before is not audited again."""
    kept = _store(session.options, source)
    known = _load(kept)
    if known is not None:
        return known
    processes = min(os.cpu_count() or 1, PARTS)
    progress = session.options.progress
    quiet = replace(session.options, progress=silent)
    parts: dict[int, _Part] = {}
    progress("functions", 0, PARTS)
    context = multiprocessing.get_context("spawn")  # a fork would share the pipes to git
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        wanted = {pool.submit(_audit_part, quiet, commit, n): n for n in range(PARTS)}
        try:
            for done in as_completed(wanted):
                parts[wanted[done]] = done.result()
                progress("functions", len(parts), PARTS)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    audit = _overlook(session, source, _join([parts[n] for n in range(PARTS)]))
    if session.options.replay:
        audit = replace(audit, findings=_run_drivers(session, source, audit.findings))
    _keep(kept, audit)
    return audit


# What a worker process has open: its parts are of one tree.
_OPEN: dict[str, tuple[Session, Knowledge]] = {}


def _open(options: Options, commit: str) -> tuple[Session, Knowledge]:
    if commit not in _OPEN:
        tree = open_tree(options.tree, cache_dir=options.cache_dir)
        session = Session(options, tree)
        _OPEN[commit] = (session, session.know(tree.snapshot(commit)))
    return _OPEN[commit]


def _audit_part(options: Options, commit: str, number: int) -> _Part:
    """Audit a share of the functions. What was seen for another share may be told again."""
    session, knowledge = _open(options, commit)
    found = session.check(knowledge, _share(session.subjects(knowledge), number), "functions")
    functions = [f for f in knowledge.graph.functions if f.path.startswith(AUDITED)]
    uses = tuple(find_uses(knowledge, _share(functions, number)))
    sites = tuple(knowledge.sites().items())
    return _Part(tuple(found.values()), knowledge.skipped(), uses, sites)


def _share(functions: Sequence[FunctionFacts], number: int) -> tuple[FunctionFacts, ...]:
    """Return one of PARTS runs of functions that make about as many calls as another."""
    sums = list(accumulate(len(f.calls) for f in functions))
    whole = (sums[-1] if sums else 0) or 1
    return tuple(
        f
        for f, before in zip(functions, [0, *sums], strict=False)
        if before * PARTS // whole == number or (number == PARTS - 1 and before == whole)
    )


def _join(parts: Sequence[_Part]) -> Audit:
    findings: dict[str, Finding] = {}
    for part in parts:
        for finding in part.findings:
            findings.setdefault(finding.fingerprint, finding)
    skipped = sorted(
        {s for part in parts for s in part.skipped},
        key=lambda s: (s.stage, s.path, s.function, s.reason),
    )
    uses = decide_uses((u for part in parts for u in part.uses), [dict(p.sites) for p in parts])
    functions = len({(u.path, u.function) for u in uses})
    return Audit(tuple(findings.values()), tuple(skipped), uses, count_uses(uses, functions))


def _overlook(session: Session, source: SourceTree, audit: Audit) -> Audit:
    """Return the audit with what only all of its findings together show."""
    checking = session.checking(session.know(source))
    return replace(audit, findings=(*audit.findings, *checking.overlook(audit.findings)))


def _run_drivers(
    session: Session, source: SourceTree, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """Return the findings, those in drivers that can be run with what came of running them.

    What is counted in mm itself needs the whole lifecycle, which an audit does not wait for.
    """
    rules = {rule.id: rule for rule in session.rules}
    code = session.know(source).code
    paths = {driver.path for driver in find_drivers(code, session.words.counting)}
    accounts = Accounts(session.options.progress)

    def is_run(finding: Finding) -> bool:
        scenario = rules[finding.rule].scenario
        in_driver = finding.primary.path in paths
        return in_driver and scenario != "" and accounts.find_scenario(scenario) is not None

    told = confirm(
        filter(is_run, findings),
        rules,
        before=None,
        after=code,
        progress=session.options.progress,
        accounts=accounts,
    )
    witnessed = {finding.fingerprint: finding for finding in told.findings}
    return tuple(witnessed.get(finding.fingerprint, finding) for finding in findings)


# ---- what is kept ----------------------------------------------------------------------


def _store(options: Options, source: SourceTree) -> Path:
    """Return the file that holds the audit of this tree by this program."""
    digest = hashlib.sha256()
    replayed = f"replay: {options.replay}"
    for line in (source.name, replayed, *options.config.lines()):
        digest.update(line.encode() + b"\0")
    for path in _iter_program():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    directory = (options.cache_dir or default_cache_dir()) / "audits"
    return directory / f"{digest.hexdigest()[:40]}.msgpack"


def _iter_program() -> Iterator[Path]:
    """Yield the files an audit hangs on: this program's own, and its rules."""
    package = Path(reviewer.__file__).parent
    yield from sorted(p for p in package.rglob("*") if p.suffix in (".py", ".toml"))
    yield from sorted(find_data("rules").glob("*.toml"))


def _load(path: Path) -> Audit | None:
    """Return the audit that is kept; one that is damaged is as good as none."""
    try:
        check, _, data = path.read_bytes().partition(b"\n")
        if check != str(zlib.crc32(data)).encode():
            return None
        return from_msgpack(data, Audit, what=path.name)
    except (OSError, BadInputError):
        return None


def _keep(path: Path, audit: Audit) -> None:
    """Keep an audit; where that cannot be done the next run works it out again."""
    data = to_msgpack(audit)
    whole = str(zlib.crc32(data)).encode() + b"\n" + data
    scratch = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(whole)
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
