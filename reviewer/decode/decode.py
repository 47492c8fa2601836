"""The answer about one crash: what it says, what follows, and what its text does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reviewer.decode.dump import find_era
from reviewer.decode.hypotheses import weigh
from reviewer.decode.oopstext import parse_crash
from reviewer.decode.places import find_places
from reviewer.decode.state import DUMPERS, State, explain_address, find_state
from reviewer.model.crash import Crash, Decoded, HeadAt, PageAt, PageDump, Places

# What stands between user space (or a thread's start) and the code that walks pages.
_PLUMBING = re.compile(
    r"^(?:__)?(?:proc_reg_|vfs_|ksys_|kernfs_|sysfs_|seq_|new_sync_|do_syscall|entry_|SyS_|SYSC_"
    r"|sys_|x64_sys_|arm64_sys_|ia32_sys_|se_sys_|do_sys_|do_compat|system_call|kthread$|ret_from_"
    r"|worker_thread|process_one_work|do_user_addr_fault|exc_|asm_|do_page_fault|page_fault$"
    r"|handle_mm_fault|el0|invoke_syscall|do_el0|x86_|common_interrupt|irq_|softirq|do_iter_"
    r"|do_loop_readv|do_writev|do_readv|bin_read|call_read|retint|file_read|proc_single_)"
)
_WORDS = 8  # of a struct page


def decode_text(text: str) -> Decoded | None:
    """Decode the first crash in a text, or return None where there is none."""
    crash = parse_crash(text)
    if crash is None:
        return None
    dump = _choose_dump(crash)
    places = find_places(crash, dump)
    state = find_state(crash, dump)
    arithmetic = places.arithmetic
    if state.address is not None and dump.index is not None:
        arithmetic += (explain_address(state.address, dump.index),)
    return Decoded(
        era=next((e for d in (dump, *crash.dumps) if (e := find_era(d.fields))), ""),
        assertion=dump.because,
        page=PageAt(places.page, dump.names),
        head=HeadAt(places.head) if places.head is not None else None,
        tail=places.tail,
        walker=find_walker_function(crash),
        walker_pfn=places.walker,
        address=state.address,
        arithmetic=arithmetic,
        hypotheses=weigh(dump, places, state),
        missing=tuple(_iter_missing(crash, dump, places, state)),
        crash=crash,
    )


def _choose_dump(crash: Crash) -> PageDump:
    """Return the dump that belongs to the assertion: the one that got to its reason."""
    finished = [dump for dump in crash.dumps if dump.because]
    return (finished or list(crash.dumps) or [PageDump()])[0]


def call_path(crash: Crash) -> tuple[str, ...]:
    """Return the functions from the walker to where the kernel died, without the dump's own."""
    frames = [crash.function] if crash.function else []
    frames += [frame.function for frame in crash.trace if frame.sure]
    own = [number for number, name in enumerate(frames) if name in DUMPERS]
    frames = frames[own[-1] + 1 :] if own else frames
    end = next((n for n, name in enumerate(frames) if _PLUMBING.match(name)), len(frames))
    clean = [re.sub(r"\.(?:isra|constprop|part|cold|llvm).*", "", name) for name in frames[:end]]
    return tuple(dict.fromkeys(reversed(clean)))


def find_walker_function(crash: Crash) -> str:
    """Return the function that walked the pages: the first one behind the system call."""
    return next(iter(call_path(crash)), "")


def _iter_missing(crash: Crash, dump: PageDump, places: Places, state: State) -> Iterator[str]:
    """Yield what the text lacks, each with what it would have told."""
    if not crash.dumps:
        yield "no page dump: which page, its count, mapping and flags"
    else:
        yield from _iter_missing_in_dump(dump)
    if state.again:
        yield (
            "dump_page() crashed again in its own dump: what the first assertion was, and how the "
            "page looked when it fired"
        )
    elif not dump.because:
        yield "no 'page dumped because': the assertion"
    if not crash.registers:
        yield "no registers: which page the walker stood on"
    elif places.walker is None:
        yield "no register or stack word holds a page beside the one dumped: the walker's page"
    if not crash.trace:
        yield "no call trace: who walked the pages"
    if not crash.function:
        yield "no RIP: the function that asserted"
    if not crash.path:
        yield "no 'kernel BUG at': the line of the assertion"
    if crash.crashes > 1 and not state.again:
        yield f"{crash.crashes} crashes are in the text: only the first is decoded"


def _iter_missing_in_dump(dump: PageDump) -> Iterator[str]:
    if dump.hashed:
        yield "the page's address is printed as a hash: registers cannot be compared with it"
    elif dump.address is None and "no-address" not in dump.fields:
        yield "no address of the page: which struct page it is"
    if dump.address is None and dump.pfn is None:
        yield "no pfn of the page: whether it is aligned as a head is"
    for value, label, told in (
        (dump.count, "count", "whether anybody held the page"),
        (dump.mapcount, "mapcount", "whether it was mapped"),
        (dump.mapping, "mapping", "whether it belonged to a file or was anonymous"),
        (dump.index, "index", "its place in the file or address space"),
        (dump.flags, "flags", "whether it was still a head"),
    ):
        if value is None:
            yield f"no {label}: {told}"
    if not dump.words:
        yield "no raw words: whether ->compound_head marked it a tail"
    elif len(dump.words) < _WORDS:
        yield f"{len(dump.words)} of {_WORDS} raw words: the rest of the struct page"
