"""Reads the facts of one blob: functions, macros, types, invocations at file scope.

No macro is expanded and no configuration chosen here: both sides of a conditional are
read, and each fact carries the conditions around it. Braces are counted on normalised text,
so a macro that the parser could not read costs no function.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from reviewer.cfacts.conditionals import ConditionMap
from reviewer.cfacts.defines import read_constants, read_includes, read_macros
from reviewer.cfacts.filefacts import FileFacts, FunctionRow, Invocation, TypeRow
from reviewer.cfacts.headers import (
    Header,
    invocations,
    parameter_names,
    read_header,
    split_arguments,
)
from reviewer.cfacts.normalize import SourceText, normalize
from reviewer.cfacts.tables import ATTRIBUTES, DEFINERS, KEYWORDS, STATIC_DEFINERS

MAX_BYTES = 16 << 20  # of a file
MAX_HEADER = 128 << 10  # bytes between two items of a file
MAX_TYPEDEF = 32 << 10
_LOOK_BACK = 2000  # directives

_BRACE = re.compile(r"[{};]")
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_VALUE = re.compile(r"[=,(?:]\s*+&?\s*+([a-z_]\w{2,}+)\s*+(?=[,;)}])")
_ENUMERATOR = re.compile(r"[{,]\s*+([A-Za-z_]\w*+)?\s*+(?=([,=}(A-Za-z_]))")
_INNER_TYPE = re.compile(r"\b(struct|union|enum)\s++([A-Za-z_]\w*+)?\s*+\{")
_TYPEDEF_GROUP = re.compile(r"\(([^()]*?)([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)?\)\s*\(")
_BRACKETED = re.compile(r"\[[^\]]*\]|\(.*\)", re.DOTALL)
_ATTRIBUTE_END = re.compile(r"\b__attribute(?:__)?\s*$")
_WORD = re.compile(r"[A-Za-z_]\w*")
_BRANCHES = frozenset({"if", "ifdef", "ifndef", "elif", "else", "endif"})
_NOT_CALLS = KEYWORDS | {"defined", "__attribute__", "asm", "__asm__"}


def extract_file(data: bytes) -> FileFacts:
    """Return the facts of a file's bytes. A file over the limit is skipped, with the reason."""
    if len(data) > MAX_BYTES:
        return FileFacts(skipped=(f"file of {len(data)} bytes is over {MAX_BYTES}",))
    if b"\0" in data:
        return FileFacts(skipped=("not a text file: it holds a NUL byte",))
    return _Extractor(normalize(data)).run()


