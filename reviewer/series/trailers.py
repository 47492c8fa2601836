"""Trailers of a commit message and of replies, and what a mail says of the series' base.

The block at the end of a commit message is found as ``git interpret-trailers`` finds it; in a
reply a trailer may stand anywhere outside a quote. No thread is known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parseaddr

from reviewer.model.series import Trailer

_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:\s*(.*)")
_GIT_MADE = re.compile(r"Signed-off-by: |\(cherry picked from commit ")
_DIVIDER = re.compile(r"---(?:\s|$)")
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*-(?:by|off-by)", re.IGNORECASE)
_FOLLOWUP = re.compile(r"([A-Z][A-Za-z0-9-]*-by|Fixes|Cc|Link|Closes)[ \t]*:[ \t]*(\S.*)")
_FIXES = re.compile(r"(?:commit )?[0-9a-f]{8,40}\b")
_STABLE = re.compile(r"<?stable@(?:vger\.)?kernel\.org>?")
_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_MAILTO = re.compile(r"<mailto:[^<>]*>")  # left by mailers that make text of HTML
_SIGNATURE = re.compile(r"-- ?$")
_BASE = re.compile(
    r"(base-commit|change-id|prerequisite-patch-id|prerequisite-message-id"
    r"|prerequisite-change-id)[ \t]*:[ \t]*(\S+)",
    re.IGNORECASE,
)
_SHA = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """What the foot of a mail says of where the series starts.

    ``prerequisites`` are whole lines ("prerequisite-patch-id: 1f2e..."), in order.
    """

    base_commit: str = ""
    change_id: str = ""
    prerequisites: tuple[str, ...] = ()


def parse_trailers(message: str, msgid: str = "") -> tuple[Trailer, ...]:
    """Read the trailer block of a commit message: its last paragraph, by git's rules.

    It counts when every line is a trailer or a continuation, or when it holds one that git
    makes (Signed-off-by) and at least a quarter of its lines are trailers.
    """
    lines = message.rstrip().split("\n")
    for index, line in enumerate(lines):
        if _DIVIDER.match(line):
            lines = lines[:index]
            break
    while lines and not lines[-1].strip():
        lines.pop()
    start = len(lines)
    while start and lines[start - 1].strip():
        start -= 1
    block = lines[start:]
    return _read_block(block, msgid) if _is_block(block) else ()


def _is_block(block: list[str]) -> bool:
    trailers = others = 0
    made = False
    before = ""
    for line in block:
        if _GIT_MADE.match(line):
            made, before = True, "trailer"
            trailers += 1
        elif line[:1].isspace() and before:
            others += before == "other"
        elif _TRAILER.match(line):
            trailers, before = trailers + 1, "trailer"
        else:
            others, before = others + 1, "other"
    return trailers > 0 and (others == 0 or (made and trailers * 3 >= others))


def _read_block(block: list[str], msgid: str) -> tuple[Trailer, ...]:
    found: list[Trailer] = []
    for line in block:
        if line[:1].isspace() and found:
            joined = f"{found[-1].value} {line.strip()}".strip()
            found[-1] = Trailer(found[-1].key, joined, msgid)
        elif match := _TRAILER.match(line):
            found.append(Trailer(match[1], match[2].strip(), msgid))
    return tuple(found)


def parse_followup_trailers(body: str, msgid: str = "") -> tuple[Trailer, ...]:
    """Read the trailers a reply gives: own lines only, up to the signature.

    ``-by`` lines must name an address; Fixes a commit; Cc only the stable list, so that an
    attribution or a quoted header is not taken for a trailer; Link and Closes a web page, behind
    a trailer that counts. An address wrapped onto the next line is joined.
    """
    found: list[Trailer] = []
    lines = body.split("\n")
    for index, line in enumerate(lines):
        if _SIGNATURE.fullmatch(line) or line.startswith("diff --git "):
            break
        match = _FOLLOWUP.match(line.strip() if line[:1] != ">" else "")
        if match is None:
            continue
        key, value = match[1], _MAILTO.sub("", match[2]).strip()
        if key.lower().endswith("-by") and not _ADDRESS.search(value):
            after = lines[index + 1].strip() if index + 1 < len(lines) else ""
            value = f"{value} {after}" if re.fullmatch(r"<[^<>\s]+@[^<>\s]+>", after) else ""
        before = lines[index - 1].strip() if index else ""
        behind = bool(found) and before.startswith(f"{found[-1].key}:")
        if value and _counts(key.lower(), value, behind=behind):
            found.append(Trailer(key, value, msgid))
    return tuple(dict.fromkeys(found))


def _counts(key: str, value: str, *, behind: bool) -> bool:
    if key.endswith("-by"):
        return True
    if key == "fixes":
        return _FIXES.match(value) is not None
    if key in {"link", "closes"}:
        return behind and value.startswith(("https://", "http://"))
    return _STABLE.search(value) is not None


def is_person_trailer(trailer: Trailer) -> bool:
    """Say whether the trailer is someone's word (Reviewed-by), which only they can give."""
    return _PERSON.fullmatch(trailer.key) is not None


