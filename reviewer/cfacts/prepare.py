"""Turns expanded tokens into text that the parser cannot misread.

A C parser that does not know the typedefs guesses: ``(x) & y`` may be a cast, ``f(int)`` is
an error. Here the typedefs are known, so a type's name is written as ``struct __T_name``,
``typeof(x)`` as ``struct __Y_0``, a type standing as an argument as ``__A_0``, assembly as
``__S_0``; attributes are dropped. ``lower`` reads the marks back.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from reviewer.cfacts.marks import (
    ASSEMBLY,
    CASE_RANGE,
    TYPEDEF,
    TYPEOF,
    Prepared,
    find_group_end,
    lay_out,
)
from reviewer.cfacts.tables import DROPPED_WORDS, KEYWORDS
from reviewer.cfacts.tokens import Token
from reviewer.cfacts.typenames import (
    TAGS,
    TypeNames,
    local_typedefs,
    mark_type_arguments,
    shadowed_names,
)

_ATTRIBUTES = frozenset({"__attribute__", "__attribute"})
_ASM = frozenset({"asm", "__asm__", "__asm"})
_ASM_WORDS = frozenset({"volatile", "__volatile__", "__volatile", "goto", "inline", "__inline"})
_TYPEOF = frozenset({"typeof", "__typeof__", "__typeof", "typeof_unqual", "__typeof_unqual__"})
_RENAMED = {
    "offsetof": "__builtin_offsetof",
    "_Alignof": "__builtin_alignof",
    "__alignof__": "__builtin_alignof",
    "__alignof": "__builtin_alignof",
    "__volatile__": "volatile",
    "__volatile": "volatile",
    "__signed__": "signed",
    "_Noreturn": "",
}
_OPERATORS_AFTER_CAST = frozenset({"&", "*", "-", "+", "(", "~", "!"})


def prepare(
    tokens: Sequence[Token], typedefs: Container[str], *, keep: str = "", body: bool = True
) -> Prepared:
    """Return the text for one definition. ``keep`` is a typedef's name that it defines itself.

    ``body`` says that the tokens hold statements, where a call's argument may be a type; without
    it they are a type, whose packing and alignment matter.
    """
    prepared = Prepared()
    local = local_typedefs(tokens)
    shadowed = shadowed_names(tokens, typedefs, local) | {keep}
    known = TypeNames(typedefs, local, shadowed)
    out = _Writer(prepared, known, layout=not body).write(tokens)
    if body:
        out = mark_type_arguments(out, prepared)
    lay_out(out, prepared)
    return prepared


class _Writer:
    """One pass over the tokens, building the output as a stack."""

    def __init__(self, prepared: Prepared, known: TypeNames, *, layout: bool) -> None:
        self.prepared = prepared
        self.known = known
        self.layout = layout
        self.attribute_end = -1
        self.out: list[Token] = []
        self.parens: list[int] = []
        self.braces = 0
        self.opened_by: dict[int, int] = {}

    def write(self, tokens: Sequence[Token]) -> list[Token]:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.kind == "id":
                position = self.word(tokens, position)
            elif token.kind == "str" and self.out and self.out[-1].kind == "str":
                last = self.out.pop()
                self.out.append(last.like("str", last.text[:-1] + token.text[1:]))
                position += 1
            else:
                self.punctuation(tokens, position)
                position += 1
        return self.out

    def before(self) -> str:
        return self.out[-1].text if self.out else ""

    def word(self, tokens: Sequence[Token], position: int) -> int:
        token = tokens[position]
        text = token.text
        after = tokens[position + 1].text if position + 1 < len(tokens) else ""
        if text in _ATTRIBUTES and after == "(":
            return self.attribute(tokens, position)
        if text in DROPPED_WORDS:
            return position + 1
        if text == "__label__":
            while position < len(tokens) and tokens[position].text != ";":
                position += 1
            return position + 1
        if text in _ASM:
            return self.assembly(tokens, position)
        if text in _TYPEOF and after == "(":
            end = find_group_end(tokens, position + 1)
            self.prepared.typeofs.append(list(tokens[position + 2 : end]))
            self.type_mark(token, f"{TYPEOF}{len(self.prepared.typeofs) - 1}")
            return end + 1
        if text == "case":
            return self.case(tokens, position)
        if self.is_type(tokens, position):
            self.type_mark(token, TYPEDEF + text)
        else:
            text = _RENAMED.get(text, text)
            self.out.append(token if text == token.text else token.like("id", text))
        return position + 1

    def attribute(self, tokens: Sequence[Token], position: int) -> int:
        """Drop an attribute; in a type keep what lays it out, adjacent ones as one."""
        end = find_group_end(tokens, position + 1)
        words = list(tokens[position + 3 : end - 1])
        if not self.layout or not any(t.text.strip("_") in ("packed", "aligned") for t in words):
            return end + 1
        token = tokens[position]
        if self.attribute_end == len(self.out):
            del self.out[-2:]
            self.out.append(token.like("op", ","))
        else:
            self.out += [token.like("id", "__attribute__"), *(token.like("op", "("),) * 2]
        self.out += [*words, *(token.like("op", ")"),) * 2]
        self.attribute_end = len(self.out)
        return end + 1

    def type_mark(self, token: Token, name: str) -> None:
        self.out += [token.like("id", "struct"), token.like("id", name)]

    def is_type(self, tokens: Sequence[Token], position: int) -> bool:
        before = self.before()
        if before in (".", "->", "goto") or before in TAGS:
            return False
        text = tokens[position].text
        if text in self.known.shadowed:
            return False
        after = tokens[position + 1] if position + 1 < len(tokens) else None
        if text in self.known:
            return after is None or after.text not in ("=", ".", "->", "++", "--", ":")
        # "(name) x" can only be a cast, whether or not the typedef is in the tree's part.
        if before == "(" and after is not None and after.text == ")" and text not in KEYWORDS:
            follows = tokens[position + 2] if position + 2 < len(tokens) else None
            opener = self.out[-2].text if len(self.out) > 1 else ""
            called = len(self.out) > 1 and (self.out[-2].kind == "id" or opener in (")", "]"))
            if follows is None or (called and opener not in ("return", "case")):
                return False
            if follows.kind != "op":
                return follows.text not in KEYWORDS or follows.text == "sizeof"
            return text.endswith("_t") and follows.text in _OPERATORS_AFTER_CAST
        return False

    def assembly(self, tokens: Sequence[Token], position: int) -> int:
        token = tokens[position]
        end = position + 1
        while end < len(tokens) and tokens[end].text in _ASM_WORDS:
            end += 1
        if end >= len(tokens) or tokens[end].text != "(":
            return end
        close = find_group_end(tokens, end)
        before = self.out[-1] if self.out else token
        if before.kind == "id" and before.text not in ("else", "do"):
            return close + 1  # the register or symbol of a declarator
        self.prepared.assembly.append(list(tokens[position : close + 1]))
        self.out.append(token.like("id", f"{ASSEMBLY}{len(self.prepared.assembly) - 1}"))
        return close + 1

    def case(self, tokens: Sequence[Token], position: int) -> int:
        """Write GNU ``case a ... b:`` as a call of the mark with two arguments."""
        dots = end = position + 1
        while end < len(tokens) and tokens[end].text not in (":", ";", "{", "case"):
            if tokens[end].text == "...":
                dots = end
            end += 1
        self.out.append(tokens[position])
        if dots == position + 1:
            return position + 1
        token = tokens[position]
        self.out += [token.like("id", CASE_RANGE), token.like("op", "(")]
        self.out += [*tokens[position + 1 : dots], tokens[dots].like("op", ",")]
        self.out += [*tokens[dots + 1 : end], tokens[end - 1].like("op", ")")]
        return end

    def punctuation(self, tokens: Sequence[Token], position: int) -> None:
        token = tokens[position]
        text = token.text
        if text == "(":
            self.parens.append(len(self.out))
        elif text == ")" and self.parens:
            opened = self.parens.pop()
            if self.collapse(opened):
                return
            self.opened_by[len(self.out)] = opened
        elif text == "{":
            if self.braces:
                self.loop(token)
            self.braces += 1
        elif text == "}":
            self.braces -= 1
            if self.before() == ":":
                self.out.append(token.like("op", ";"))
        self.out.append(token)

    def collapse(self, opened: int) -> bool:
        """Drop the parentheses of ``(x)`` where x is a variable; say whether that was done."""
        if len(self.out) != opened + 2 or (
            not self.braces and opened and self.out[opened - 1].kind == "id"
        ):
            return False
        inner = self.out[opened + 1]
        if inner.kind != "id" or inner.text in KEYWORDS or inner.text.startswith(TYPEDEF):
            return False
        before = self.out[opened - 1] if opened else None
        if before is not None and (
            before.text in (")", "]", "}")
            or (before.kind == "id" and before.text not in ("return", "case", "sizeof", "else"))
        ):
            return False
        del self.out[opened:]
        self.out.append(inner)
        return True

    def loop(self, brace: Token) -> None:
        """Write an unknown macro before a block, ``for_each_x(a, b) {``, as a while loop."""
        opened = self.opened_by.get(len(self.out) - 1)
        if self.before() != ")" or not opened:
            return
        name = self.out[opened - 1]
        boundary = self.out[opened - 2].text if opened > 1 else ""
        starts = boundary in (";", "{", "}", ":", ")") or boundary in ("else", "do")
        if name.kind == "id" and name.text not in KEYWORDS and starts:
            self.out.insert(opened - 1, name.like("op", "("))
            self.out.insert(opened - 1, name.like("id", "while"))
            self.out.append(brace.like("op", ")"))
