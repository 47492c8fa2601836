"""Fetch the public test data of other mail readers into a directory; nothing of it is committed.

Usage: ``python tests/peers/fetch_peers.py DIR``, then run the tests marked ``peer`` with
``MM_REVIEWER_PEERS=DIR``. Debian's source packages come through apt with its signatures checked,
liblore's sdist through pip. What is there already is not fetched again. For what cannot be had,
``DIR/<name>.missing`` says why, and its tests skip with that reason.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# b4's newest upstream tarball is in sid; older suites drop theirs from the mirrors.
DEBIAN = {
    "git": ("bookworm", "trixie", "sid"),
    "public-inbox": ("bookworm", "trixie", "sid"),
    "notmuch": ("bookworm", "trixie", "sid"),
    "b4": ("bookworm", "trixie", "sid"),
}
LIBLORE = "liblore==0.10.1"


def say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - progress of a script


def find_mirror() -> str:
    """Return the Debian mirror this machine's apt uses; raise OSError if it uses none."""
    wanted = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(SUITE) $(REPO_URI)"]
    done = subprocess.run(wanted, capture_output=True, text=True)
    for line in sorted(set(done.stdout.splitlines())):
        origin, suite, *uri = line.split()
        if origin == "Debian" and uri and "security" not in suite:
            return uri[0]
    raise OSError("apt knows no Debian mirror: run apt-get update")


def apt(suite: str, work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get with lists and cache of its own: the machine's are left alone."""
    lists = work / f"lists-{suite}"
    lists.mkdir(parents=True, exist_ok=True)
    source = work / f"{suite}.list"
    source.write_text(f"deb-src [signed-by={KEYRING}] {find_mirror()} {suite} main\n")
    options = {
        "Dir::Etc::SourceList": source,
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": lists,
        "Dir::Cache": work,
        "APT::Sandbox::User": "",
    }
    settings = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    return subprocess.run(
        ["apt-get", "-qq", *settings, *arguments], cwd=work, capture_output=True, text=True
    )


def fetch_debian(name: str, work: Path) -> Path:
    """Download the upstream tarball of a source package; raise OSError if no suite has it."""
    if shutil.which("apt-get") is None or not Path(KEYRING).exists():
        raise OSError("no apt-get, or no Debian keyring")
    problem = ""
    for suite in DEBIAN[name]:
        if not any((work / f"lists-{suite}").glob("*Sources*")):
            apt(suite, work, "update")
        # A part of a package may be gone from the mirror; apt has checked what did arrive.
        done = apt(suite, work, "source", "--download-only", name)
        found = sorted(work.glob(f"{name}_*.orig.tar.*z*"))
        if found:
            return found[-1]
        problem = " ".join(done.stderr.split())[:300]
    raise OSError(f"apt-get source {name}: {problem or 'no upstream tarball came'}")


def fetch_liblore(work: Path) -> Path:
    options = ("--no-deps", "--no-binary", ":all:", "-d", str(work))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", *options, LIBLORE],
        capture_output=True,
        text=True,
    )
    found = sorted(work.glob("liblore-*.tar.gz"))
    if not found:
        raise OSError(f"pip download {LIBLORE}: {' '.join(done.stderr.split())[-300:]}")
    return found[-1]


def keep_safe(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    """Leave out what would not stay in its directory: a web page's link to /usr/share."""
    try:
        return tarfile.data_filter(member, target)
    except tarfile.FilterError:
        return None


def install_liblore(target: Path) -> None:
    """Install what is measured against, with what it imports, apart from our environment."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), LIBLORE],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise OSError(f"pip install {LIBLORE}: {' '.join(done.stderr.split())[-300:]}")


def unpack(tarball: Path, target: Path) -> None:
    """Unpack into ``target`` without its top directory, whole or not at all."""
    half = target.with_name(target.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        archive.extractall(half, filter=keep_safe)
    [top] = half.iterdir()
    top.rename(target)
    half.rmdir()


def main() -> int:
    if len(sys.argv) != 2:
        say(f"usage: {sys.argv[0]} DIR")
        return 2
    root = Path(sys.argv[1]).absolute()
    work = root / "download"
    work.mkdir(parents=True, exist_ok=True)
    for name in (*DEBIAN, "liblore"):
        target, missing = root / name, root / f"{name}.missing"
        if target.is_dir():
            continue
        say(f"fetching {name} ...")
        try:
            tarball = fetch_liblore(work) if name == "liblore" else fetch_debian(name, work)
            if name == "liblore":
                install_liblore(root / "python")
            unpack(tarball, target)
            missing.unlink(missing_ok=True)
        except (OSError, tarfile.TarError, ValueError) as error:
            missing.write_text(f"{error}\n")
            say(f"{name}: {error}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