def trailer_matches(trailer: Trailer, author: str) -> bool:
    """Say whether the one a trailer names is the one who sent it.

    The address must be the same (case, ``+tag`` and one subdomain aside) or the name ("Last,
    First" too). A trailer that names nobody (Fixes) matches anyone.
    """
    if not is_person_trailer(trailer):
        return True
    name, address = split_address(trailer.value)
    from_name, from_address = split_address(author)
    return _same_address(address, from_address) or _same_name(name, from_name)


def _same_address(one: str, other: str) -> bool:
    """Say whether two addresses are one mailbox: a ``+tag`` and one subdomain do not count."""
    if not one or not other:
        return False
    local, domain = _bare(one)
    other_local, other_domain = _bare(other)
    if local != other_local:
        return False
    longer, shorter = sorted((domain, other_domain), key=len, reverse=True)
    parts, fewer = longer.split("."), shorter.split(".")
    return parts == fewer or (parts[1:] == fewer and len(fewer) > 1)


def _same_name(one: str, other: str) -> bool:
    """Say whether two names are one person's; "Last, First" leaves out what is between."""
    words, commas = _name_words(one)
    other_words, other_commas = _name_words(other)
    if not words or not other_words:
        return False
    if commas == other_commas:
        return words == other_words
    listed, whole = (words, other_words) if commas else (other_words, words)
    return len(listed) > 1 and set(listed) <= set(whole)


def split_address(text: str) -> tuple[str, str]:
    """Split ``Name <a@b> # note`` into name and lower-case address; either may be empty."""
    found = re.match(r"\s*(.*?)\s*<([^<>\s]+)>", text)
    if found:
        name, address = found[1].strip("\"' "), found[2]
    else:
        name, address = parseaddr(text)
        if "@" not in address:
            bare = _ADDRESS.search(text)
            name, address = (name or text.strip()), (bare.group() if bare else "")
    return name, address.lower()


def _bare(address: str) -> tuple[str, str]:
    local, _, domain = address.lower().partition("@")
    return local.partition("+")[0], domain


def _name_words(name: str) -> tuple[list[str], bool]:
    """Fold a name to its words, "(company)" and " via list" dropped; say if it has a comma."""
    name = re.sub(r"\(.*?\)|\bvia\b.*", "", name.casefold())
    return re.findall(r"\w+", name), "," in name


def parse_base(body: str) -> BaseInfo:
    """Read base-commit, change-id and prerequisites from a mail's own (unquoted) lines."""
    base = change = ""
    prerequisites: list[str] = []
    for found in re.finditer(_BASE.pattern, _own_lines(body), re.IGNORECASE | re.MULTILINE):
        key, value = found[1].lower(), found[2]
        if key.startswith("base"):
            base = base or (value.lower() if _SHA.fullmatch(value) else "")
        elif key == "change-id":
            change = change or value
        else:
            prerequisites.append(f"{key}: {value.strip('<>')}")
    return BaseInfo(base, change, tuple(dict.fromkeys(prerequisites)))


def _own_lines(body: str) -> str:
    marks = ("base-", "change-id", "prerequisite-")
    return "\n".join(line for line in body.split("\n") if line.lower().startswith(marks))
