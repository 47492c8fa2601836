"""What a kernel list would object to in a reviewer's mail, line by line.

Errors are what lists and their readers refuse: a reply that threads nowhere, HTML, top
posting, an attachment, a tag given by a tool. The rest of the customs are warnings, because
a good part of the people there breaks each of them now and then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import getaddresses
from enum import StrEnum
from itertools import groupby, pairwise

from reviewer.model.series import Mail
from reviewer.report.lintmail import BodyLine, LineKind, LintMail, read_mail

WIDTH = 75  # columns of own prose a warning starts at; drafts of ours stay within 72
LONGEST = 998  # RFC 5322 2.1.1
OWN_LINES = 10  # of one answer
QUOTED_RUN = 40  # lines quoted in one piece


class Level(StrEnum):
    """How hard a list objects."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class LintLine:
    """One objection. ``line`` counts from 1 in the file (see ``BodyLine.number``)."""

    line: int
    level: Level
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.line}: {self.level}: {self.message} [{self.rule}]"


_MESSAGE = re.compile(rb"(?:\A|\n\r?\n)(From [^\n]*\n)(?=[!-9;-~]+:)")

Check = Callable[[LintMail], Iterator[LintLine]]


def lint_draft(raw: bytes, *, parent: Mail | None = None) -> tuple[LintLine, ...]:
    """Return the objections to one message, in the order of its lines.

    With ``parent``, the mail it answers, subject, threading and quotes are held against it.
    """
    mail = read_mail(raw)
    found = [line for check in _CHECKS for line in check(mail)]
    if parent is not None:
        found += _against_parent(mail, parent)
    return tuple(sorted(found))


def lint_file(raw: bytes) -> tuple[LintLine, ...]:
    """Return the objections to every message of a file, an mbox or a single mail.

    An empty file is what drafts are when there is nothing to say, and has none.
    """
    if not raw.strip():
        return ()
    if not raw.startswith(b"From "):
        return lint_draft(raw)
    found: list[LintLine] = []
    begins = [match.start(1) for match in _MESSAGE.finditer(raw)]
    for begin, end in pairwise((*begins, len(raw))):
        above = raw.count(b"\n", 0, begin)
        found += [replace(x, line=x.line + above) for x in lint_draft(raw[begin:end])]
    return tuple(found)


def _error(line: int, rule: str, message: str) -> LintLine:
    return LintLine(line, Level.ERROR, rule, message)


def _warning(line: int, rule: str, message: str) -> LintLine:
    return LintLine(line, Level.WARNING, rule, message)


# ---- headers ---------------------------------------------------------------------------


def _threading(mail: LintMail) -> Iterator[LintLine]:
    parent, chain = mail.header("In-Reply-To"), mail.header("References")
    if not parent and not chain:
        yield _error(mail.first_line, "no-in-reply-to", "answers no mail: it will not thread")
    elif not parent:
        yield _warning(mail.line_of("References"), "no-in-reply-to", "In-Reply-To is missing")
    elif not chain:
        yield _warning(mail.line_of("In-Reply-To"), "no-references", "References is missing")
    elif parent.split()[0] not in chain:
        yield _warning(
            mail.line_of("References"), "broken-references", "References lack the mail answered"
        )


def _subject(mail: LintMail) -> Iterator[LintLine]:
    subject = mail.header("Subject")
    if not subject:
        yield _error(mail.first_line, "no-subject", "there is no subject")
    elif not re.match(r"(?i)(re|aw|sv|antw|回复)\s*:|=\?", subject):
        yield _warning(mail.line_of("Subject"), "subject-not-re", "a reply's subject begins Re:")
    elif re.match(r"(?i)re:\s*re:", subject):
        yield _warning(mail.line_of("Subject"), "subject-not-re", "Re: stands twice")


