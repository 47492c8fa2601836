"""Which preprocessor conditionals stand around each place of a file."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from reviewer.cfacts.normalize import Directive

_SPACE = re.compile(r"(?:\\\r?\n|\s)+")
MAX_LEVELS = 50  # of nested conditionals
MAX_BRANCHES = 50  # of one conditional
UNKNOWN = "..."  # a condition that is not kept because it is over a limit; it is never known

_OPENERS = frozenset({"if", "ifdef", "ifndef"})


def condition_text(directive: Directive) -> str:
    """Return the condition of an ``#if``, ``#ifdef``, ``#ifndef`` or ``#elif`` as one line."""
    rest = _SPACE.sub(" ", directive.rest).strip()
    if directive.word == "ifdef":
        return f"defined({rest})"
    if directive.word == "ifndef":
        return f"!defined({rest})"
    return rest


def find_guard(directives: Sequence[Directive]) -> str:
    """Return the macro that guards a header against a second reading, else ""."""
    meaningful = [d for d in directives if d.word not in ("include", "")]
    if len(meaningful) < 3 or meaningful[0].word not in ("ifndef", "if"):
        return ""
    opened, defined = meaningful[0], meaningful[1]
    name = re.sub(r"\W+|\bdefined\b", "", opened.rest)
    words = defined.rest.split()
    if defined.word != "define" or not words or words[0] != name or len(words) > 2:
        return ""
    depth = 0
    for directive in meaningful:
        depth += (directive.word in _OPENERS) - (directive.word == "endif")
        if depth == 0:
            return name if directive is meaningful[-1] else ""
    return name


class ConditionMap:
    """The condition stack at every offset of a file, header guard left out."""

    def __init__(self, directives: Sequence[Directive]) -> None:
        self.guard = find_guard(directives)
        self._starts = [0]
        self._stacks: list[tuple[str, ...]] = [()]
        self._read(directives)

    def _read(self, directives: Sequence[Directive]) -> None:
        # One entry a level: the conditions of the branches before this one, then this one.
        levels: list[tuple[list[str], str]] = []
        guard_level = -1
        for directive in directives:
            word = directive.word
            if word in _OPENERS:
                text = condition_text(directive)
                if self.guard and guard_level < 0 and self.guard in text:
                    guard_level, text = len(levels), ""
                levels.append(([text], text))
            elif word in ("elif", "else") and levels:
                earlier = levels[-1][0]
                parts = [f"!({text})" for text in earlier if text]
                if len(earlier) > MAX_BRANCHES:
                    parts = [UNKNOWN]
                elif word == "elif":
                    text = condition_text(directive)
                    parts.append(f"({text})" if parts else text)
                    earlier.append(text)
                levels[-1] = (earlier, " && ".join(parts))
            elif word == "endif" and levels:
                levels.pop()
            else:
                continue
            self._starts.append(directive.end)
            stack = tuple(text for _, text in levels[:MAX_LEVELS] if text)
            self._stacks.append((*stack, UNKNOWN) if len(levels) > MAX_LEVELS else stack)

    def at(self, offset: int) -> tuple[str, ...]:
        """Return the conditions around an offset, outermost first."""
        return self._stacks[bisect_right(self._starts, offset) - 1]
