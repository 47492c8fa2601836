"""The suites of b4, liblore and notmuch, as far as they are about series, threads and trailers.

``peer_series_differences.toml`` names every case in which we differ, and why; any other
difference fails, and so does a row that no longer differs.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewer.model.series import Trailer
from reviewer.series.archive import iter_raw
from reviewer.series.ledger import Ledger
from reviewer.series.mailinfo import parse_patch
from reviewer.series.message import parse_mail
from reviewer.series.rawmessage import RawMessage
from reviewer.series.read import iter_ledger, read_series
from reviewer.series.record import make_record
from reviewer.series.store import LedgerStore
from reviewer.series.subject import parse_subject
from reviewer.series.thread import make_forest
from reviewer.series.trailers import parse_trailers, trailer_matches

pytestmark = pytest.mark.peer

Peer = Callable[[str], Path]
TABLE = tomllib.loads(Path(__file__).with_name("peer_series_differences.toml").read_text())

ASK_LIBLORE = """
import json, sys
from liblore.series import email_matches, name_matches, parse_patch_subject
for line in sys.stdin:
    what, words = json.loads(line)
    if what == "subject":
        s = parse_patch_subject(*words)
        print(json.dumps([s.is_patch, s.is_reply, s.counter, s.expected, s.version, s.title]))
    else:
        matches = {"email_matches": email_matches, "name_matches": name_matches}[what]
        print(json.dumps(matches(*words)))
"""


def ask_liblore(python: Path, questions: list[tuple[str, list[str]]]) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", ASK_LIBLORE],
        input="".join(json.dumps(question) + "\n" for question in questions),
        env={**os.environ, "PYTHONPATH": str(python)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def calls_in(source: Path, names: dict[str, str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield test, name and texts of each call with only literal texts, as liblore's tests do."""
    for test in ast.walk(ast.parse(source.read_text())):
        if not isinstance(test, ast.FunctionDef):
            continue
        for node in ast.walk(test):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if node.func.id in names and len(texts) == len(node.args):
                    yield test.name, names[node.func.id], [str(text) for text in texts]


def read_subject(text: str) -> list[object]:
    said = parse_subject(text)
    return [said.tagged, said.reply, said.counter, said.expected, said.revision, said.title]


def matches(what: str, one: str, other: str) -> bool:
    if what == "email_matches":
        return trailer_matches(Trailer("Acked-by", f"<{one}>"), f"<{other}>")
    return trailer_matches(Trailer("Acked-by", f"{one} <a@x.org>"), f"{other} <b@y.org>")


def differing(rows: Iterator[tuple[str, object, object]]) -> dict[str, list[object]]:
    return {name: [ours, theirs] for name, ours, theirs in rows if ours != theirs}


def test_liblores_cases_of_subjects_and_of_who_is_who(peer: Peer) -> None:
    root = peer("liblore")
    names = {"parse_patch_subject": "subject"}
    names |= {name: name for name in ("email_matches", "name_matches")}
    cases = list(calls_in(root / "tests" / "test_series.py", names))
    assert len(cases) > 40
    answers = ask_liblore(root.with_name("python"), [(what, texts) for _, what, texts in cases])

    def rows() -> Iterator[tuple[str, object, object]]:
        for number, ((test, what, texts), theirs) in enumerate(zip(cases, answers, strict=True)):
            ours = read_subject(*texts) if what == "subject" else matches(what, *texts)
            yield f"{test}.{sum(test == c[0] for c in cases[:number])}", ours, theirs

    assert differing(rows()).keys() == TABLE["liblore"].keys()


def lkml(peer: Peer) -> list[RawMessage]:
    return list(iter_raw(peer("notmuch") / "test" / "corpora" / "lkml" / "cur"))


def test_liblore_reads_the_subjects_of_notmuchs_lkml_mails_as_we_do(peer: Peer) -> None:
    subjects = sorted({parse_mail(message.data).subject for message in lkml(peer)})
    python = peer("liblore").with_name("python")
    answers = ask_liblore(python, [("subject", [text]) for text in subjects])
    rows = zip(subjects, map(read_subject, subjects), answers, strict=True)
    assert differing(iter(rows)) == {}