def _recipients(mail: LintMail) -> Iterator[LintLine]:
    fields = [str(v) for name in ("To", "Cc") for v in mail.message.get_all(name, [])]
    people = {address for _, address in getaddresses(fields) if "@" in address}
    if not people:
        yield _error(mail.first_line, "no-recipient", "nobody is addressed")
    elif len(people) == 1:
        yield _warning(mail.line_of("To"), "not-to-all", "reply to all: author, Cc and lists")
    if any("devnull+" in person for person in people):
        yield _warning(mail.line_of("To"), "to-relay", "goes to a relay, not to its author")


def _headers(mail: LintMail) -> Iterator[LintLine]:
    for name in ("From", "Subject", "Message-ID", "In-Reply-To", "References", "To", "Cc"):
        if len(mail.message.get_all(name, [])) > 1:
            yield _error(mail.line_of(name), "repeated-header", f"{name} stands more than once")
    if not mail.header("From"):
        yield _error(mail.first_line, "no-from", "there is no From")


def _form(mail: LintMail) -> Iterator[LintLine]:
    types = [p.get_content_type() for p in mail.message.walk() if not p.is_multipart()]
    where = mail.line_of("Content-Type")
    if "text/html" in types:
        yield _error(where, "html", "holds HTML: lists take text/plain only")
    others = set(types) - {"text/plain", "text/html", "application/pgp-signature"}
    if others or types.count("text/plain") > 1:
        yield _warning(where, "attachment", "holds an attachment: quote and answer inline")
    if str(mail.message.get_param("format", "")).lower() == "flowed":
        yield _warning(where, "format-flowed", "format=flowed re-wraps code and quotes")
    encoding = mail.header("Content-Transfer-Encoding").lower()
    if encoding in ("base64", "quoted-printable"):
        yield _warning(
            mail.line_of("Content-Transfer-Encoding"), "encoding", f"{encoding}: use 7bit or 8bit"
        )
    if b"\0" in mail.raw:
        yield _error(mail.first_line, "nul", "holds a NUL byte")


# ---- body ------------------------------------------------------------------------------


def _order(mail: LintMail) -> Iterator[LintLine]:
    """Quotes first, answers below them, nothing quoted after the last answer."""
    content = [x for x in mail.lines if x.kind not in (LineKind.BLANK, LineKind.SIGNATURE)]
    quotes = [i for i, x in enumerate(content) if x.kind is LineKind.QUOTE]
    if not quotes:
        if content:
            yield _warning(content[0].number, "no-quote", "quotes nothing of what it answers")
        return
    own = [i for i, x in enumerate(content) if x.kind in (LineKind.OWN, LineKind.VERBATIM)]
    if not own:
        yield _error(content[0].number, "no-answer", "quotes and says nothing")
        return
    if own[-1] < quotes[0] and quotes[0] - own[0] > 1:
        yield _error(content[own[0]].number, "top-posted", "the answer stands above all it quotes")
    elif quotes[-1] > own[-1]:
        line = content[next(i for i in quotes if i > own[-1])].number
        yield _warning(line, "trailing-quote", "quoted after the last answer: cut it")
    if not any(x.kind is LineKind.ATTRIBUTION for x in content):
        yield _warning(
            content[quotes[0]].number, "no-attribution", "who wrote the quote is not said"
        )


def _lengths(mail: LintMail) -> Iterator[LintLine]:
    for line in mail.lines:
        if len(line.text.encode("utf-8", "replace")) > LONGEST:
            yield _error(line.number, "line-too-long", f"over {LONGEST} bytes: servers cut it")
        elif line.kind is LineKind.OWN and len(line.text) > WIDTH:
            yield _warning(line.number, "wide", f"{len(line.text)} columns of own text")


def _amount(mail: LintMail) -> Iterator[LintLine]:
    for kind, group in groupby(_content(mail), key=_is_own):
        lines = list(group)
        if kind and len(lines) > OWN_LINES:
            yield _warning(lines[0].number, "long-answer", f"{len(lines)} own lines in one answer")
    for kind, group in groupby(mail.lines, key=lambda x: x.kind):
        run = list(group)
        if kind is LineKind.QUOTE and len(run) > QUOTED_RUN:
            yield _warning(run[0].number, "untrimmed", f"{len(run)} lines quoted in one piece")


