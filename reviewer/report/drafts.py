"""Reply drafts: one mail a patch that has something to say, never sent by the program.

What is asked is asked once, below the lines it is about, with the call chain and, where a
replay reproduced it, the interleaving. Old bugs and what the series itself repairs stay out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from textwrap import wrap

from reviewer.model.errors import BadInputError
from reviewer.model.finding import Finding
from reviewer.model.review import Review
from reviewer.model.series import Mail, Patch
from reviewer.report.interleaving import render_columns, select_steps
from reviewer.report.mailtext import (
    Address,
    Draft,
    clean,
    clean_msgid,
    parse_addresses,
)
from reviewer.report.printable import printable, printable_block
from reviewer.report.quotes import Quote, find_quote
from reviewer.report.render import render_template
from reviewer.report.wording import ANSWERABLE, chain, fold_chain, reproduced, sort_findings

WIDTH = 72
TABLE_WIDTH = 78
OWN_LINES = 10  # a finding; blank lines and quotes not counted
_INTRO = "A replay of this path in the patched tree ends like this:"
_UNVERIFIED = "(Unverified: found by reading the code, not reproduced.)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a draft says of one finding, as lines; ``quote`` with its ``>`` marks."""

    quote: tuple[str, ...]
    question: tuple[str, ...]
    path: tuple[str, ...]
    proof: tuple[str, ...]


def draft_mails(
    review: Review, *, sender: str, template_dir: Path | None = None
) -> tuple[Draft, ...]:
    """Return a reply for each patch with a finding it answers for that is there at the end.

    ``sender`` is who will send them ("Name <a@b>"). ``template_dir`` may hold a
    ``draft.txt.j2`` of the user's. Nothing to say is no draft.

    Raises:
        BadInputError: ``sender`` is no mailbox, or the user's template is wrong.

    """
    me = parse_sender(sender)
    return tuple(_draft(patch, found, me, template_dir) for patch, found in findings_of(review))


def findings_of(review: Review) -> tuple[tuple[Patch, tuple[Finding, ...]], ...]:
    """Return the patches that have something to answer for at the end, with their findings."""
    patches = review.series.patches if review.series is not None else ()
    mine = [f for f in sort_findings(review.findings) if f.origin in ANSWERABLE]
    pairs = (
        (patch, tuple(f for f in mine if _on(f, patch)))
        for patch in sorted(patches, key=lambda p: (p.counter, p.mail.msgid))
    )
    return tuple((patch, found) for patch, found in pairs if found)


def _on(finding: Finding, patch: Patch) -> bool:
    ref = finding.patch
    if ref is None or finding.fixed_by is not None:
        return False
    return ref.msgid == patch.mail.msgid if ref.msgid else ref.counter == patch.counter


def parse_sender(sender: str) -> Address:
    """Read who will send the drafts.

    Raises:
        BadInputError: it is no single mailbox.

    """
    found = tuple(parse_addresses([sender]))
    if len(found) != 1 or "\n" in sender or "\r" in sender:
        raise BadInputError(f"sender {printable(sender)!r}: no mailbox; write 'Name <user@host>'")
    return found[0]


def _draft(
    patch: Patch, findings: Sequence[Finding], me: Address, template_dir: Path | None
) -> Draft:
    mail = patch.mail
    values = {
        "attribution": attribution(mail),
        "answers": _answers(patch, findings),
        "patch": patch,
        "findings": tuple(findings),
    }
    text = render_template("draft.txt.j2", values, user_dir=template_dir)
    draft = reply(mail, me, _tidy(text), extra=(patch.author,))
    return replace(
        draft,
        counter=patch.counter,
        fingerprints=tuple(finding.fingerprint for finding in findings),
    )


def reply(mail: Mail, me: Address, body: str, *, extra: Iterable[str] = ()) -> Draft:
    """Return a reply to all: To the author, Cc everybody else but ``me``.

    ``extra`` are further authors (an in-body ``From:``) who belong in To.
    """
    to = [author_of(mail), *parse_addresses(extra)]
    cc = parse_addresses((*mail.to, *mail.cc))
    seen = {me.key}
    primary = _unseen((a for a in to if a is not None and not _is_relay(a)), seen)
    others = _unseen(cc, seen)
    if not primary:  # one's own patch: the lists get it
        primary, others = others[:1] or (me,), others[1:]
    subject = clean(mail.subject)
    if not re.match(r"re:\s", subject, re.IGNORECASE):
        subject = f"Re: {subject}"
    msgid = clean_msgid(mail.msgid)
    references = [*(clean_msgid(r) for r in mail.references)]
    parent = clean_msgid(mail.in_reply_to)
    if parent and parent not in references:
        references.append(parent)
    chain_of = tuple(dict.fromkeys(r for r in (*references, msgid) if r and r != msgid))
    draft = Draft(
        me, primary, others, subject, "", msgid, (*chain_of, msgid) if msgid else chain_of, body, 0
    )
    return replace(draft, msgid=_derive_msgid(draft))


def _unseen(addresses: Iterable[Address], seen: set[str]) -> tuple[Address, ...]:
    taken = []
    for address in addresses:
        if address.key not in seen:
            seen.add(address.key)
            taken.append(address)
    return tuple(taken)


