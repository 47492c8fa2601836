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
from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.tables import find_head, is_compound
from reviewer.replay.stepping.program import Failure

_PRINT = re.compile(r'\b(?:pr_[a-z]+|printk)\s*\(\s*(?:KERN_\w+\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)')
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HEX_DUMP = re.compile(r'\bprint_hex_dump\s*\(\s*(?:KERN_\w+\s*,\s*)?"([^"]*)"')
_CONVERSION = re.compile(r"%(?:pGp|[#0-9.-]*(?:l{0,2}|z)[dixup]|s)")
_LABELS = frozenset(
    ("page", "refcount", "count", "head", "memcg", "mem_cgroup", "flags", "because")
)
PAGE_MAPPING_FLAGS = 3
_LABEL = re.compile(r"(?:page->)?(\w+)\s*[:=]?\s*$")


@dataclass(frozen=True, slots=True)
class DumpLine:
    """One line of a dump: its format, and the text of the arguments it is filled with."""

    form: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class DumpFormat:
    """What a tree prints of a page: its lines in order, and the hex dumps' prefixes."""

    lines: tuple[DumpLine, ...]
    hex_prefixes: tuple[str, ...]


def extract_dump_format(
    find_function: Callable[[str], FunctionFacts | None], read: Callable[[str], bytes]
) -> DumpFormat:
    """Read the formats out of the functions that make a page dump, in the order they print."""
    lines: list[DumpLine] = []
    prefixes: list[str] = []
    for name in ("__dump_folio", "__dump_page", "dump_page"):
        facts = find_function(name)
        if facts is None:
            continue
        text = read(facts.path)[facts.start : facts.end].decode("utf-8", "replace")
        for match in _PRINT.finditer(text):
            joined = "".join(_LITERAL.findall(match[1]))
            form = joined.replace("\\n", "").replace("\\t", "\t")
            lines.append(DumpLine(form, text[match.end() :].partition(";")[0]))
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
    hex_done = False
    for line in form.lines:
        text = line.form
        values = _values(pages, page, head, line.arguments if compound else "page->")
        first = text.lstrip().split(":")[0].split("%")[0].strip()
        if "poisoned" in text or (first == "head" and not compound):
            continue
        if ("memcg" in text or "mem_cgroup" in text) and not values.get("memcg"):
            continue
        if "because" in text and form.hex_prefixes and not hex_done:
            hex_done = True
            yield from _hex_dumps(pages, form, page, head)
        if _known(text):
            flagged = page if "page->flags" in line.arguments else head
            yield _fill(text, {**values, "because": reason}, pages, flagged)
    if form.hex_prefixes and not hex_done:
        yield from _hex_dumps(pages, form, page, head)


def _known(line: str) -> bool:
    """Leave out lines of which no label says anything here (types, owners, dentries)."""
    at = 0
    for match in _CONVERSION.finditer(line):
        label = _LABEL.search(line[at : match.start()].rstrip("("))
        at = match.end()
        if label and label[1] in _LABELS:
            return True
    return False


def _values(pages: Pages, page: int, head: int, arguments: str) -> dict[str, int | str]:
    """Return what the labels of a dump mean, by the names the trees have used.

    Where the arguments name a member of the page itself, that is printed as it lies there;
    else what page_mapping(), page_to_pgoff() and page_mapcount() say of a compound page.
    """
    own = {"mapping", "index", "_mapcount", "_refcount"} & set(
        re.findall(r"page->(\w+)", arguments)
    )
    whole = arguments != "page->"
    mapping = pages.peek(page if "mapping" in own or not whole else head, "mapping")
    if "mapping" not in own and mapping & PAGE_MAPPING_FLAGS:
        mapping = 0
    index = pages.peek(page, "index")
    if whole and "index" not in own:
        index = pages.peek(head, "index") + page - head
    count = pages.peek(page if "_refcount" in own else head, "_refcount")
    mapcount = pages.peek(page, "_mapcount") + 1
    values: dict[str, int | str] = {
        "type": "",
        "page": pages.address(page),
        "head": pages.address(head),
        "count": count,
        "refcount": count,
        "mapcount": mapcount,
        "mapping": mapping,
        "index": index,
        "pfn": pages.first_pfn + page,
    }
    places = pages.layout.places
    if "memcg" in places:
        values["memcg"] = values["mem_cgroup"] = pages.peek(head, "memcg")
    if whole:
        values.update(_compound_values(pages, head, mapcount, own))
    return values


def _compound_values(pages: Pages, head: int, mapcount: int, own: set[str]) -> dict[str, int | str]:
    """Return the labels that only a compound page fills."""
    places = pages.layout.places
    values: dict[str, int | str] = {}
    if "compound_mapcount" in places:
        whole = pages.peek(head, "compound_mapcount") + 1
        values["compound_mapcount"] = values["entire_mapcount"] = whole
        if pages.peek(head, "mapping") & 1 and "_mapcount" not in own:
            values["mapcount"] = mapcount + whole - pages.test(head + 1, "PG_double_map")
    for label, name in (
        ("order", "compound_order"),
        ("compound_pincount", "compound_pincount"),
        ("pincount", "compound_pincount"),
        ("nr_pages_mapped", "nr_pages_mapped"),
    ):
        if name in places:
            values[label] = pages.peek(head, name) & (0xFF if label == "order" else -1)
    return values


def _fill(line: str, values: dict[str, int | str], pages: Pages, flagged: int) -> str:
    """Replace each conversion by the value its label names; flags are those of ``flagged``."""
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
            made.append("anon " if pages.peek(flagged, "mapping") & 1 else "")
            continue
        if conversion == "%pGp":
            made.append(spell_flags(pages, flagged, bare=before.endswith("(")))
        elif conversion == "%s":
            made.append(str(values["because" if name == "because" else "type"]))
        elif name == "flags":
            made.append(_number(conversion, pages.peek(flagged, "flags")))
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