class _Extractor:
    """Walks the braces and semicolons of one file."""

    def __init__(self, text: SourceText) -> None:
        self.text = text
        self.bare = text.bare
        self.conditions = ConditionMap(text.directives)
        self.lines = [m.end() for m in re.finditer("\n", text.code)]
        self.branch_lines = [d for d in text.directives if d.word in _BRANCHES]
        self.branch_starts = [d.start for d in self.branch_lines]
        self.functions: list[FunctionRow] = []
        self.invocations: list[Invocation] = []
        self.types: list[TypeRow] = []
        self.skipped: list[str] = []
        self.depth = 0
        self.chunk = 0
        self.counted = 0
        self.balance = 0
        self.header: Header | None = None
        self.base = 0
        self.in_parens = False
        self.uneven = False
        self.branches: list[tuple[int, int | None]] = []

    def run(self) -> FileFacts:
        position = 0
        for directive in self.branch_lines:
            self.scan(position, directive.start)
            self.branch(directive.word)
            position = directive.end
        self.scan(position, len(self.bare))
        if self.depth:
            self.skipped.append(f"line {self.line(self.chunk)}: a brace is never closed")
        elif self.header is None:
            self.record_invocations(self.bare[self.chunk :])
        values = " ".join(sorted(set(_VALUE.findall(self.bare))))
        return FileFacts(
            functions=tuple(self.functions),
            macros=read_macros(self.text, self.conditions, self.line),
            invocations=tuple(self.invocations),
            types=tuple(self.types),
            includes=read_includes(self.text, self.conditions),
            constants=read_constants(self.text, self.conditions, self.line),
            guard=self.conditions.guard,
            values=f" {values} ",
            skipped=tuple(self.skipped),
        )

    def line(self, offset: int) -> int:
        return bisect_right(self.lines, offset) + 1

    def branch(self, word: str) -> None:
        """Count braces once a conditional: each branch starts from the depth before it."""
        if word.startswith("if"):
            self.branches.append((self.depth, None))
        elif self.branches:
            before, first = self.branches.pop()
            first = self.depth if first is None else first
            if word == "endif":
                self.uneven = self.uneven or first != self.depth
                self.depth = first
            else:
                if before != self.depth:
                    self.uneven = True
                self.branches.append((before, first))
                self.depth = before

    def scan(self, start: int, end: int) -> None:
        for match in _BRACE.finditer(self.bare, start, end):
            char = match.group()
            if char == "{":
                if self.depth == 0:
                    self.open(match.start())
                self.depth += 1
            elif char == "}":
                self.depth -= 1
                if self.depth == 0:
                    self.close(match.end())
                elif self.depth < 0:
                    self.skipped.append(f"line {self.line(match.start())}: a brace too many")
                    self.depth = 0
                    self.chunk = match.end()
            elif self.depth == 0:
                self.semicolon(match.start())

    def open(self, offset: int) -> None:
        self.in_parens = self.inside_parens(offset)
        if self.in_parens or (self.header and self.header.kind != "function"):
            return
        self.base = self.chunk
        if offset - self.chunk > MAX_HEADER:
            self.header = Header("other", "", 0)
            self.skipped.append(f"line {self.line(offset)}: more than {MAX_HEADER} bytes before it")
            return
        text = self.bare[self.chunk : offset]
        self.header = read_header(text)
        self.record_invocations(text)

    def inside_parens(self, offset: int) -> bool:
        """Say whether a parenthesis is open since the item's start; each byte is counted once."""
        start = max(self.counted, self.chunk)
        if self.counted <= self.chunk:
            self.balance = 0
        self.balance += self.bare.count("(", start, offset) - self.bare.count(")", start, offset)
        self.counted = offset
        return self.balance > 0

    def record_invocations(self, text: str) -> None:
        """Record what stands before a brace or a semicolon; a definer makes functions too."""
        for part in invocations(text)[0]:
            start = self.chunk + part.start
            arguments = self.text.code[self.chunk + part.group + 1 : self.chunk + part.end - 1]
            self.invocations.append(
                Invocation(
                    part.name,
                    arguments,
                    start,
                    self.chunk + part.end,
                    self.line(start),
                    self.conditions.at(start),
                )
            )

    def close(self, end: int) -> None:
        header = self.header
        if self.in_parens:
            self.in_parens = False
        elif header is None or header.kind in ("function", "definer", "other"):
            if header and header.kind != "other":
                self.function(header, end)
            self.chunk, self.header, self.uneven = end, None, False

    def function(self, header: Header, end: int) -> None:
        start, base = self.base + header.start, self.base
        group = self.text.code[base + header.group + 1 : base + header.end - 1]
        name, made_by = header.name, ""
        if header.kind == "definer":
            made_by = header.name
            words = [word.strip() for word in split_arguments(group)]
            name = DEFINERS.get(made_by, "{0}").format(*words)
            if not _WORD.fullmatch(name):
                self.skipped.append(f"line {self.line(start)}: no name in {made_by}()")
                return
            parameters: tuple[str, ...] = ()
        else:
            parameters = parameter_names(self.bare[base + header.group + 1 : base + header.end - 1])
        before = self.bare[start : base + header.group]
        static = made_by in STATIC_DEFINERS or bool(re.search(r"\bstatic\b", before))
        start = self.include_branches(start, base + header.end)
        body = self.bare.index("{", base + header.end)
        self.functions.append(
            FunctionRow(
                name,
                self.line(base + header.start),
                self.line(end - 1),
                start,
                end,
                parameters,
                static,
                self.conditions.at(start),
                self.calls(body, end),
                made_by,
                self.uneven,
            )
        )

    def include_branches(self, start: int, end: int) -> int:
        """Move a start back to the ``#if`` whose ``#else`` stands inside the header."""
        first = bisect_left(self.branch_starts, start)
        depth = 0
        for directive in self.branch_lines[first : bisect_left(self.branch_starts, end)]:
            if directive.word.startswith("if"):
                depth += 1
            elif depth == 0:
                break  # this one belongs to an #if before the start
            elif directive.word == "endif":
                depth -= 1
        else:
            return start
        for directive in reversed(self.branch_lines[max(0, first - _LOOK_BACK) : first]):
            if directive.word == "endif":
                depth += 1
            elif directive.word.startswith("if"):
                if depth == 0:
                    return directive.start
                depth -= 1
        return start

    def calls(self, start: int, end: int) -> str:
        lines = self.lines
        return " ".join(
            f"{match.group(1)}:{bisect_right(lines, match.start()) + 1}"
            for match in _CALL.finditer(self.bare, start, end)
            if match.group(1) not in _NOT_CALLS
        )

    def semicolon(self, offset: int) -> None:
        if self.inside_parens(offset):
            return
        text = self.bare[self.chunk : min(offset, self.chunk + MAX_HEADER)]
        header = self.header
        if header is None:
            self.record_invocations(text)
        elif header.kind in ("struct", "union", "enum"):
            self.type(header, offset + 1)
        if text.lstrip().startswith("typedef"):
            self.typedef(text, offset + 1)
        self.chunk, self.header, self.uneven = offset + 1, None, False

    def type(self, header: Header, end: int) -> None:
        start = self.base + header.start
        opened = self.bare.index("{", start)
        names = self.enumerators(opened, end) if header.kind == "enum" else ()
        self.add_type(header.kind, header.name, start, end, names)
        if header.kind != "enum":
            self.inner_types(opened + 1, end)

    def inner_types(self, start: int, limit: int) -> None:
        """Record the types with a name, and the enums, that a struct's body defines."""
        closed: dict[int, int] = {}
        stack: list[int] = []
        for brace in _BRACE.finditer(self.bare, start, limit):
            if brace.group() == "{":
                stack.append(brace.start())
            elif brace.group() == "}" and stack:
                closed[stack.pop()] = brace.end()
        for match in _INNER_TYPE.finditer(self.bare, start, limit):
            kind, name, opened = match.group(1), match.group(2) or "", match.end() - 1
            if opened in closed and (kind == "enum" or name):
                end = closed[opened]
                names = self.enumerators(opened, end) if kind == "enum" else ()
                self.add_type(kind, name, match.start(), end, names)

    def add_type(
        self, kind: str, name: str, start: int, end: int, names: tuple[str, ...] = ()
    ) -> None:
        conditions = self.conditions.at(start)
        self.types.append(TypeRow(kind, name, start, end, self.line(start), conditions, names))

    def enumerators(self, opened: int, end: int) -> tuple[str, ...]:
        names = []
        for match in _ENUMERATOR.finditer(self.bare, opened, end):
            name, after = match.group(1), match.group(2)
            if name:
                names.append(name if after in ",=}" else "?")
        return tuple(names)

    def typedef(self, text: str, end: int) -> None:
        if len(text) > MAX_TYPEDEF:
            self.skipped.append(f"line {self.line(end)}: typedef of more than {MAX_TYPEDEF} bytes")
            return
        start = self.chunk + len(text) - len(text.lstrip())
        tail = text[text.rindex("}") + 1 :] if "}" in text else text
        opened = tail.find("(")
        group = _TYPEDEF_GROUP.match(tail, opened) if opened >= 0 else None
        if group and not _ATTRIBUTE_END.search(tail[:opened]):
            names = [group.group(2)]
        else:
            pieces = [_BRACKETED.sub("", p) for p in split_arguments(tail)]
            words = [[w for w in _WORD.findall(p) if w not in ATTRIBUTES] for p in pieces]
            names = [found[-1] for found in words if found and found[-1] not in KEYWORDS]
        for name in names:
            self.add_type("typedef", name, start, end)
