from __future__ import annotations

import base64
import gzip
import io
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reviewer.model.errors import BadInputError
from reviewer.model.facts import Skipped
from reviewer.series.listing import LedgerFilter, make_row
from reviewer.series.read import iter_ledger, read_series

ENV = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "David Tester",
    "GIT_AUTHOR_EMAIL": "david@example.org",
    "GIT_COMMITTER_NAME": "David Tester",
    "GIT_COMMITTER_EMAIL": "david@example.org",
    "GIT_AUTHOR_DATE": "1740000000 +0100",
    "GIT_COMMITTER_DATE": "1740000000 +0100",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENV, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    git(folder, "init", "-q")
    for step in range(4):
        lines = "".join(f"int f{step}_{n};\n" for n in range(6))
        (folder / "rmap.c").write_text(lines)
        git(folder, "add", "rmap.c")
        message = f"mm/rmap: step {step}\n\nWhy {step}.\n\nSigned-off-by: David Tester <d@x.org>\n"
        git(folder, "commit", "-q", "-m", message)
    return folder


@pytest.fixture(scope="module")
def format_patch(repository: Path) -> Callable[..., str]:
    def make(*options: str) -> str:
        text = git(repository, "format-patch", "--stdout", *options, "HEAD~3")
        return text.replace("*** SUBJECT HERE ***", "mm/rmap: count maps")

    return make


@pytest.fixture
def thread(format_patch: Callable[..., str]) -> str:
    return format_patch("--cover-letter", "--thread", "--base=HEAD~3", "-v2")


def msgids(text: str) -> list[str]:
    return [
        line.partition("<")[2].rstrip(">")
        for line in text.splitlines()
        if line.lower().startswith("message-id:")
    ]


def reply(to: str, subject: str, body: str, sender: str, tag: str = "re") -> str:
    return (
        f"From x@x Thu Jan  1 00:00:00 1970\nFrom: {sender}\nMessage-ID: <{tag}-{to}>\n"
        f"Date: Thu, 20 Feb 2025 12:00:00 +0000\nSubject: Re: {subject}\nIn-Reply-To: <{to}>\n"
        f"References: <{to}>\n\n{body}\n"
    )


def write(folder: Path, text: str, name: str = "thread.mbox") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_thread_of_format_patch_with_replies_is_read_whole(
    tmp_path: Path, thread: str, repository: Path
) -> None:
    cover, first, second, third = msgids(thread)
    text = thread
    text += reply(
        second,
        "[PATCH v2 2/3] mm/rmap: step 2",
        "> Why 2.\nReviewed-by: V <v@x.org>",
        "V <v@x.org>",
    )
    text += reply(
        cover, "[PATCH v2 0/3] mm/rmap: count maps", "Acked-by: A <a@x.org>", "A <a@x.org>", "ack"
    )
    text += reply(
        third, "[PATCH v2 3/3] mm/rmap: step 3", "Tested-by: T <t@x.org>", "V <v@x.org>", "bad"
    )
    crash = "kernel BUG at mm/rmap.c:9!\nCall Trace:\n page_mapcount+0x1/0x2"
    text += reply(first, "[PATCH v2 1/3] mm/rmap: step 1", crash, "S <s@x.org>", "crash")
    series = read_series(write(tmp_path, text))
    assert (series.msgid, series.title, series.revision) == (cover, "mm/rmap: count maps", 2)
    assert series.base_commit == git(repository, "rev-parse", "HEAD~3").strip()
    assert series.cover is not None and series.cover.msgid == cover
    assert [(p.counter, p.expected, p.subject) for p in series.patches] == [
        (n, 3, f"mm/rmap: step {n}") for n in (1, 2, 3)
    ]
    assert [p.mail.msgid for p in series.patches] == [first, second, third]
    assert series.patches[1].message.startswith("Why 2.")
    assert b"+int f2_0;\n" in series.patches[1].diff
    assert len(series.followups) == 4 and series.missing == ()
    trailers = [[(t.key, t.value, t.msgid) for t in p.trailers[1:]] for p in series.patches]
    ack = ("Acked-by", "A <a@x.org>", f"ack-{cover}")
    assert trailers == [[ack], [("Reviewed-by", "V <v@x.org>", f"re-{second}"), ack], [ack]]
    [untrusted] = series.untrusted
    assert (untrusted.trailer.value, untrusted.author, untrusted.counter) == (
        "T <t@x.org>",
        "V <v@x.org>",
        3,
    )
    [held] = series.crashes
    assert (held.msgid, held.counter) == (f"crash-{first}", 1)
    assert held.headline == "kernel BUG at mm/rmap.c:9!"
    assert series.grouped_because == "3 patches joined to the cover letter by In-Reply-To"


