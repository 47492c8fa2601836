"""``mm-review decode`` as a user runs it: files, mails, threads, a tree, and bad input."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.model.errors import BadInputError
from reviewer.pipeline.decoding import CrashDoc, decode_file, render_decoded
from reviewer.pipeline.options import Options
from reviewer.rulebook import find_data
from reviewer.series.read import read_series
from reviewer.tree.apply import apply_series
from reviewer.tree.recipes import build_series, find_recipe, load_recipe
from reviewer.tree.repo import open_tree

Run = Callable[..., subprocess.CompletedProcess[str]]
Read = Callable[[str], str]
MINIMM = find_data("corpora") / "minimm"


def _json(doc: CrashDoc) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render_decoded(doc, "json"))
    return loaded


def _mail(body: str, in_reply_to: str = "") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ines Vale <ines.vale@example.org>"
    mail["Date"] = "Wed, 07 Oct 2015 09:00:00 +0000"
    mail["Subject"] = "Re: [PATCH 1/4] mm: count PMD mappings of a compound page once"
    mail["Message-ID"] = "<crash@example.org>"
    if in_reply_to:
        mail["In-Reply-To"] = f"<{in_reply_to}>"
        mail["References"] = f"<{in_reply_to}>"
    mail.set_content(body, cte="quoted-printable")
    return mail


@pytest.fixture(scope="module")
def thread(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Make the seed's re-enactment with a crash in reply to one of its patches."""
    directory = tmp_path_factory.mktemp("thread")
    mbox = build_series(MINIMM, load_recipe(find_recipe("minimm-seed")), directory)

    def make(body: str, counter: int) -> Path:
        answered = read_series(mbox).patches[counter - 1].mail.msgid
        path = directory / f"thread-{counter}.mbox"
        crash = b"From me@example.org Wed Oct  7 09:00:00 2015\n" + _mail(body, answered).as_bytes()
        path.write_bytes(mbox.read_bytes() + b"\n" + crash + b"\n")
        return path

    return make