def _content(mail: LintMail) -> Iterator[BodyLine]:
    skipped = (LineKind.BLANK, LineKind.SIGNATURE, LineKind.ATTRIBUTION)
    return (line for line in mail.lines if line.kind not in skipped)


def _is_own(line: BodyLine) -> bool:
    return line.kind is not LineKind.QUOTE


_MARKUP = re.compile(r"^(```|#{1,4} |\*\*[^*]+\*\*)|\*\*[^*\s][^*]*\*\*|\[[^\]]+\]\(https?:")
_LINE_NUMBER = re.compile(r"\b[\w./-]+\.[chS]:\d+\b|\b(?:at|on) line \d+\b")
_NOTHING = re.compile(
    r"(?i)\bno (?:new )?(?:issues?|problems?|bugs?|regressions?) (?:were )?found\b"
)
_LEGAL = re.compile(r"(?i)\b(intended recipient|confidential(ity)? notice|privileged and conf)")


def _style(mail: LintMail) -> Iterator[LintLine]:
    said = set()
    for line in mail.lines:
        if line.kind is LineKind.QUOTE or line.kind is LineKind.ATTRIBUTION:
            continue
        for pattern, rule, message in (
            (_MARKUP, "markup", "Markdown: lists read plain text"),
            (_LINE_NUMBER, "line-number", "name the function, not a line number"),
            (_NOTHING, "nothing-to-say", "says that there is nothing to say: send nothing"),
        ):
            if pattern.search(line.text) and rule not in said and "BUG" not in line.text:
                said.add(rule)
                yield _warning(line.number, rule, message)
        if _LEGAL.search(line.text):
            yield _error(line.number, "legal-footer", "a confidentiality notice on a public list")
        if "\x1b" in line.text:
            yield _error(line.number, "escape", "holds a terminal escape sequence")


_TOOL = re.compile(
    r"(?i)\bbot\b|robot|syzbot|noreply|no-reply|mm-review@|\.mm-review@|sashiko|gemini"
)
_TAG = re.compile(r"(Reviewed|Acked|Signed-off|Tested)-by: ")


def is_tool(mail: LintMail) -> bool:
    """Say whether the headers tell of a program's mail."""
    return any(_TOOL.search(mail.header(name)) for name in ("From", "Message-ID", "X-Mailer"))


def _tool_manners(mail: LintMail) -> Iterator[LintLine]:
    """Ask of a tool on top: no tags, a question, "unverified" without a proof."""
    own = mail.own()
    if not is_tool(mail) or not own:
        return
    for line in own:
        if _TAG.match(line.text.strip()):
            yield _error(line.number, "tool-tag", "a tool gives no tags")
    text = "\n".join(line.text for line in own)
    if "?" not in text:
        yield _warning(own[0].number, "no-question", "asks nothing")
    proof = re.search(r"(?i)unverified|reproduc|replay|CPU ?0|kernel BUG|Call Trace", text)
    if proof is None:
        yield _warning(own[0].number, "no-proof", 'neither a reproduction nor "unverified"')
    if "->" not in text and not re.search(r"\w\(\)", text):
        yield _warning(own[0].number, "no-path", "names no function and no call chain")


_CHECKS: tuple[Check, ...] = (
    _threading,
    _subject,
    _recipients,
    _headers,
    _form,
    _order,
    _lengths,
    _amount,
    _style,
    _tool_manners,
)


def _against_parent(mail: LintMail, parent: Mail) -> Iterator[LintLine]:
    """Hold the reply against the mail it answers."""
    if f"<{parent.msgid}>" not in mail.header("In-Reply-To"):
        yield _error(mail.line_of("In-Reply-To"), "other-parent", "answers another mail")
    originals = {line.rstrip() for line in parent.body.split("\n")}
    for line in mail.lines:
        text = line.text[1:].removeprefix(" ").rstrip()
        if line.kind is LineKind.QUOTE and not text.startswith(">") and text not in originals:
            yield _warning(line.number, "altered-quote", "not a line of the mail answered")