def test_each_patch_applies_as_git_would_have_it(
    tmp_path: Path, thread: str, repository: Path
) -> None:
    series = read_series(write(tmp_path, thread))
    target = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), str(target))
    git(target, "reset", "-q", "--hard", series.base_commit)
    for patch in series.patches:
        subprocess.run(
            ["git", "apply", "--index"], cwd=target, env=ENV, input=patch.diff, check=True
        )
    assert git(target, "write-tree") == git(repository, "rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize("numbered", [True, False])
def test_a_directory_of_unsent_patches_is_one_series(
    tmp_path: Path, repository: Path, numbered: bool
) -> None:
    option = "-n" if numbered else "-N"
    git(repository, "format-patch", "-q", option, "-o", str(tmp_path / "out"), "HEAD~3")
    if numbered:
        series = read_series(tmp_path / "out")
        assert [p.counter for p in series.patches] == [1, 2, 3]
        assert "never sent" in series.grouped_because
    else:
        with pytest.raises(BadInputError, match="holds 3 series"):
            read_series(tmp_path / "out")


def test_a_stream_and_a_compressed_file_give_the_same_series(tmp_path: Path, thread: str) -> None:
    packed = tmp_path / "thread.mbox.gz"
    packed.write_bytes(gzip.compress(thread.encode()))
    plain = read_series(write(tmp_path, thread))
    assert read_series(packed) == plain
    assert read_series(io.BytesIO(thread.encode())) == plain


def test_the_newest_revision_is_meant_unless_a_msgid_says_otherwise(
    tmp_path: Path, format_patch: Callable[..., str]
) -> None:
    old = format_patch("--cover-letter", "--thread", "-v1").replace(".git.", ".old.")
    new = format_patch("--cover-letter", "--thread", "-v2").replace(".git.", ".new.")
    path = write(tmp_path, new + old)
    assert read_series(path).revision == 2
    assert read_series(path, series="count maps").revision == 2
    assert read_series(path, series=msgids(old)[2]).revision == 1
    assert read_series(path, series=f"<{msgids(old)[0]}>").revision == 1
    assert read_series(path, series=f"https://lore.example/all/{msgids(old)[0]}/").revision == 1
    assert read_series(path).supersedes == msgids(old)[0]


def test_several_series_are_listed_until_one_is_chosen(tmp_path: Path, thread: str) -> None:
    other = thread.replace(".git.", ".2nd.").replace("count maps", "drop maps")
    other = other.replace("mm/rmap: step", "mm/gup: step")
    path = write(tmp_path, thread + other)
    with pytest.raises(BadInputError, match=r"holds 2 series: .*choose one with --series") as e:
        read_series(path)
    assert "\n" not in str(e.value)
    assert all(
        f"'mm/rmap: {what} maps' (v2 3/3, <cover." in str(e.value) for what in ("count", "drop")
    )
    with pytest.raises(BadInputError, match="2 series with 'mm/rmap' in their title"):
        read_series(path, series="mm/rmap")
    with pytest.raises(BadInputError, match="no series with Message-ID or title 'nothing'"):
        read_series(path, series="nothing")
    assert read_series(path, series="DROP maps").title == "mm/rmap: drop maps"


def test_mail_without_a_patch_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, reply("a@x", "mm: a question", "Why?", "V <v@x.org>"))
    with pytest.raises(BadInputError, match="holds no patch"):
        read_series(path)


def test_a_cover_letter_alone_says_so(tmp_path: Path, thread: str) -> None:
    cover = thread.partition("\nFrom ")[0] + "\n"
    with pytest.raises(BadInputError, match="holds no patch of 'mm/rmap: count maps'"):
        read_series(write(tmp_path, cover))


def test_a_diff_in_a_reply_can_be_chosen_by_its_msgid(tmp_path: Path, thread: str) -> None:
    cover = msgids(thread)[0]
    diff = thread[thread.rindex("\ndiff --git") :]
    body = f"> Text.\nBetter so:\n{diff}"
    answer = reply(cover, "[PATCH v2 0/3] mm/rmap: count maps", body, "V <v@x.org>")
    path = write(tmp_path, thread + "\n" + answer)
    assert len(read_series(path).patches) == 3
    alone = read_series(path, series=f"re-{cover}")
    assert (len(alone.patches), alone.patches[0].mail.author) == (1, "V <v@x.org>")
    assert "by itself" in alone.grouped_because
    only = read_series(write(tmp_path, answer, "one.mbox"))
    assert only.patches == alone.patches


def test_every_mail_of_a_series_names_it(tmp_path: Path, thread: str) -> None:
    path = write(tmp_path, thread)
    assert len({read_series(path, series=msgid).msgid for msgid in msgids(thread)}) == 1


def cuts(thread: str) -> Iterator[int]:
    """Places inside the last diff, behind its first changed line and before its last."""
    start = thread.rindex("\n+++ b/rmap.c")
    yield from range(thread.index("\n-int f2_1", start), thread.index("+int f3_4", start), 23)