def test_notmuchs_lkml_mails_thread_as_their_ids_say(peer: Peer) -> None:
    """notmuch joins two mails when one names the other's id, or both name a third's."""
    messages = lkml(peer)
    assert len(messages) == 210
    records = [make_record(parse_mail(m.data), None, m.origin) for m in messages]
    above: dict[str, str] = {}

    def find(name: str) -> str:
        while above.setdefault(name, name) != name:
            name = above[name]
        return name

    for record in records:
        for parent in record.parents:
            above[find(record.msgid)] = find(parent)
    forest = make_forest(records)
    for key in forest.parent:
        assert find(forest.records[key].msgid) == find(forest.records[forest.root(key)].msgid), (
            "we joined what notmuch keeps apart"
        )
    ledger = Ledger(LedgerStore(None))
    ledger.update(lambda known: [m for m in messages if m.origin not in known])
    for group, entry in ledger.iter_groups():
        threads = {find(forest.records[key].msgid) for _, key in group.slots}
        assert len(threads) == 1, entry.title


def repaired(path: Path) -> io.BytesIO:
    """Give b4's made-up hunks a header that agrees with their lines; nothing else is changed."""
    return io.BytesIO(re.sub(rb"@@@ ?-1,1 \+1,1 @@@?", b"@@ -1,5 +1,5 @@", path.read_bytes()))


def trailers_of(reference: Path) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for message in iter_raw(repaired(reference)):
        mail = parse_mail(message.data)
        patch = parse_patch(mail, message.data)
        assert patch is not None
        found[patch.subject] = sorted((t.key, t.value) for t in parse_trailers(patch.message))
    return found


def test_b4s_follow_up_trailers(peer: Peer) -> None:
    samples = peer("b4") / "src" / "tests" / "samples"
    references = sorted(samples.glob("trailers-followup-*-ref-defaults.txt"))
    assert len(references) >= 10

    def rows() -> Iterator[tuple[str, object, object]]:
        for reference in references:
            name = reference.name.removesuffix("-ref-defaults.txt")
            series = read_series(repaired(samples / f"{name}.mbox"))
            ours = {p.subject: sorted((t.key, t.value) for t in p.trailers) for p in series.patches}
            yield name, ours, trailers_of(reference)

    assert differing(rows()).keys() == TABLE["b4"].keys()


def test_b4s_threads_gather_the_same_trailers(peer: Peer) -> None:
    samples = peer("b4") / "src" / "tests" / "samples"
    for name in ("trailers-thread-with-followups", "trailers-thread-with-cover-followup"):
        series = read_series(samples / f"{name}.mbox")
        wanted = samples.joinpath(f"{name}.verify").read_text().split("\n---\n")
        by_title = {text.split("\n")[1]: text for text in wanted if text.strip()}
        assert by_title.keys() == {patch.subject for patch in series.patches}
        for patch in series.patches:
            theirs = {(t.key, t.value) for t in parse_trailers(by_title[patch.subject])}
            mine = ("Signed-off-by", "Test Override <test-override@example.com>")
            assert {(t.key, t.value) for t in patch.trailers} == theirs - {mine}


@pytest.mark.parametrize(
    ("name", "cover", "patches"),
    [
        ("naked-cover-single", "do a thing to the widget subsystem", 1),
        ("naked-cover-bugreport", "", 1),
        ("shazam-git1-just-series", "[PATCH 0/4] This is a cover for test series 1", 4),
    ],
)
def test_b4s_mailboxes_hold_the_series_b4_finds(
    peer: Peer, name: str, cover: str, patches: int
) -> None:
    samples = peer("b4") / "src" / "tests" / "samples"
    series = read_series(samples / f"{name}.mbox")
    assert (series.cover.subject if series.cover else "") == cover
    assert (len(series.patches), series.missing) == (patches, ())


def test_all_of_b4s_mailboxes_in_one_archive_stay_apart(peer: Peer) -> None:
    samples = peer("b4") / "src" / "tests" / "samples"
    boxes = [box for box in sorted(samples.glob("*.mbox")) if "shazam" in box.name]
    boxes += sorted(samples.glob("naked-*.mbox"))
    alone = [entry.msgid for box in boxes for entry in iter_ledger(box)]
    together = io.BytesIO(b"\n".join(box.read_bytes() for box in boxes))
    assert {entry.msgid for entry in iter_ledger(together)} == set(alone)
