"""What the HTML template prints of one finding: the hunk, the picture, the replay's key steps."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.finding import Evidence, Finding
from reviewer.model.series import Patch
from reviewer.model.witness import Witness
from reviewer.report import wording
from reviewer.report.interleaving import cpu_order, cpu_titles, ending, select_steps
from reviewer.report.player import KEY_STEPS, render_player
from reviewer.report.printable import printable, printable_block
from reviewer.report.quotes import find_quote

PLAYER_BYTES = 2_000_000  # of all players of one report; the rest keep the table of key steps
HUNK_LINES = 60
NODE_STEP = 62  # height of a box of the picture and of the arrow below it
NODE_TEXT = 44  # characters of a box in its widest line


@dataclass(frozen=True, slots=True)
class HunkLine:
    """A line of a diff: ``kind`` is added, removed, context or header; ``meant`` is the one."""

    text: str
    kind: str
    meant: bool


@dataclass(frozen=True, slots=True)
class PathNode:
    """One box of the call path's picture; ``y`` in the picture's units."""

    function: str
    place: str
    y: int
    last: bool


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of the two columns: the step's number and what it did in the column of ``cpu``."""

    number: int
    cpu: int
    function: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A witness. ``player`` is the data block's id, empty where none is embedded."""

    scenario: str
    sentence: str
    reproduced: bool
    schedule: str
    model: str
    cpus: tuple[str, ...]
    rows: tuple[TableRow, ...]
    ending: str
    steps: int
    oops: str
    player: str
    no_player_because: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as the page shows it; ``anchor`` is its id in the page."""

    anchor: str
    number: int
    rule: str
    severity: str
    confidence: str
    origin: str
    origin_text: str
    message: str
    question: str
    place: str
    chain: str
    patch: str
    hunk_path: str
    hunk: tuple[HunkLine, ...]
    nodes: tuple[PathNode, ...]
    picture_height: int
    states: tuple[str, ...]
    guards: tuple[str, ...]
    demands: tuple[str, ...]
    remedies: tuple[str, ...]
    replay: ReplayView | None


class Players:
    """The players embedded so far; the same witness is embedded once."""

    def __init__(self) -> None:
        self.blocks: dict[str, str] = {}  # JSON -> id
        self.room = PLAYER_BYTES

    def add(self, witness: Witness, entry: str) -> str:
        """Return the id of the witness's data block, empty when it does not fit any more."""
        data = render_player(witness, entry)
        if data in self.blocks:
            return self.blocks[data]
        if len(data) > self.room:
            return ""
        self.room -= len(data)
        return self.blocks.setdefault(data, f"replay-{len(self.blocks) + 1}")


def make_finding(
    finding: Finding, number: int, patches: dict[int, Patch], players: Players
) -> FindingView:
    """Return the finding in pieces; ``patches`` are the series' by counter."""
    patch = patches.get(finding.patch.counter) if finding.patch else None
    path, hunk = _hunk(finding, patch)
    nodes = _nodes(finding)
    entry = finding.call_path[0].function if finding.call_path else ""
    return FindingView(
        anchor=f"finding-{number}",
        number=number,
        rule=printable(finding.rule),
        severity=str(finding.severity),
        confidence=str(finding.confidence),
        origin=str(finding.origin),
        origin_text=wording.describe_origin(finding.origin),
        message=printable(finding.message),
        question=printable(finding.question),
        place=wording.place(finding.primary),
        chain=" -> ".join(wording.chain(finding)),
        patch=printable(f"{finding.patch.counter}: {finding.patch.subject}")
        if finding.patch
        else "",
        hunk_path=path,
        hunk=hunk,
        nodes=nodes,
        picture_height=len(nodes) * NODE_STEP - 16,
        states=tuple(printable(s) for s in finding.states),
        guards=tuple(printable(g) for g in finding.guards),
        demands=tuple(_demand(e) for e in finding.evidence),
        remedies=tuple(printable(r) for r in finding.remedies),
        replay=_replay(finding.witness, players, entry) if finding.witness else None,
    )


def _demand(evidence: Evidence) -> str:
    needs = f" (with {', '.join(evidence.needs)})" if evidence.needs else ""
    return printable(f"{evidence.path}:{evidence.line}: {evidence.text.strip()}{needs}")


def _hunk(finding: Finding, patch: Patch | None) -> tuple[str, tuple[HunkLine, ...]]:
    quote = find_quote(patch, finding) if patch is not None else None
    if quote is None:
        return "", ()
    start = max(0, quote.best - HUNK_LINES // 2)
    lines = [HunkLine(printable_block(quote.hunk.header), "header", False)]
    for index, text in enumerate(quote.hunk.lines[start : start + HUNK_LINES], start):
        kind = {"+": "added", "-": "removed"}.get(text[:1], "context")
        lines.append(HunkLine(printable_block(text), kind, index == quote.best))
    return printable(quote.path), tuple(lines)


def _nodes(finding: Finding) -> tuple[PathNode, ...]:
    last = len(finding.call_path) - 1
    return tuple(
        PathNode(
            _clip(printable(step.function), NODE_TEXT - 6),
            _clip(printable(f"{step.path}:{step.line}"), NODE_TEXT, tail=True),
            index * NODE_STEP,
            index == last,
        )
        for index, step in enumerate(finding.call_path)
    )


def _clip(text: str, width: int, *, tail: bool = False) -> str:
    if len(text) <= width:
        return text
    return f"…{text[-width + 1 :]}" if tail else f"{text[: width - 1]}…"


def _replay(witness: Witness, players: Players, entry: str) -> ReplayView:
    order = cpu_order(witness)
    rows = []
    for index in select_steps(witness, most=KEY_STEPS):
        step = witness.trace[index]
        cpu = order.index(step.thread)
        rows.append(TableRow(index + 1, cpu, printable(step.function), printable(step.text)))
    player = players.add(witness, entry) if witness.trace else ""
    because = "" if player or not witness.trace else "the report would be too large"
    return ReplayView(
        scenario=printable(witness.scenario),
        sentence=wording.describe_witness(witness),
        reproduced=wording.reproduced(witness),
        schedule=str(witness.schedule) if witness.schedule else "",
        model=printable(witness.model),
        cpus=cpu_titles(witness, entry),
        rows=tuple(rows),
        ending=ending(witness) if wording.reproduced(witness) else "",
        steps=len(witness.trace),
        oops=printable_block(witness.oops),
        player=player,
        no_player_because=because,
    )
