"""Reads mails with liblore, in a process that imports it: JSON of base64 mails in, of values out.

Run by tests/series/test_peer_suites.py with liblore on PYTHONPATH.
"""

from __future__ import annotations

import base64
import json
import sys

from liblore.utils import (  # type: ignore[import-not-found] # fetched, not installed
    clean_header,
    get_clean_msgid,
    msg_get_payload,
    msg_get_subject,
    parse_message,
    split_mbox_as_bytes,
)


def read(raw: bytes) -> dict[str, str]:
    """What liblore makes of a mail; the stdlib's header parser under it can raise IndexError."""
    try:
        return read_fields(raw)
    except IndexError:
        return {"msgid": "raises IndexError"}


def read_fields(raw: bytes) -> dict[str, str]:
    message = parse_message(raw)
    return {
        "msgid": get_clean_msgid(message) or "",
        "in_reply_to": get_clean_msgid(message, "In-Reply-To") or "",
        "subject": msg_get_subject(message),
        "author": clean_header(message.get("From")),
        "body": msg_get_payload(message, strip_signature=False),
    }


def main() -> None:
    request = json.load(sys.stdin)
    mails = [base64.b64decode(text) for text in request["mails"]]
    boxes = [base64.b64decode(text) for text in request["boxes"]]
    answer = {
        "mails": [read(raw) for raw in mails],
        "boxes": [
            [base64.b64encode(m).decode() for m in split_mbox_as_bytes(box)] for box in boxes
        ],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