def test_a_mailbox_cut_within_the_last_diff_is_refused_with_the_mails_name(
    tmp_path: Path, thread: str
) -> None:
    path = tmp_path / "thread.mbox"
    for place in cuts(thread):
        path.write_text(thread[:place])
        with pytest.raises(BadInputError, match=r"step 3.* is cut off or broken: .*rmap\.c.*again"):
            read_series(path)


@pytest.mark.parametrize("keep", [0.3, 0.4, 0.5, 0.6, 0.9])
def test_base64_that_ends_early_is_refused(tmp_path: Path, thread: str, keep: float) -> None:
    last = thread[thread.rindex("\nFrom ") + 1 :]
    head, _, body = last.partition("\n\n")
    packed = base64.encodebytes(body.encode()).decode()
    text = f"{head}\nContent-Transfer-Encoding: base64\n\n{packed[: int(len(packed) * keep)]}"
    with pytest.raises(BadInputError, match=r"step 3.*cut off"):
        read_series(write(tmp_path, thread[: thread.rindex("\nFrom ") + 1] + text))


def test_the_cut_of_another_series_costs_nothing(tmp_path: Path, thread: str) -> None:
    other = thread.replace(".git.", ".2nd.").replace("mm/rmap", "mm/gup")
    cut = other[: next(cuts(other))]
    assert len(read_series(write(tmp_path, thread + cut), series="mm/rmap").patches) == 3


def test_a_message_that_cannot_be_read_is_told_and_costs_no_other(
    tmp_path: Path, thread: str
) -> None:
    folder = tmp_path / "mails"
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True)
    for number, message in enumerate(thread.split("\nFrom ")):
        (folder / "cur" / f"{number}:2,S").write_text(message.partition("\n")[2])
    (folder / "cur" / "9:2,S").symlink_to(folder / "nowhere")
    told: list[Skipped] = []
    assert len(read_series(folder, skipped=told.append).patches) == 3
    assert [s.path for s in told if "9:2,S" in s.path] == [s.path for s in told]
    listed: list[Skipped] = []
    assert len(list(iter_ledger(folder, skipped=listed.append))) == 1
    assert listed == told


def test_a_fixup_and_a_partial_reroll_leave_the_first_revision_alone(
    tmp_path: Path, thread: str
) -> None:
    messages = thread.split("\nFrom ")
    ids = msgids(thread)
    fix = "From " + messages[2].replace(
        "[PATCH v2 2/3] mm/rmap: step 2", "[PATCH] mm-rmap-step-2-fix"
    )
    fix = fix.replace(f"<{ids[2]}>", "<fix@x>").replace(f"<{ids[0]}>", f"<{ids[2]}>")
    fix = fix.replace("+int f2_0;", "+int fixed;")
    reroll = "From " + messages[3].replace("[PATCH v2 3/3]", "[PATCH v3 3/3]")
    reroll = reroll.replace(f"<{ids[3]}>", "<reroll@x>").replace(f"<{ids[0]}>", f"<{ids[3]}>")
    reroll = reroll.replace("+int f3_0;", "+int rerolled;")
    said = "Reviewed-by: V <v@x.org>"
    acks = [
        reply(ids[n], f"[PATCH v2 {n}/3] a", said.replace("V", f"V{n}"), f"V{n} <v@x.org>")
        for n in range(4)
    ]
    path = write(tmp_path, "\n".join([reroll, fix, thread, *acks]))
    first = read_series(path, series=ids[0])
    assert first == read_series(path, series=ids[3])
    assert [p.mail.msgid for p in first.patches] == ids[1:]
    assert [(f.counter, f.mail.msgid) for f in first.fixups] == [(2, "fix@x")]
    assert b"+int fixed;" in first.fixups[0].diff
    newest = read_series(path)
    assert (newest.revision, newest.completed_from) == (3, ids[0])
    assert [p.mail.msgid for p in newest.patches] == [*ids[1:3], "reroll@x"]
    assert newest.cover is not None and newest.missing == ()
    reviews = [[t.value[:2] for t in p.trailers if t.key == "Reviewed-by"] for p in newest.patches]
    assert reviews == [["V1", "V0"], ["V2", "V0"], []]


def test_the_ledger_on_disk_reads_only_what_is_new(tmp_path: Path, thread: str) -> None:
    cache = tmp_path / "cache"
    path = write(tmp_path, thread)
    [entry] = iter_ledger(path, cache_dir=cache)
    assert (entry.label, entry.replies) == ("v2 3/3", 0)
    assert make_row(entry)[1:4] == ("v2 3/3", "David Tester", "mm/rmap: count maps")
    cover = msgids(thread)[0]
    path.write_text(thread + "\n" + reply(cover, "[PATCH v2 0/3] a", "Why?", "V <v@x.org>"))
    [entry] = iter_ledger(path, cache_dir=cache)
    assert entry.replies == 1
    assert read_series(path, cache_dir=cache) == read_series(path)
    assert list(iter_ledger(path, cache_dir=cache, wanted=LedgerFilter(incomplete=True))) == []


