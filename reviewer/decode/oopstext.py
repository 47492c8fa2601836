"""Reads an oops: registers, stack, call trace, and where the kernel says it died."""

from __future__ import annotations

import re
from dataclasses import replace

from reviewer.decode.dump import parse_dumps
from reviewer.decode.text import flatten
from reviewer.model.crash import Crash, Frame, PageDump

_DEATH = re.compile(r"kernel BUG at (\S+?):(\d+)!")
_HEADLINE = re.compile(
    r"(kernel BUG at \S+?:\d+!|BUG: Bad page (?:state|map|cache) in process \S+ +pfn:[0-9a-f]+"
    r"|BUG: unable to handle [^.]{3,60}? at [0-9a-fx]+"
    r"|Unable to handle kernel [^.]{3,70}? [0-9a-f]{16}"
    r"|WARNING: CPU: \d+ PID: \d+ at \S+)"
)
_BAD_PAGE = re.compile(r"BUG: Bad page state in process (\S+) +pfn:([0-9a-f]+)")
_END_TRACE = re.compile(r"-+\[ end trace [0-9a-f]* ?\]-+")
_USER = re.compile(r"(?<!\S)RIP: 0033:")
_FUNCTION = r"(?:\[<[0-9a-f]+>\] )*([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+"
_RIP = re.compile(rf"(?<!\S)(?:RIP: (?:[0-9a-f]{{4}}:)?|RIP |pc ?: ){_FUNCTION}")
# the second form is that of decode_stacktrace.sh for inlined functions
_FRAME = re.compile(rf"(\? )?(?<!\S)(?:{_FUNCTION}|([A-Za-z_]\w*) [\w./-]+\.[chS]:\d+ \[inline\])")
_TRACE = re.compile(r"Call [Tt]race:")
_TRACE_END = re.compile(r"(?<!\S)(?:Code:|RIP: |RIP |---\[|</TASK>|Modules linked in:|R[A-D]X:)")
_REGISTER = re.compile(
    r"(?<!\w)(R[A-D]X|R[SD]I|RBP|R(?:0?[89]|1[0-5])|x\d{1,2}) ?: ?([0-9a-f]{16})(?!\w)"
)
_STACK = re.compile(r"(?<!\S)Stack:((?: [0-9a-f]{16}(?!\S))+)")
_CPU = re.compile(r"CPU: (\d+) (?:UID: \d+ )?PID: \d+ Comm: (.{1,16}?) (?:Not t|T)ainted:? ?(\S+)?")
_TAINT = re.compile(r"Tainted: (?:\[[A-Z]\]=\w+,? ?|[A-Z] )+(\S+)")


def parse_crash(text: str) -> Crash | None:
    """Return the first crash of a text, or None where there is none."""
    words = flatten(text)
    dumps = parse_dumps(words)
    ends = [m.end() for m in _END_TRACE.finditer(words)]
    deaths = len(_DEATH.findall(words))
    if dumps and ends and len(dumps) > 1:
        first = words[: ends[0]]
        if parse_dumps(first):
            words = first + _rest_of(first, words)
            dumps = parse_dumps(first)
    if not dumps and not _HEADLINE.search(words) and not _RIP.search(words):
        return None
    return _parse(words, dumps, max(1, deaths))


def _rest_of(first: str, words: str) -> str:
    """Return what follows the first report if that one lacks its registers, else nothing."""
    return "" if _REGISTER.search(first) else words[len(first) :]


def _parse(words: str, dumps: tuple[PageDump, ...], crashes: int) -> Crash:
    user = _USER.search(words)
    kernel_part = words[: user.start()] if user else words
    ended = _END_TRACE.search(kernel_part)
    if ended and _REGISTER.search(kernel_part[: ended.start()]):
        kernel_part = kernel_part[: ended.start()]
    registers: dict[str, int] = {}
    for match in _REGISTER.finditer(kernel_part):
        registers.setdefault(match[1], int(match[2], 16))
    stack = _STACK.search(words)
    death = _DEATH.search(words)
    headline = _HEADLINE.search(words)
    where = _RIP.search(words)
    cpu = _CPU.search(words)
    tainted = _TAINT.search(words)
    bad = _BAD_PAGE.search(words)
    kernel = (tainted[1] if tainted else cpu[3]) if cpu else ""
    return Crash(
        dumps=_with_pfn(dumps, bad),
        registers=tuple(registers.items()),
        stack=tuple(int(word, 16) for word in stack[1].split()) if stack else (),
        function=where[1] if where else "",
        trace=_parse_trace(words, where),
        path=death[1] if death else "",
        line=int(death[2]) if death and len(death[2]) < 8 else 0,
        headline=headline[1] if headline else "",
        cpu=int(cpu[1]) if cpu and len(cpu[1]) < 8 else None,
        comm=cpu[2] if cpu else bad[1] if bad else "",
        kernel=kernel or "",
        crashes=crashes,
    )


def _with_pfn(dumps: tuple[PageDump, ...], bad: re.Match[str] | None) -> tuple[PageDump, ...]:
    """Give the first dump the pfn that stands in the headline of a bad page."""
    if bad is None or not dumps or dumps[0].pfn is not None or len(bad[2]) > 14:
        return dumps
    return (replace(dumps[0], pfn=int(bad[2], 16)), *dumps[1:])


def _parse_trace(words: str, where: re.Match[str] | None) -> tuple[Frame, ...]:
    begin = _TRACE.search(words)
    start = begin.end() if begin else where.end() if where else len(words)
    end = _TRACE_END.search(words, start) if begin else None
    part = words[start : end.start() if end else len(words)]
    return tuple(Frame(match[2] or match[3], sure=not match[1]) for match in _FRAME.finditer(part))