def test_json_has_the_names_scripts_rely_on(mm_review: Run, oops: Read, tmp_path: Path) -> None:
    file = tmp_path / "oops.txt"
    file.write_text(oops("tail-computed-2015"))
    done = mm_review("decode", file, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    doc = json.loads(done.stdout)
    assert doc["schema"] == 1
    assert doc["page"] == {"pfn": 0x6A000, "flags": []}
    assert doc["head"] == {"pfn": 0x6A000}
    assert (doc["tail"], doc["walker"]) == (41, "kpageflags_read")
    assert doc["assertion"] == "VM_BUG_ON_PAGE(!PageHead(page))"
    assert [h["name"] for h in doc["hypotheses"]] == [
        "tail-passed",
        "head-freed",
        "head-split",
        "poisoned",
    ]
    assert all({"name", "verdict", "because"} == set(h) for h in doc["hypotheses"])
    assert doc["missing"] == ["no raw words: whether ->compound_head marked it a tail"]


def test_a_mail_says_what_its_text_says(oops: Read) -> None:
    text = oops("remade-6.1")
    mail = _mail("Hi,\n\n" + "".join(f"> {line}\n" for line in text.split("\n"))).as_bytes()
    assert decode_file(mail, None, name="mail") == decode_file(text.encode(), None, name="text")


def test_a_thread_accuses_the_newest_patch_on_the_path(
    oops: Read, thread: Callable[[str, int], Path]
) -> None:
    doc = _json(decode_file(thread(oops("tail-computed-2015"), 1), None))
    assert doc["accuses"]["counter"] == 2
    assert "stable_page_flags" in doc["accuses"]["because"]
    alone = _json(decode_file(oops("tail-computed-2015").encode(), None, name="text"))
    assert alone["accuses"] is None


def test_a_patch_that_quotes_the_crash_it_cures_is_not_accused(
    oops: Read, thread: Callable[[str, int], Path], tmp_path: Path
) -> None:
    whole = thread(oops("tail-computed-2015"), 1).read_text()
    series = whole[: whole.rindex("From me@example.org")]
    mark = "/proc/kpageflags speaks of single pages."
    assert series.count(mark) == 1
    cure = tmp_path / "cure.mbox"
    cure.write_text(series.replace(mark, oops("tail-computed-2015") + "\n" + mark))
    doc = decode_file(cure, None)
    assert (doc.tail, doc.accuses) == (41, None)


def test_a_crash_elsewhere_accuses_nobody(oops: Read, thread: Callable[[str, int], Path]) -> None:
    assert decode_file(thread(oops("tail-passed-5.10"), 2), None).accuses is None


def test_a_tree_gives_the_path_and_the_same_end(
    oops: Read, thread: Callable[[str, int], Path], tmp_path: Path
) -> None:
    mbox = thread(oops("tail-computed-2015"), 1)
    after = tmp_path / "linux"
    with open_tree(MINIMM, cache_dir=tmp_path / "cache") as tree:
        end = apply_series(tree, tree.resolve("HEAD"), read_series(mbox)).end
        for path in end.iter_paths():
            (after / path).parent.mkdir(parents=True, exist_ok=True)
            (after / path).write_bytes(end.read(path))
    doc = decode_file(mbox, Options(tree=after, cache_dir=tmp_path / "cache"))
    source = _json(doc)["source"]
    assert [s["function"] for s in source["path"]] == ["kpageflags_read", "stable_page_flags"]
    assert all(s["path"] == "fs/proc/page.c" and s["line"] for s in source["path"])
    assert source["replay"]["outcome"] == "sometimes", source["replay"]["reason"]
    assert source["replay"]["same"]
    assert source["replay"]["schedule"]
    assert "not of the kernel that crashed" in source["text"]
    shown = render_decoded(doc, "text")
    assert "replay of free-under-reader: sometimes, ends in the same assertion" in shown


def test_a_tree_without_the_path_says_so(mm_review: Run, oops: Read, tmp_path: Path) -> None:
    file = tmp_path / "oops.txt"
    file.write_text(oops("split-4.8"))
    done = mm_review("decode", file, "--tree", MINIMM)
    assert done.returncode == 0, done.stderr
    assert "walk_the_range: the tree has no such function" in done.stdout
    assert "not replayed" in done.stdout


def test_hostile_text_cannot_paint_the_terminal(mm_review: Run, tmp_path: Path) -> None:
    file = tmp_path / "oops.txt"
    file.write_text(
        "page:ffffea0001a80000 count:0 mapcount:0 mapping:(null) index:0x0\n"
        "flags: 0x4(\x1b[2J\x1b]0;owned\x07|\u202egpj)\n"
        "page dumped because: VM_BUG_ON_PAGE(\x1b[31m!PageHead(page))\n"
        "kernel BUG at \x1b[1mmm/a.c:1!\nCPU: 1 PID: 1 Comm: \x1b[Hx Not tainted 4.3\x9b0m\n"
    )
    done = mm_review("decode", file)
    assert done.returncode == 0
    assert "\\x1b" in done.stdout
    assert all(char.isprintable() or char == "\n" for char in done.stdout)


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("nothing of interest\n", (), "holds no page dump"),
        ("", (), "holds no page dump"),
        ("page:ffffea0001a80000 count:0\n", ("--format", "xml"), "--format xml"),
    ],
)
def test_bad_input_is_one_line(
    mm_review: Run, tmp_path: Path, text: str, options: tuple[str, ...], told: str
) -> None:
    file = tmp_path / "oops.txt"
    file.write_text(text)
    done = mm_review("decode", file, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


def test_a_file_that_is_not_there_is_one_line(mm_review: Run, tmp_path: Path) -> None:
    done = mm_review("decode", tmp_path / "none.txt")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@given(cut=st.integers(0, 6000))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_mail_cut_anywhere_gives_an_answer_or_one_line(oops: Read, cut: int) -> None:
    data = _mail(oops("remade-6.1")).as_bytes()[:cut]
    try:
        doc = decode_file(data, None, name="mail")
    except BadInputError as error:
        assert "\n" not in str(error)
    else:
        assert "\x1b" not in render_decoded(doc, "text")