def test_what_the_archive_no_longer_holds_leaves_the_ledger(tmp_path: Path, thread: str) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "mails"
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True)
    for number, message in enumerate(thread.split("\nFrom ")):
        (folder / "cur" / f"{number}:2,S").write_text(message.partition("\n")[2])
    copied = (folder / "cur" / "2:2,S").read_text() + "list footer\n"
    (folder / "new" / "copy").write_text(copied)
    [entry] = iter_ledger(folder, cache_dir=cache)
    assert entry.patches == 3
    (folder / "cur" / "3:2,S").unlink()
    (folder / "cur" / "2:2,S").unlink()
    [entry] = iter_ledger(folder, cache_dir=cache)
    assert (entry.patches, entry.missing) == (2, (3,))
    assert read_series(folder, cache_dir=cache) == read_series(folder)


def test_a_file_edited_in_place_is_read_anew(tmp_path: Path, thread: str) -> None:
    cache, path = tmp_path / "cache", write(tmp_path, thread)
    assert b"+int f2_0;" in read_series(path, cache_dir=cache).patches[1].diff
    path.write_text(thread.replace("+int f2_0;", "+int g2_0;"))
    assert b"+int g2_0;" in read_series(path, cache_dir=cache).patches[1].diff


def test_a_directory_of_patches_is_never_taken_from_the_ledger(
    tmp_path: Path, repository: Path
) -> None:
    folder, cache = tmp_path / "out", tmp_path / "cache"
    git(repository, "format-patch", "-q", "-o", str(folder), "HEAD~3")
    assert len(read_series(folder, cache_dir=cache).patches) == 3
    first = folder / "0001-mm-rmap-step-1.patch"
    first.write_text(first.read_text().replace("+int f1_0;", "+int g1_0;"))
    assert b"+int g1_0;" in read_series(folder, cache_dir=cache).patches[0].diff


def test_many_messages_are_read_by_several_processes_with_one_result(
    tmp_path: Path, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cover = msgids(thread)[0]
    replies = "".join(
        reply(cover, "[PATCH v2 0/3] a", f"No {n}.", "V <v@x.org>", f"r{n}") for n in range(400)
    )
    path = write(tmp_path, thread + "\n" + replies)
    alone = list(iter_ledger(path))
    monkeypatch.setattr("reviewer.series.digest._ALONE", 10)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    assert list(iter_ledger(path)) == alone


def test_an_interrupted_reading_goes_on_where_it_stopped(tmp_path: Path, thread: str) -> None:
    cover = msgids(thread)[0]
    replies = "".join(
        reply(cover, "[PATCH v2 0/3] a", f"No {n}.", "V <v@x.org>", f"r{n}") for n in range(1200)
    )
    path, cache = write(tmp_path, thread + "\n" + replies), tmp_path / "cache"

    def stop(number: int, origin: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(iter_ledger(path, cache_dir=cache, progress=stop))
    seen: list[int] = []
    [entry] = iter_ledger(path, cache_dir=cache, progress=lambda number, _: seen.append(number))
    assert entry.replies == 1200
    assert seen == [500]  # of 1204, 500 were kept; 704 are read now


def test_a_cache_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, thread: str) -> None:
    path = write(tmp_path, thread)
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(BadInputError, match=r"ledger cannot be opened.*--cache-dir") as told:
        list(iter_ledger(path, cache_dir=tmp_path / "file"))
    assert "\n" not in str(told.value)


def test_a_ledger_that_fails_while_it_is_read_is_said_in_one_line(
    tmp_path: Path, thread: str
) -> None:
    cache, path = tmp_path / "cache", write(tmp_path, thread)
    list(iter_ledger(path, cache_dir=cache))
    [file] = (cache / "ledger").glob("*.sqlite")
    with closing(sqlite3.connect(file)) as other:
        other.execute("DROP TABLE seen")
    with pytest.raises(BadInputError, match=r"ledger cannot be kept: no such table"):
        list(iter_ledger(path, cache_dir=cache))


def test_a_ledger_that_is_damaged_or_of_another_layout_is_made_anew(
    tmp_path: Path, thread: str
) -> None:
    cache, path = tmp_path / "cache", write(tmp_path, thread)
    assert len(list(iter_ledger(path, cache_dir=cache))) == 1
    [file] = (cache / "ledger").glob("*.sqlite")
    file.write_bytes(b"not a database" * 100)
    assert len(list(iter_ledger(path, cache_dir=cache))) == 1
