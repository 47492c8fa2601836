"""Chooses the definition that is meant under a configuration, and decides conditions.

Three values: a condition is true, false, or not known (None). Of several definitions true
beats unknown; one whose conditions are false is no definition. Among equals: the asking
file's own, then what it includes, then the order of ``ranks`` in kernel_config.toml, then
the last in its file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from reviewer.cfacts.config import PREDEFINED, RANKS, UNDEFINED, KernelConfig
from reviewer.cfacts.constants import NotConstantError, evaluate_tokens
from reviewer.cfacts.expand import Expander, ExpansionLimitError, Macro
from reviewer.cfacts.filefacts import MacroRow
from reviewer.cfacts.index import TreeIndex
from reviewer.cfacts.normalize import SourceText
from reviewer.cfacts.tables import PRIMITIVE_PREFIXES, PRIMITIVES
from reviewer.cfacts.tokens import Token, iter_tokens

Lines = tuple[int, int]
Found = tuple[str, MacroRow]

ANY_LINE: Lines = (0, sys.maxsize)

_CONDITION_LIMIT = 20_000  # tokens
_MAX_ASKING = 16  # macros whose conditions ask for one another


def rank(path: str) -> int:
    """Return how far back a path stands in the order of ``ranks``; the longest prefix counts."""
    found = [(len(prefix), i) for i, prefix in enumerate(RANKS) if path.startswith(prefix)]
    return max(found)[1] if found else len(RANKS)


class MacroChooser:
    """The macros of one tree under one configuration."""

    def __init__(self, index: TreeIndex, config: KernelConfig) -> None:
        self.index = index
        self.config = config
        self._truth: dict[tuple[str, str], bool | None] = {}
        self._asking: list[str] = []
        index.holds = lambda conditions: self.truth(conditions, "")
        self.generated: Callable[[str, str], int | None] | None = None
        self._cuts = 0  # how often a question met itself: such an answer is not kept
        self._found: dict[tuple[str, str, Lines], Found | None] = {}
        self._ready: dict[tuple[str, int], Macro] = {}

    def take_over(self, like: MacroChooser, changed: frozenset[str]) -> None:
        """Take what was found out in a tree that differs in the ``.c`` files ``changed`` only."""
        self._truth |= {key: v for key, v in like._truth.items() if key[1] not in changed}
        self._found |= {key: v for key, v in like._found.items() if key[1] not in changed}
        self._ready |= {key: v for key, v in like._ready.items() if key[0] not in changed}

    # ---- conditions --------------------------------------------------------------------

    def truth(self, conditions: Sequence[str], near: str) -> bool | None:
        """Say whether all the conditions hold in the file ``near``; None: not known."""
        result: bool | None = True
        for text in conditions:
            value = self._holds(text, near)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    def _holds(self, text: str, near: str) -> bool | None:
        key = (text, near if near.endswith(".c") else "")
        if key in self._truth:
            return self._truth[key]
        cuts = self._cuts
        tokens = self._replace_defined(list(iter_tokens(text, near, 1)), near, text)
        expander = self.expander(near, limit=_CONDITION_LIMIT, primitives=False)
        try:
            value = evaluate_tokens(expander.expand(tokens), self._value)
        except (NotConstantError, ExpansionLimitError):
            value = None
        result = None if value is None else bool(value)
        if cuts == self._cuts:
            self._truth[key] = result
        return result

    @staticmethod
    def _value(name: str) -> int | None:
        # What is no macro is 0 in a conditional, but "unknown" is our own third value.
        return None if name == "?" else 0

    def _replace_defined(self, tokens: list[Token], near: str, text: str) -> list[Token]:
        out: list[Token] = []
        position = 0
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token.text != "defined":
                out.append(token)
                continue
            parens = position < len(tokens) and tokens[position].text == "("
            position += parens
            name = tokens[position].text if position < len(tokens) else ""
            position += 1 + parens
            known = self.defined(name, near, text)
            kind, answer = ("id", "?") if known is None else ("num", str(int(known)))
            out.append(token.like(kind, answer))
        return out

    def defined(self, name: str, near: str, asking: str = "") -> bool | None:
        """Say whether a macro is defined where the file ``near`` asks.

        ``asking`` is the condition that wants to know: what is defined under it does not count,
        for it comes later ("#ifndef X", then a fallback for X).
        """
        if name.startswith("CONFIG_"):
            option = name.removesuffix("_MODULE")
            value = self.config.value(option)
            return value == "m" if option != name else bool(value) and value != "m"
        if name in PREDEFINED:
            return True
        if name in UNDEFINED:
            return False
        if len(self._asking) > _MAX_ASKING:
            self._cuts += 1
            return None
        if name in self._asking:
            self._cuts += 1
            others = [
                (path, row)
                for path, row in self._variants(name, near)
                if not any(name in text for text in row.conditions)
            ]
            return any(self.truth(row.conditions, path) is not False for path, row in others)
        results = {
            self._variant_truth(path, row)
            for path, row in self._variants(name, near)
            if asking not in row.conditions
        }
        return True if True in results else None if None in results else False

    def _variant_truth(self, path: str, row: MacroRow) -> bool | None:
        if not row.conditions:
            return True
        self._asking.append(row.name)
        try:
            return self.truth(row.conditions, path)
        finally:
            self._asking.pop()

    def _variants(self, name: str, near: str) -> list[Found]:
        found = []
        for path in self.index.macros.get(name, ()):
            if path != near and not path.endswith(".h"):
                continue
            if near and path != near and not self.index.is_live(path):
                continue
            rows = self.index.facts_of(path).macros
            found += [(path, row) for row in rows if row.name == name]
        for path in self.index.constants.get(name, ()):
            rows = self.index.facts_of(path).constants
            found += [(path, row) for row in rows if row.name == name]
        return found

    # ---- definitions -------------------------------------------------------------------

    def find(self, name: str, near: str, lines: Lines = ANY_LINE) -> Found | None:
        """Return the file and the definition of a macro that the file ``near`` means.

        ``lines`` are the first and the last line of the text that asks: a macro of its own is
        there from its ``#define`` to its ``#undef``.
        """
        if near not in self.index.macros.get(name, ()):
            lines = ANY_LINE
        key = (name, near, lines)
        if key in self._found:
            return self._found[key]
        cuts = self._cuts
        found = self._choose(name, near, lines)
        if cuts == self._cuts or not self._asking:
            self._found[key] = found
        return found

    def _choose(self, name: str, near: str, lines: Lines) -> Found | None:
        if name not in self.index.macros and name not in self.index.constants:
            return None
        found: list[tuple[bool, int, Found]] = []
        for order, (path, row) in enumerate(self._variants(name, near)):
            if path == near:
                if row.line > lines[1] or 0 < row.until <= lines[0]:
                    continue
            elif row.until:
                continue
            # A lower-case word that some far header defines is not what this file means.
            if row.parameters is None and name.islower() and near and not self._sees(near, path):
                continue
            truth = self._variant_truth(path, row)
            if truth is not False:
                found.append((truth is True, order, (path, row)))
        if len(found) < 2:
            return found[0][2] if found else None

        def standing(candidate: tuple[bool, int, Found]) -> tuple[object, ...]:
            holds, order, (path, _) = candidate
            return (holds, path == near, self._sees(near, path), -rank(path), path, order)

        return max(found, key=standing)[2]

    def _sees(self, near: str, path: str) -> bool:
        """Say whether a file includes another. What it includes is found out when first asked."""
        return bool(near) and path in self.index.closure(near)

    def macro(self, name: str, near: str, lines: Lines = ANY_LINE) -> Macro | None:
        """Return a macro ready to expand, None where there is none."""
        if name in PREDEFINED:
            text = PREDEFINED[name]
            return Macro(name, "", None, False, tuple(iter_tokens(text, "", 0)))
        found = self.find(name, near, lines)
        if found is None:
            return None
        path, row = found
        key = (path, id(row))
        ready = self._ready.get(key)
        if ready is None:
            text = row.body
            if row in self.index.facts_of(path).constants and self.generated is not None:
                # The build computes it: a conditional sees the number, not the enumerator.
                value = self.generated(text, path)
                text = text if value is None else str(value)
            body = tuple(iter_tokens(text, path, row.line))
            ready = Macro(name, path, row.parameters, row.variadic, body)
            self._ready[key] = ready
        return ready

    def expander(
        self, near: str, lines: Lines = ANY_LINE, *, limit: int = 0, primitives: bool = True
    ) -> Expander:
        """Return an expander for lines of ``near``; primitives stay unexpanded."""
        found: dict[str, Macro | None] = {}

        def lookup(name: str) -> Macro | None:
            if name not in found:
                kept = primitives and (name in PRIMITIVES or name.startswith(PRIMITIVE_PREFIXES))
                found[name] = None if kept else self.macro(name, near, lines)
            return found[name]

        option = self.config.value
        return Expander(lookup, option, limit=limit) if limit else Expander(lookup, option)

    # ---- text --------------------------------------------------------------------------

    def select(self, text: SourceText, start: int, end: int, near: str) -> str:
        """Return ``code[start:end]`` with directives and the branches not taken blanked."""
        pieces = []
        position = start
        # One entry a level: (this branch is read, one was taken already).
        levels: list[tuple[bool, bool]] = []
        for directive in text.directives:
            if directive.start < start or directive.start >= end:
                continue
            taken = all(read for read, _ in levels)
            piece = text.code[position : directive.start]
            pieces.append(piece if taken else _blank(piece))
            pieces.append(_blank(text.code[directive.start : directive.end]))
            position = directive.end
            self._step(directive.word, directive.rest, levels, near)
        taken = all(read for read, _ in levels)
        piece = text.code[position:end]
        pieces.append(piece if taken else _blank(piece))
        return "".join(pieces)

    def _step(self, word: str, rest: str, levels: list[tuple[bool, bool]], near: str) -> None:
        rest = " ".join(rest.replace("\\\n", " ").split())
        if word in ("if", "ifdef", "ifndef"):
            text = {"if": rest, "ifdef": f"defined({rest})", "ifndef": f"!defined({rest})"}[word]
            holds = self._holds(text, near) is not False
            levels.append((holds, holds))
        elif word == "elif" and levels:
            done = levels[-1][1]
            holds = not done and self._holds(rest, near) is not False
            levels[-1] = (holds, done or holds)
        elif word == "else" and levels:
            levels[-1] = (not levels[-1][1], True)
        elif word == "endif" and levels:
            levels.pop()


def _blank(text: str) -> str:
    return "\n" * text.count("\n")
