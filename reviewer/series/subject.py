"""What a subject line says of its mail: ``Re: [PATCH mm-unstable v3 02/10] mm: ...``.

A pure function from text to a frozen value; it knows no thread and no diff. The forms are
those people send: glued (``PATCHv12 26/37``, ``PATCH1/8``), in the other order (``v3 PATCH``),
with commas (``v6,19/24``), in words (``3 of 7``), with a point revision (``v5.1 10/12``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNKNOWN_EXPECTED = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject line, read.

    ``title`` is what git would keep as the commit's first line. ``tagged`` says that a bracket
    holds the word PATCH (or PATCHSET, RFC with a counter, ...). ``counter``/``expected`` are the
    n and m of n/m; both 1 without numbers; ``expected`` is UNKNOWN_EXPECTED where a cover does not
    say (``[PATCHSET]``, ``0/n``). ``point`` is the 1 of v5.1 or the letter of v4a (a = 1).
    ``fixup`` says that a bracket holds fix or update (or that 3a/7 is no slot of its own),
    ``fix_title`` that the title has the form of a fix to another patch (``mm-a-b-fix``).
    ``prefixes`` are the other words of the brackets as written (``mm-unstable``, a list's tag).
    """

    title: str
    reply: bool = False
    forward: bool = False
    tagged: bool = False
    numbered: bool = False
    counter: int = 1
    expected: int = 1
    revision: int = 1
    point: int = 0
    revision_given: bool = False
    rfc: bool = False
    resend: bool = False
    fixup: bool = False
    fix_title: bool = False
    pull: bool = False
    prefixes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The title in a form two spellings of it share: case, blanks and marks at the end."""
        return title_key(self.title)


_REPLY = re.compile(
    r"(?:re|aw|sv|vs|ref|odp|antw(?:ort)?|rép|回复|答复|回覆)\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*[:\uff1a]\s*",
    re.IGNORECASE,
)
_FOREIGN = re.compile(r"[^\s:\[\]\uff1a]{1,14}\s*[:\uff1a]\s*(?=\[)")
_FORWARD = re.compile(r"(?:fwd?|wg|tr|转发)\s*[:\uff1a]\s*", re.IGNORECASE)
_BRACKET = re.compile(r"\[+([^\[\]]*)\]+\s*:?\s*")
_UNBRACKETED = re.compile(
    r"((?:RFC\s*|RESEND\s*|v\d+\s*)*PATCH(?:\s*v\d+(?:\.\d+)?)?[\s,]*\d+\s*(?:/|of)\s*\d+)\s*[\]:\-]?\s+",
    re.IGNORECASE,
)
_UNCLOSED = re.compile(r"\[((?:RFC |RESEND )*PATCH[^\]\[:]*?\d+/\d+)\s+", re.IGNORECASE)
_AFTER = re.compile(r"\(?(\d{1,4}/\d{1,4})\)?\s*(?:[:\-\u2013]\s+|\s)")
_WORD = r"PATCH(?:SET|ES|SERIES)?|RFC|RFT|RESEND|REPOST|RESENT"
_GLUED = re.compile(rf"\b({_WORD})[-_/+]?(?=(?:{_WORD}|v\d|\d+\s*/|#\d))", re.IGNORECASE)
_TAIL = re.compile(rf"(\d)[-_/]?(?=(?:{_WORD})\b)", re.IGNORECASE)
_COUNT_WORDS = re.compile(r"\b(\d+)[\s-]*of[\s-]*(\d+)\b", re.IGNORECASE)
_COUNT_BLANKS = re.compile(r"(?<![\d/])(\d+|[nx])\s*[/\\]\s*(\d+|[nmx])(?![\d/\w])", re.IGNORECASE)
_COUNT = re.compile(r"(\d+|[nx])/(\d+|[nmx])", re.IGNORECASE)
_COUNT_LETTER = re.compile(r"(\d+)([a-z]|\.\d+)/(\d+)", re.IGNORECASE)
_REVISION_BLANK = re.compile(
    r"(?<![\w.-])(v|ver|version|rev|revision|take)[\s.#]+(\d+)(?![\d/.\w])", re.IGNORECASE
)
_REVISION = re.compile(
    r"-?(?:v|ver|version|rev|take)\.?(\d+)(?:\.(\d+)|([a-z]))?[.+']?", re.IGNORECASE
)
_PATCH_WORD = re.compile(r"\W*(?:PATCH(?:SET|ES|SERIES)?|PATH)\W*", re.IGNORECASE)
_SET_WORD = re.compile(r"PATCH(?:SET|SERIES)", re.IGNORECASE)
_RFC_WORD = re.compile(r"\W*RF[CTD]\W*", re.IGNORECASE)
_RESEND_WORD = re.compile(
    r"\W*(?:RE-?SEND|RE-?SENT|RE-?POST|RESUBMIT)(?:ING)?[#\d]*\W*", re.IGNORECASE
)
_FIX_WORD = re.compile(r"(?:hot)?fix-?(?:up)?s?(?:-?\d+)?|update[d]?", re.IGNORECASE)
_PULL_WORD = re.compile(r"(?:GIT-?)?PULL", re.IGNORECASE)
_GLUED_PREFIX = re.compile(r"(PATCH|RFC)[-/_](\w\S*)", re.IGNORECASE)
_FIX_TITLE = re.compile(
    r"(?:fixup|squash|amend)!\s|.*-fix(?:-?\d+)?(?:-fix)*(?:\.patch)?\s*$"
    r"|.*\S \(fix(?:up)?(?: \d+)?\)$",
    re.IGNORECASE,
)
_MAX_COUNT = 9999
_KERNEL_MINOR = 10  # v5.10 names a stable kernel; no one sends a tenth point revision


@dataclass(slots=True)
class _Words:
    """What the brackets read so far have said."""

    tagged: bool = False
    set_word: bool = False
    counter: int | None = None
    expected: int = UNKNOWN_EXPECTED
    revision: int | None = None
    point: int = 0
    rfc: bool = False
    resend: bool = False
    fixup: bool = False
    pull: bool = False
    prefixes: tuple[str, ...] = ()


def title_key(title: str) -> str:
    """Fold a title so that a resend typed anew compares equal."""
    return " ".join(title.casefold().split()).rstrip(".!: ")


def parse_subject(text: str) -> Subject:
    """Read a decoded, unfolded subject line. Any text gives a value; nothing is raised."""
    rest = " ".join(text.split())
    words = _Words()
    reply = forward = False
    while True:
        if found := _REPLY.match(rest):
            reply = True
        elif found := _FORWARD.match(rest):
            forward = True
        elif found := _FOREIGN.match(rest):
            reply = True  # a word of some language before the bracket; a subsystem stands after
        elif found := _find_words(rest, words):
            _read_bracket(found.group(1), words)
        else:
            break
        rest = rest[found.end() :]
    return _subject(rest.strip(), words, reply=reply, forward=forward)


def _find_words(rest: str, words: _Words) -> re.Match[str] | None:
    """Find a bracket, a lone PATCH n/m, or the count that follows a bracket without one."""
    found = _BRACKET.match(rest) or _UNCLOSED.match(rest) or _UNBRACKETED.match(rest)
    if found is None and words.tagged and words.counter is None:
        found = _AFTER.match(rest)
    return found


def _subject(title: str, words: _Words, *, reply: bool, forward: bool) -> Subject:
    numbered = words.counter is not None
    counter = words.counter if words.counter is not None else 1
    expected = words.expected if numbered else 1
    if words.set_word and not numbered:
        counter, expected = 0, UNKNOWN_EXPECTED
    alone = not words.prefixes or words.rfc or words.revision is not None
    return Subject(
        title=title,
        reply=reply,
        forward=forward,
        tagged=words.tagged or (numbered and alone),
        numbered=numbered or words.set_word,
        counter=counter,
        expected=expected,
        revision=words.revision if words.revision is not None else 1,
        point=words.point,
        revision_given=words.revision is not None,
        rfc=words.rfc,
        resend=words.resend,
        fixup=words.fixup,
        fix_title=_FIX_TITLE.match(title) is not None,
        pull=words.pull,
        prefixes=words.prefixes,
    )


def _read_bracket(content: str, words: _Words) -> None:
    text = _COUNT_WORDS.sub(r"\1/\2", content)
    text = _COUNT_BLANKS.sub(r"\1/\2", text)
    text = _TAIL.sub(r"\1 ", _GLUED.sub(r"\1 ", text))
    text = _REVISION_BLANK.sub(r"v\2", text)
    for token in re.split(r"[\s,;:|]+", text):
        if token and not _read_count(token, words) and not _read_revision(token, words):
            _read_word(token, words)


def _read_count(token: str, words: _Words) -> bool:
    token = token.strip("()-#.")
    if found := _COUNT_LETTER.fullmatch(token):
        # "3a/7" is put between 3 and 4: it changes patch 3, it is not a slot of its own
        counter, expected = int(found[1]), int(found[3])
        words.fixup = True
    elif found := _COUNT.fullmatch(token):
        counter = int(found[1]) if found[1].isdigit() else 0
        expected = int(found[2]) if found[2].isdigit() else UNKNOWN_EXPECTED
        if not found[1].isdigit() and expected:
            return False
    else:
        # "v2-1/3" and "v2.1/3": a revision glued to the count
        if found := re.fullmatch(r"(v\d+)[-.]?(?<=[-.])(\d+/\d+)", token, re.IGNORECASE):
            return _read_revision(found[1], words) and _read_count(found[2], words)
        return False
    if max(counter, expected) > _MAX_COUNT or words.counter is not None:
        return False
    if expected and counter > expected:
        return False
    words.counter, words.expected = counter, expected
    return True


def _read_revision(token: str, words: _Words) -> bool:
    found = _REVISION.fullmatch(token.strip("()"))
    if found is None:
        # "3/4v2", and "V2PATCH" of which _TAIL has cut the word off
        glued = re.fullmatch(r"(\d+/\d+)[-_.]?(v\d+)", token, re.IGNORECASE)
        return (
            glued is not None and _read_count(glued[1], words) and _read_revision(glued[2], words)
        )
    revision, minor, letter = int(found[1]), found[2], found[3]
    if revision > _MAX_COUNT or (minor is not None and int(minor) >= _KERNEL_MINOR):
        return False
    if words.revision is not None:
        if minor is not None or not words.point:
            return False
        # "v6.1 v2": a second, whole revision says that the first names a kernel
        words.prefixes += (f"v{words.revision}.{words.point}",)
    words.revision = revision
    words.point = int(minor) if minor else (ord(letter.lower()) - ord("a") + 1 if letter else 0)
    return True


def _read_word(token: str, words: _Words) -> None:
    if _PATCH_WORD.fullmatch(token):
        words.tagged = True
        words.set_word = words.set_word or _SET_WORD.search(token) is not None
    elif _RFC_WORD.fullmatch(token):
        words.rfc = True
    elif _RESEND_WORD.fullmatch(token):
        words.resend = True
    elif _PULL_WORD.fullmatch(token):
        words.pull = True
    elif _FIX_WORD.fullmatch(token):
        words.fixup = words.tagged or words.fixup
        words.prefixes += (token,)
    elif found := _GLUED_PREFIX.fullmatch(token):
        _read_word(found[1], words)
        words.prefixes += (found[2],)
    elif token not in {"-", "&", "GIT"}:
        words.prefixes += (token.strip("()") or token,)
