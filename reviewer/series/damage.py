"""Signs that a mail was cut off or broken on its way, so that it is not what was sent."""

from __future__ import annotations

import re

_FIELD = re.compile(
    rb"^(content-type|content-transfer-encoding):((?:.*\n(?:[ \t].*\n)*)?)",
    re.IGNORECASE | re.MULTILINE,
)
_BOUNDARY = re.compile(rb'boundary="?([^";\s]+)"?', re.IGNORECASE)
_STAT = re.compile(rb"^ (\d+) files? changed", re.MULTILINE)
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_HUNK_LINES = {b"+", b"-", b" ", b"\\", b""}
_SIGNATURE = re.compile(rb"^-- ?$", re.MULTILINE)
_INDEX = re.compile(rb"^index ([0-9a-f]+)\.\.([0-9a-f]+)", re.MULTILINE)
_WITHOUT_HUNK = re.compile(
    rb"^(?:old mode|new mode|rename to|copy to|deleted file|new file)", re.MULTILINE
)
_EMPTY_BLOB = b"e69de29"  # an empty file is made or removed without a hunk
_FILE = re.compile(rb"^diff --git ", re.MULTILINE)


def find_damage(raw: bytes, diff: bytes) -> str:
    """Say in a few words how one can see that a patch mail is not whole; empty if one cannot.

    ``raw`` is the message, ``diff`` what was read from it (empty if nothing was).
    """
    return _find_cut_encoding(raw) or _find_cut_diff(diff)


def _find_cut_encoding(raw: bytes) -> str:
    header, _, body = raw.partition(b"\n\n")
    fields = {found[1].lower(): found[2] for found in _FIELD.finditer(header + b"\n")}
    kind = fields.get(b"content-type", b"")
    encoding = fields.get(b"content-transfer-encoding", b"").strip().lower()
    boundary = _BOUNDARY.search(kind)
    if kind.strip().lower().startswith(b"multipart/") and boundary:
        closed = b"--" + boundary[1] + b"--" in body
        return "" if closed else "its last MIME part is not closed"
    if encoding == b"base64" and len(re.sub(rb"[^A-Za-z0-9+/=]", b"", body)) % 4:
        return "its base64 ends within a group"
    if encoding == b"quoted-printable" and re.search(rb"=[0-9A-Fa-f]?\Z", body):
        return "its quoted-printable text ends within a line"
    return ""


def _find_cut_diff(diff: bytes) -> str:
    broken = find_hunk_damage(diff)
    if broken:
        return broken
    *_, last = _FILE.split(diff)
    if len(last) < len(diff) and _lacks_hunk(last):
        path = last.partition(b"\n")[0].decode("utf-8", "replace")
        return f"its diff ends before the first hunk of {path}"
    stat = _STAT.search(diff)
    files = len(_FILE.findall(diff))
    if stat and files and files < int(stat[1]) and not _SIGNATURE.search(diff):
        return f"its diff has {files} of the {int(stat[1])} files its diffstat names"
    return ""


def _lacks_hunk(section: bytes) -> bool:
    """Say whether the lines behind one ``diff --git`` announce a change and do not hold it."""
    if b"\n@@ -" in section or b"\nBinary files " in section or b"\nGIT binary patch" in section:
        return False
    index = _INDEX.search(section)
    if index is None:
        return _WITHOUT_HUNK.search(section) is None
    return index[1] != index[2] and not (index[1] + index[2]).strip(b"0").startswith(_EMPTY_BLOB)


def find_hunk_damage(diff: bytes) -> str:
    """Say in which file's hunk the diff ends or goes wrong, or an empty text if all are whole.

    Counts lines as ``git apply`` does, to which an empty line is an empty context line.
    """
    path, old, new = "", 0, 0
    for line in diff.split(b"\n")[: -1 if diff.endswith(b"\n") else None]:
        if old <= 0 and new <= 0:
            head = _HUNK.match(line)
            if head:
                old, new = (int(part) if part is not None else 1 for part in head.groups())
            elif line.startswith(b"+++ "):
                path = line[4:].decode("utf-8", "replace").removeprefix("b/").strip()
        elif line[:1] not in _HUNK_LINES:
            text = line[:40].decode("utf-8", "replace")
            return f"a hunk of {path} is broken by the line {text!r}"
        else:
            old -= line[:1] in {b"-", b" ", b""}
            new -= line[:1] in {b"+", b" ", b""}
    short = max(old, new)
    return f"its diff ends inside a hunk of {path}, {short} lines short" if short > 0 else ""