def author_of(mail: Mail) -> Address | None:
    """Return who wrote the mail: behind "via B4 Relay" or a list's rewriting, the real one."""
    sender = next(parse_addresses([mail.author]), None)
    if sender is not None and not _is_relay(sender):
        return sender
    headers = {name.lower(): value for name, value in mail.headers}
    for name in ("x-original-from", "reply-to"):
        for address in parse_addresses([headers.get(name, "")]):
            if not _is_relay(address):
                return address
    match = re.match(r"\s*From: (.+)\n", mail.body)
    return next(parse_addresses([match[1]]), sender) if match else sender


def _is_relay(address: Address) -> bool:
    return " via " in address.name or address.address.startswith("devnull+")


def _derive_msgid(draft: Draft) -> str:
    """Return a msgid that follows from the content, so that a second run makes the same mail."""
    parts = (draft.in_reply_to, draft.sender.key, draft.subject, draft.body)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{digest[:24]}.mm-review@{draft.sender.key.rpartition('@')[2]}"


def attribution(mail: Mail) -> str:
    """Return ``On Tue, 6 Oct 2015 18:23:53 +0300, Name wrote:`` in one line if it fits."""
    author = author_of(mail)
    name = printable(clean(author.name or author.address)) if author else "the author"
    stamp = next((value for key, value in mail.headers if key.lower() == "date"), "")
    try:
        when = parsedate_to_datetime(stamp)
    except ValueError:
        when = datetime.fromtimestamp(mail.date, UTC)
    if not mail.date:
        return f"{name} wrote:"
    line = f"On {when:%a}, {when.day} {when:%b %Y %H:%M:%S %z}, {name} wrote:"
    return line if len(line) <= WIDTH else f"On {when.day} {when:%b %Y}, {name} wrote:"


def _answers(patch: Patch, findings: Sequence[Finding]) -> tuple[Answer, ...]:
    """One answer for each place and rule, in the order of the lines quoted."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        place = (finding.rule, finding.primary.path, finding.primary.function)
        groups.setdefault(place, []).append(finding)
    chosen = []
    for group in groups.values():
        group.sort(key=lambda f: (not reproduced(f.witness), len(f.call_path), f.fingerprint))
        chosen.append((find_quote(patch, group[0]), group))
    chosen.sort(key=lambda pair: (pair[0].at, pair[0].first) if pair[0] else (1 << 30, 0))
    answers = []
    quoted: Quote | None = None
    for quote, group in chosen:
        marks = _mark(quote, quoted) if quote is not None else ()
        quoted = quote or quoted
        answers.append(answer_findings(marks, group))
    return tuple(answers)


def _mark(quote: Quote, before: Quote | None) -> tuple[str, ...]:
    """Return the quote with ``>`` marks and its file's name, less what stands above already."""
    if before is not None and quote == before:
        return ()
    head: list[str] = []
    if before is None or before.path != quote.path:
        head.append(f"+++ b/{quote.path}")
    lines = quote.lines
    if before is not None and (before.path, before.at) == (quote.path, quote.at):
        lines = tuple(
            line for line, index in _indexed(quote) if index >= before.first + len(before.lines) - 1
        )
    return tuple(f"> {line}" if line else ">" for line in (*head, *lines))


def _indexed(quote: Quote) -> list[tuple[str, int]]:
    return [(line, quote.first + i) for i, line in enumerate(quote.lines[1:])]


def answer_findings(quote: tuple[str, ...], group: Sequence[Finding]) -> Answer:
    """Return what to say of findings that share a place, in at most OWN_LINES lines."""
    finding = group[0]
    question = _own(finding.question or finding.message)
    others = sorted({f.call_path[0].function for f in group if f.call_path})
    others = [name for name in others if name != finding.call_path[0].function]
    if others:
        question += _own(f"The same from {', '.join(f'{name}()' for name in others[:3])}.")
    question = question[: OWN_LINES - 2]
    path = fold_chain(chain(finding), width=WIDTH, indent="  ")
    room = OWN_LINES - len(question)
    if len(path) > min(3, room - 1):
        path = fold_chain(chain(finding, longest=4), width=WIDTH, indent="  ")[: room - 1]
    proof = _proof(finding, room - len(path))
    return Answer(quote, tuple(question), tuple(path), tuple(proof))


def _proof(finding: Finding, room: int) -> list[str]:
    """Return interleaving and assertion in at most ``room`` lines, or "unverified"."""
    witness = finding.witness
    if witness is None or not reproduced(witness):
        return [_UNVERIFIED]
    said = _last_words(witness.oops)
    if said and said[0].rpartition(": ")[2].strip() in witness.trace[-1].text:
        said = []  # the table's last row says it
    rows = room - 2 - len(said)
    if rows < 2:  # a table of one row shows no race
        return ["(Reproduced by a replay of this path.)"]
    chosen = select_steps(witness, most=min(rows, 5))
    table = render_columns(witness, chosen, width=TABLE_WIDTH - 2, functions=False)
    return [_INTRO, *(f"  {row}" for row in table), *said]


def _last_words(oops: str) -> list[str]:
    """Return the line of an oops that names the assertion, else its ``kernel BUG`` line."""
    lines = [line.strip() for line in printable_block(oops).splitlines()]
    for start in ("page dumped because:", "kernel BUG at", "BUG:"):
        for line in lines:
            if start in line:
                return [f"  {line}"]
    return []


def _own(text: str) -> list[str]:
    """Own prose at 72 columns; a line that would read as a quote is set in by a space."""
    safe = printable(text)
    lines = wrap(safe, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f" {line}" if line.startswith((">", "From ", "|")) else line for line in lines]


def _tidy(text: str) -> str:
    """No trailing blanks on own lines, no blank lines in a row, one newline at the end."""
    lines = [line if line.startswith(">") else line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
