"""Finds the place a recipe names in a source file and changes it. No git, no C parser.

A place is named by what any tree of that kind has: a function, a macro or a struct, and a line
in it that a short regular expression matches. So a recipe needs no line of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


class AnchorError(LookupError):
    """The file has no such place; the text says which."""


@dataclass(frozen=True, slots=True)
class Edit:
    r"""One change of one file.

    ``op`` is what to do:

    - ``new-file``: ``text`` is the whole file; ``append``: it goes to the end of the file
    - ``before``, ``after``: put ``text`` before or after the line that ``anchor`` matches
    - ``replace``: put ``text`` (or nothing) in place of that line, and of all the lines after
      it up to the one that ``until`` matches
    - ``replace-definition``: put ``text`` in place of the whole of ``inside``
    - ``substitute``: in the lines of ``inside``, replace what ``anchor`` matches by ``text``
      (``\1`` is its first group); all of it, so that a callee can be exchanged

    ``inside`` limits the search to a definition: ``name`` of a function (or
    ``SYSCALL_DEFINE3(name``), ``#define NAME``, ``struct name``, ``enum name``, ``union name``.
    ``nth`` counts from 1 where several lines (or, for ``replace-definition``, several
    definitions) match.
    """

    file: str
    op: str
    anchor: str = ""
    until: str = ""
    inside: str = ""
    nth: int = 1
    text: str = ""


def edit_text(text: str | None, edit: Edit) -> str:
    """Return the file's text after the edit; ``text`` is None where there is no such file.

    Raises:
        AnchorError: the file, the definition or the line is not there, or is there already.
    """
    if edit.op == "new-file":
        if text is not None:
            raise AnchorError("the file is there already")
        return edit.text
    if text is None:
        raise AnchorError("there is no such file")
    change = _OPERATIONS.get(edit.op)
    if change is None:
        raise AnchorError(f"there is no edit '{edit.op}'")
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # splitlines() would take a form feed too
    changed = "".join(change(lines, edit))
    if changed == text:
        raise AnchorError(f"'{edit.op}' changes nothing")
    return changed


def _append(lines: list[str], edit: Edit) -> list[str]:
    return [*lines, edit.text]


def _before(lines: list[str], edit: Edit) -> list[str]:
    at = _find_line(lines, edit)
    return [*lines[:at], edit.text, *lines[at:]]


def _after(lines: list[str], edit: Edit) -> list[str]:
    at = _find_line(lines, edit) + 1
    return [*lines[:at], edit.text, *lines[at:]]


def _replace(lines: list[str], edit: Edit) -> list[str]:
    at = end = _find_line(lines, edit)
    if edit.until:
        _, last = _find_scope(lines, edit)
        pattern = _compile(edit.until)
        end = next((n for n in range(at, last) if pattern.search(lines[n])), -1)
        if end < 0:
            raise AnchorError(f"no line from line {at + 1} on matches '{edit.until}'")
    return [*lines[:at], edit.text, *lines[end + 1 :]]


def _replace_definition(lines: list[str], edit: Edit) -> list[str]:
    first, last = find_definition(lines, edit.inside, edit.nth)
    return [*lines[:first], edit.text, *lines[last:]]


def _substitute(lines: list[str], edit: Edit) -> list[str]:
    first, last = _find_scope(lines, edit)
    pattern = _compile(edit.anchor)
    changed = [pattern.sub(edit.text, line) for line in lines[first:last]]
    if changed == lines[first:last]:
        raise AnchorError(f"nothing matches '{edit.anchor}'{_within(edit)}")
    return [*lines[:first], *changed, *lines[last:]]


_OPERATIONS: dict[str, Callable[[list[str], Edit], list[str]]] = {
    "append": _append,
    "before": _before,
    "after": _after,
    "replace": _replace,
    "replace-definition": _replace_definition,
    "substitute": _substitute,
}


def _within(edit: Edit) -> str:
    return f" in {edit.inside}" if edit.inside else ""


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise AnchorError(f"'{pattern}' is no regular expression: {error}") from error


def _find_scope(lines: list[str], edit: Edit) -> tuple[int, int]:
    """Return the half-open range of lines that is searched."""
    return find_definition(lines, edit.inside) if edit.inside else (0, len(lines))


def _find_line(lines: list[str], edit: Edit) -> int:
    if not edit.anchor:
        raise AnchorError(f"'{edit.op}' needs an anchor")
    first, last = _find_scope(lines, edit)
    pattern = _compile(edit.anchor)
    found = [n for n in range(first, last) if pattern.search(lines[n])]
    if len(found) < edit.nth:
        raise AnchorError(f"no line matches '{edit.anchor}'{_within(edit)}")
    return found[edit.nth - 1]


def find_definition(lines: list[str], name: str, nth: int = 1) -> tuple[int, int]:
    """Return the half-open range of lines of the ``nth`` definition of ``name``.

    Kernel style is relied on: a definition starts in the first column and ends with a brace
    there.

    Raises:
        AnchorError: there is none.
    """
    if name.startswith("#define "):
        found = list(_iter_macros(lines, name.split()[1]))
    elif name.partition(" ")[0] in ("struct", "union", "enum"):
        found = list(_iter_blocks(lines, re.compile(rf"{re.escape(name)}\s*\{{")))
    else:
        start = re.compile(rf"(?![\s#/*}}]).*?\b{re.escape(name)}\s*[(,]")
        found = list(_iter_blocks(lines, start))
    if len(found) < nth:
        raise AnchorError(f"there is no definition of {name}")
    return found[nth - 1]


def _iter_macros(lines: list[str], name: str) -> list[tuple[int, int]]:
    pattern = re.compile(rf"#\s*define\s+{re.escape(name)}\b")
    found = []
    for first, line in enumerate(lines):
        if pattern.match(line):
            last = first
            while lines[last].rstrip("\n").endswith("\\") and last + 1 < len(lines):
                last += 1
            found.append((first, last + 1))
    return found


def _iter_blocks(lines: list[str], start: re.Pattern[str]) -> list[tuple[int, int]]:
    found = []
    for first, line in enumerate(lines):
        if start.match(line):
            opened = _find_opening(lines, first)
            last = _find_closing(lines, opened) if opened >= 0 else -1
            if last >= 0:
                found.append((_first_of_head(lines, first), last + 1))
    return found


def _first_of_head(lines: list[str], at: int) -> int:
    """Step back over what stands on lines of its own before the name: ``static void``."""
    while at and re.fullmatch(r"[A-Za-z_][\w\s*]*\n", lines[at - 1]):
        at -= 1
    return at


def _find_opening(lines: list[str], first: int) -> int:
    """Return the line with the brace that opens the body, or -1 where it is a declaration."""
    for at in range(first, min(first + 12, len(lines))):
        if "{" in lines[at]:
            return at
        gap = not lines[at].strip() and lines[at + 1 : at + 2] != ["{\n"]
        if ";" in lines[at] or gap:
            return -1
    return -1


def _find_closing(lines: list[str], opened: int) -> int:
    if lines[opened].count("{") == lines[opened].count("}"):
        return opened
    return next((n for n in range(opened + 1, len(lines)) if lines[n].startswith("}")), -1)
