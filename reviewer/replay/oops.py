"""The text the simulated kernel would print when it dies, in the tree's own format.

The lines of a page dump are the format strings of the tree's ``__dump_page`` (or
``dump_page``), filled in from simulated memory; which lines there are, and how a counter is
called, is thus the tree's affair. A conversion whose label is not known here is printed as
``?``: nothing is made up. Registers are not simulated and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reviewer.model.facts import FunctionFacts
from reviewer.replay.pages import Pages
from reviewer.replay.program import Failure
from reviewer.replay.tables import find_head, is_compound

_PRINT = re.compile(r'\b(?:pr_[a-z]+|printk)\s*\(\s*(?:KERN_\w+\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)')
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HEX_DUMP = re.compile(r'\bprint_hex_dump\s*\(\s*(?:KERN_\w+\s*,\s*)?"([^"]*)"')
_CONVERSION = re.compile(r"%(?:pGp|[#0-9.-]*(?:l{0,2}|z)[dixup]|s)")
_LABEL = re.compile(r"(?:page->)?(\w+)\s*[:=]?\s*$")


@dataclass(frozen=True, slots=True)
class DumpFormat:
    """What a tree prints of a page: format strings in order, and the hex dumps' prefixes."""

    lines: tuple[str, ...]
    hex_prefixes: tuple[str, ...]


def extract_dump_format(
    find_function: Callable[[str], FunctionFacts | None], read: Callable[[str], bytes]
) -> DumpFormat:
    """Read the formats out of the functions that make a page dump, in the order they print."""
    lines: list[str] = []
    prefixes: list[str] = []
    for name in ("__dump_folio", "__dump_page", "dump_page"):
        facts = find_function(name)
        if facts is None:
            continue
        text = read(facts.path)[facts.start : facts.end].decode("utf-8", "replace")
        for match in _PRINT.finditer(text):
            joined = "".join(_LITERAL.findall(match[1]))
            lines.append(joined.replace("\\n", "").replace("\\t", "\t"))
        prefixes += _HEX_DUMP.findall(text)
    return DumpFormat(tuple(lines), tuple(prefixes))


def render_oops(
    failure: Failure,
    pages: Pages,
    form: DumpFormat,
    *,
    cpu: int,
    comm: str,
    backtrace: Sequence[tuple[str, str, int]],
) -> str:
    """Return the lines of the oops; memory must be as it was when the kernel died."""
    lines: list[str] = []
    page = pages.number(failure.page) if failure.page else None
    if page is not None:
        lines += iter_dump(pages, form, page, failure.text)
    if failure.text.startswith("unable to handle"):
        lines.append(f"BUG: {failure.text}")
    else:
        lines.append("------------[ cut here ]------------")
        lines.append(f"kernel BUG at {failure.path}:{failure.line}!")
        lines.append("invalid opcode: 0000 [#1] SMP")
    lines.append(f"CPU: {cpu} PID: {cpu + 1} Comm: {comm} Not tainted")
    lines.append(f"RIP: 0010:{failure.function}")
    lines.append("Call Trace:")
    lines.append(" <TASK>")
    lines += [f" {name}  ({path}:{line})" for name, path, line in backtrace]
    lines.append(" </TASK>")
    return "\n".join(lines) + "\n"


def iter_dump(pages: Pages, form: DumpFormat, page: int, reason: str) -> Iterator[str]:
    """Yield the lines of ``dump_page(page, reason)``."""
    head = find_head(pages, page)
    compound = is_compound(pages, page)
    values = _values(pages, page, head, compound)
    values["because"] = reason
    hex_done = False
    for line in form.lines:
        first = line.lstrip().split(":")[0].split("%")[0].strip()
        if "poisoned" in line or (first == "head" and not compound):
            continue
        if ("memcg" in line or "mem_cgroup" in line) and not values.get("memcg"):
            continue
        if "because" in line and form.hex_prefixes and not hex_done:
            hex_done = True
            yield from _hex_dumps(pages, form, page, head)
        if _known(line):
            yield _fill(line, values, pages, head)
    if form.hex_prefixes and not hex_done:
        yield from _hex_dumps(pages, form, page, head)


def _known(line: str) -> bool:
    """Leave out lines of which no label says anything here (owners, dentries)."""
    return any(word in line for word in ("page", "head", "flags", "memcg", "mem_cgroup", "because"))


