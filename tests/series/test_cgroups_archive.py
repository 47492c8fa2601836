"""A public-inbox archive of years: the cgroups list, 36,148 messages up to July 2026.

``MM_REVIEWER_CGROUPS`` names its git repository (on GitHub:
linux-mailinglist-archives/cgroups.vger.kernel.org.0). Nothing of it is kept here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.series.archive import iter_raw
from reviewer.series.listing import LedgerFilter, SeriesEntry
from reviewer.series.message import parse_mail
from reviewer.series.read import iter_ledger, open_ledger, read_series

pytestmark = pytest.mark.peer

MESSAGES = 36_148
LEDGER = """
import resource, sys, time
from pathlib import Path
from reviewer.series.read import iter_ledger
begun = time.monotonic()
read = []
count = sum(1 for _ in iter_ledger(
    Path(sys.argv[1]), cache_dir=Path(sys.argv[2]), progress=lambda n, _: read.append(n) or
    print(n, file=sys.stderr, flush=True)))
kilobytes = max(resource.getrusage(who).ru_maxrss
                for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(count, time.monotonic() - begun, kilobytes, max(read, default=0))
"""


@pytest.fixture(scope="module")
def archive() -> Path:
    given = os.environ.get("MM_REVIEWER_CGROUPS")
    if not given:
        pytest.skip("MM_REVIEWER_CGROUPS names no archive: run make test-kernel")
    assert Path(given).is_dir(), f"MM_REVIEWER_CGROUPS={given} is no directory"
    return Path(given)


def run_ledger(archive: Path, cache: Path) -> tuple[int, float, int, int]:
    """Read the ledger in a process of its own: series, seconds, kilobytes, messages read."""
    command = [sys.executable, "-c", LEDGER, str(archive), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    series, seconds, kilobytes, read = done.stdout.split()
    return int(series), float(seconds), int(kilobytes), int(read)


@pytest.fixture(scope="module")
def cold(
    archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, tuple[int, float, int, int]]]:
    cache = tmp_path_factory.mktemp("cache")
    yield cache, run_ledger(archive, cache)


@pytest.fixture(scope="module")
def entries(
    archive: Path, cold: tuple[Path, tuple[int, float, int, int]]
) -> tuple[SeriesEntry, ...]:
    return tuple(iter_ledger(archive, cache_dir=cold[0]))


def test_a_cold_ledger_takes_less_than_a_minute_and_a_gigabyte(
    cold: tuple[Path, tuple[int, float, int, int]],
) -> None:
    _, (series, seconds, kilobytes, read) = cold
    assert series > 3_000 and read > MESSAGES - 500
    assert kilobytes < 1 << 20
    load = os.getloadavg()[0]
    if load > 2.5:
        pytest.skip(f"the machine is busy (load {load:.1f}); the ledger took {seconds:.0f} s")
    assert seconds < 60


def test_a_second_run_reads_no_message_again(
    archive: Path, cold: tuple[Path, tuple[int, float, int, int]]
) -> None:
    cache, (series, *_) = cold
    again, _seconds, _, read = run_ledger(archive, cache)
    assert (again, read) == (series, 0)


def test_a_killed_run_goes_on_where_it_stopped(
    archive: Path, entries: tuple[SeriesEntry, ...], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", LEDGER, str(archive), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().isdigit() and int(line) >= 5_000:
                process.send_signal(signal.SIGKILL)
                break
    time.sleep(0.2)
    series, _, _, read = run_ledger(archive, tmp_path)
    assert series == len(entries)
    assert read <= MESSAGES - 4_500
    assert tuple(iter_ledger(archive, cache_dir=tmp_path)) == entries


@pytest.mark.parametrize(
    ("title", "revision", "rfc", "stem", "count"),
    [
        ("MM owner tracking for large folios", 3, False, "20250303163014.1128035-", 20),
        ("mm/rmap: support arbitrary folio mappings", 1, True, "20260412-mapcount-v1-", 13),
    ],
)
def test_the_two_series_on_mapcounts_come_out_whole(
    archive: Path,
    cold: tuple[Path, tuple[int, float, int, int]],
    title: str,
    revision: int,
    rfc: bool,
    stem: str,
    count: int,
) -> None:
    series = read_series(archive, series=title, cache_dir=cold[0])
    assert (series.revision, series.rfc, series.expected) == (revision, rfc, count)
    assert series.missing == () and series.cover is not None
    assert [patch.counter for patch in series.patches] == list(range(1, count + 1))
    assert all(patch.mail.msgid.startswith(stem) for patch in series.patches)
    answers = set()
    for message in iter_raw(archive):
        if stem.encode() in message.data.partition(b"\n\n")[0]:
            answers.add(parse_mail(message.data).msgid)
    own = {series.cover.msgid, *(patch.mail.msgid for patch in series.patches)}
    assert {mail.msgid for mail in series.followups} == answers - own


def test_each_patch_is_in_one_series_and_each_series_says_why(
    archive: Path, cold: tuple[Path, tuple[int, float, int, int]]
) -> None:
    ledger = open_ledger(archive, cache_dir=cold[0])
    slots = Counter(key for group, _ in ledger.iter_groups() for _, key in group.slots)
    ledger.store.close()
    assert max(slots.values()) == 1


def test_the_ledger_of_the_list(entries: tuple[SeriesEntry, ...], archive: Path) -> None:
    assert all(entry.grouped_because and entry.msgid for entry in entries)
    alone = [entry for entry in entries if not entry.patches]
    assert len(alone) < 20, "covers parted from their patches"
    incomplete = sum(not entry.complete for entry in entries)
    assert incomplete < len(entries) * 0.08
    wanted = LedgerFilter(author="david@redhat.com", touching="include/linux/rmap.h")
    shown = [entry for entry in entries if wanted.accepts(entry)]
    assert {entry.revision for entry in shown if "owner tracking" in entry.title} == {1, 2, 3}
