"""Reply drafts: one mail a patch that has something to say, never sent by the program.

What is asked is asked once, below the lines it is about, with the call chain and, where a
replay reproduced it, the interleaving. Old bugs and what the series itself repairs stay out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.model.finding import Finding
from reviewer.model.review import Review
from reviewer.model.series import Mail, Patch
from reviewer.report.answers import WIDTH, Answer, answer_cover, answer_patch
from reviewer.report.mailtext import (
    Address,
    Draft,
    clean,
    clean_msgid,
    parse_addresses,
)
from reviewer.report.printable import printable
from reviewer.report.render import render_template
from reviewer.report.wording import ANSWERABLE, sort_findings


def draft_mails(
    review: Review, *, sender: str, template_dir: Path | None = None, to_cover: bool = False
) -> tuple[Draft, ...]:
    """Return a reply for each patch with a finding it answers for that is there at the end.

    ``sender`` is who will send them ("Name <a@b>"). ``template_dir`` may hold a
    ``draft.txt.j2`` of the user's. ``to_cover`` makes it one reply to the cover letter, where
    the series has one. Nothing to say is no draft.

    Raises:
        BadInputError: ``sender`` is no mailbox, or the user's template is wrong.

    """
    me = parse_sender(sender)
    found = findings_of(review)
    cover = review.series.cover if review.series is not None else None
    if to_cover and cover is not None and found:
        return (_draft(cover, 0, found, answer_cover(cover, found), me, template_dir),)
    return tuple(
        _draft(
            patch.mail,
            patch.counter,
            ((patch, several),),
            answer_patch(patch, several),
            me,
            template_dir,
        )
        for patch, several in found
    )


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
    mail: Mail,
    counter: int,
    found: Sequence[tuple[Patch, tuple[Finding, ...]]],
    answers: tuple[Answer, ...],
    me: Address,
    template_dir: Path | None,
) -> Draft:
    findings = tuple(finding for _, several in found for finding in several)
    values = {"attribution": attribution(mail), "answers": answers, "findings": findings}
    text = render_template("draft.txt.j2", values, user_dir=template_dir)
    draft = reply(mail, me, _tidy(text), extra=[patch.author for patch, _ in found])
    fingerprints = tuple(finding.fingerprint for finding in findings)
    return replace(draft, counter=counter, fingerprints=fingerprints)


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


def _tidy(text: str) -> str:
    """No trailing blanks on own lines, no blank lines in a row, one newline at the end."""
    lines = [line if line.startswith(">") else line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