def _values(pages: Pages, page: int, head: int, compound: bool) -> dict[str, int | str]:
    """Return what the labels of a dump mean, by the names the trees have used."""
    mapping = pages.peek(page, "mapping")
    values: dict[str, int | str] = {
        "type": "",
        "page": pages.address(page),
        "head": pages.address(head),
        "count": pages.peek(head, "_refcount"),
        "refcount": pages.peek(head, "_refcount"),
        "mapcount": pages.peek(page, "_mapcount") + 1,
        "mapping": 0 if mapping & 3 else mapping,
        "index": pages.peek(page, "index"),
        "pfn": pages.first_pfn + page,
    }
    if "memcg" in pages.layout:
        values["memcg"] = values["mem_cgroup"] = pages.peek(head, "memcg")
    if not compound:
        return values
    places = pages.layout.places
    if "compound_mapcount" in places:
        whole = pages.peek(head, "compound_mapcount") + 1
        values["compound_mapcount"] = values["entire_mapcount"] = whole
        if mapping & 1 or page != head:
            double = pages.test(head + 1, "PG_double_map")
            values["mapcount"] = pages.peek(page, "_mapcount") + 1 + whole - double
    for label, name in (
        ("order", "compound_order"),
        ("compound_pincount", "compound_pincount"),
        ("pincount", "compound_pincount"),
        ("nr_pages_mapped", "nr_pages_mapped"),
    ):
        if name in places:
            values[label] = pages.peek(head, name) & (0xFF if label == "order" else -1)
    return values


def _fill(line: str, values: dict[str, int | str], pages: Pages, head: int) -> str:
    """Replace each conversion by the value its label names."""
    made: list[str] = []
    at = 0
    for match in _CONVERSION.finditer(line):
        before = line[at : match.start()]
        made.append(before)
        at = match.end()
        conversion = match[0]
        label = _LABEL.search(line[: match.start()].rstrip("("))
        name = label[1] if label else ""
        if match.start() == 0 and conversion == "%s":
            made.append("anon " if pages.peek(head, "mapping") & 1 else "")
            continue
        if conversion == "%pGp":
            made.append(spell_flags(pages, head, bare=before.endswith("(")))
        elif conversion == "%s":
            made.append(str(values["because" if name == "because" else "type"]))
        elif name == "flags":
            made.append(_number(conversion, pages.peek(head, "flags")))
        elif name in values:
            made.append(_number(conversion, values[name]))
        else:
            made.append("?")
    made.append(line[at:])
    return "".join(made).rstrip()


def _number(conversion: str, value: int | str) -> str:
    if isinstance(value, str):
        return value
    if conversion.endswith("p"):
        return f"{value & (1 << 64) - 1:016x}"
    if conversion.endswith("x"):
        return f"{value:#x}" if "#" in conversion else f"{value:x}"
    return str(value)


def spell_flags(pages: Pages, page: int, *, bare: bool) -> str:
    """Spell a page's flags as ``%pGp`` does; ``bare``: the names without the number."""
    value = pages.peek(page, "flags")
    numbers: dict[int, str] = {}
    for name, bit in pages.layout.flags.items():
        if name.startswith("PG_"):
            numbers.setdefault(bit, name.removeprefix("PG_"))
    count = pages.layout.flags.get("__NR_PAGEFLAGS", 64)
    names = [numbers.get(bit, f"bit{bit}") for bit in range(min(count, 64)) if value >> bit & 1]
    joined = "|".join(names)
    return joined if bare else f"{value:#x}({joined})"


def _hex_dumps(pages: Pages, form: DumpFormat, page: int, head: int) -> Iterator[str]:
    for prefix in form.hex_prefixes:
        shown = head if prefix.startswith("head") else page
        if shown == head != page or prefix.startswith("raw"):
            yield from _hex_dump(pages, prefix, shown)


def _hex_dump(pages: Pages, prefix: str, page: int) -> Iterator[str]:
    start = pages.address(page)
    for row in range(0, pages.layout.size, 32):
        words = [pages.memory.load(start + row + i, 8) for i in range(0, 32, 8)]
        yield prefix + " ".join(f"{word:016x}" for word in words)
