"""Evaluates constant expressions over tokens, with a third answer for what is not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reviewer.cfacts.tokens import Token

NameValue = Callable[[str], int | None]

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_TYPE_WORDS = frozenset(
    [
        *("unsigned", "signed", "long", "int", "short", "char", "const", "volatile", "void"),
        *("u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "__u32", "__u64", "bool"),
        *("gfp_t", "pteval_t", "pgprotval_t", "size_t", "phys_addr_t", "vm_fault_t", "__force"),
        *("pmdval_t", "pudval_t", "p4dval_t", "pgdval_t", "slab_flags_t"),
    ]
)
_ESCAPES = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11, "\\": 92, "'": 39, '"': 34}
_MAX_NESTING = 40
# Sizes in bytes on x86-64; "int" says nothing beside another word.
SIZES = {
    "char": 1, "bool": 1, "_Bool": 1, "short": 2, "int": 4, "long": 8, "size_t": 8,
    "u8": 1, "u16": 2, "u32": 4, "u64": 8, "s8": 1, "s16": 2, "s32": 4, "s64": 8,
}  # fmt: skip
# Functions of constants: how many arguments, and what they yield.
_BUILTINS: dict[str, tuple[int, Callable[..., int]]] = {
    "__builtin_constant_p": (1, lambda value: 1),
    "__builtin_clz": (1, lambda value: 32 - value.bit_length()),
    "__builtin_clzl": (1, lambda value: 64 - value.bit_length()),
    "__builtin_clzll": (1, lambda value: 64 - value.bit_length()),
    "__builtin_ffs": (1, lambda value: (value & -value).bit_length()),
    "ilog2": (1, lambda value: value.bit_length() - 1),
    "const_ilog2": (1, lambda value: value.bit_length() - 1),
    "order_base_2": (1, lambda value: (value - 1).bit_length() if value > 1 else 0),
    "roundup_pow_of_two": (1, lambda value: 1 << (value - 1).bit_length()),
    "rounddown_pow_of_two": (1, lambda value: 1 << max(0, value.bit_length() - 1)),
    "min": (2, min),
    "max": (2, max),
    "min_t": (2, min),
    "max_t": (2, max),
}


class NotConstantError(Exception):
    """The tokens are not a constant expression that this reader knows."""


def parse_number(text: str) -> tuple[int, str] | None:
    """Return the value of an integer constant and its suffix, lower case and sorted."""
    lower = text.lower()
    digits = lower.rstrip("ul")
    suffix = "".join(sorted(lower[len(digits) :]))
    try:
        if len(digits) > 1 and digits[0] == "0" and digits[1] not in "xb":
            return int(digits, 8), suffix
        return int(digits, 0), suffix
    except ValueError:
        return None


def parse_character(text: str) -> int | None:
    """Return the value of a character constant with its quotes."""
    inner = text[text.index("'") + 1 : -1]
    if len(inner) == 1:
        return ord(inner)
    if inner.startswith("\\x"):
        return int("0" + inner[1:], 0) if len(inner) > 2 else None
    if inner.startswith("\\") and inner[1:].isdigit():
        return int(inner[1:], 8)
    return _ESCAPES.get(inner[1:]) if inner.startswith("\\") else None


class _Evaluator:
    def __init__(self, tokens: Sequence[Token], value_of: NameValue) -> None:
        self.tokens = tokens
        self.value_of = value_of
        self.at = 0
        self.nesting = 0

    def peek(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index].text if index < len(self.tokens) else ""

    def expect(self, text: str) -> None:
        if self.peek() != text:
            raise NotConstantError(f"expected {text!r}, found {self.peek()!r}")
        self.at += 1

    def ternary(self) -> int | None:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise NotConstantError("nests too deep")
        cond = self.binary(0)
        if self.peek() == "?":
            self.at += 1
            then = cond if self.peek() == ":" else self.ternary()
            self.expect(":")
            other = self.ternary()
            unknown = then if then == other else None
            cond = unknown if cond is None else then if cond else other
        self.nesting -= 1
        return cond

    def binary(self, level: int) -> int | None:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            op = self.peek()
            self.at += 1
            left = apply_operator(op, left, self.binary(level + 1))
        return left

    def unary(self) -> int | None:
        op = self.peek()
        if op in ("!", "-", "+", "~"):
            self.at += 1
            self.nesting += 1
            if self.nesting > _MAX_NESTING:
                raise NotConstantError("nests too deep")
            value = self.unary()
            self.nesting -= 1
            if value is None:
                return None
            return {"!": int(not value), "-": -value, "+": value, "~": ~value}[op]
        if op == "(":
            self.at += 1
            if self.peek() in _TYPE_WORDS:
                return self.cast()
            value = self.ternary()
            while self.peek() == ",":
                self.at += 1
                value = self.ternary()
            self.expect(")")
            return value
        return self.primary()

    def cast(self) -> int | None:
        words = []
        while self.peek() != ")":
            if self.peek() not in _TYPE_WORDS and self.peek() != "*":
                raise NotConstantError(f"unexpected {self.peek()!r} in a cast")
            words.append(self.peek())
            self.at += 1
        self.at += 1
        value = self.unary()
        if value is not None and value < 0 and ("unsigned" in words or words[0][0] in "up"):
            width = 64 if {"long", "u64", "pteval_t"} & set(words) else 32
            value &= (1 << width) - 1
        return value

    def primary(self) -> int | None:
        if self.at >= len(self.tokens):
            raise NotConstantError("ends too early")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "num":
            number = parse_number(token.text)
            if number is None:
                raise NotConstantError(f"not an integer: {token.text}")
            return number[0]
        if token.kind == "chr":
            return parse_character(token.text)
        if token.kind != "id":
            raise NotConstantError(f"unexpected {token.text!r}")
        if token.text == "sizeof":
            return self.size()
        if self.peek() == "(":
            return self.call(token.text)
        return self.value_of(token.text)

    def size(self) -> int | None:
        """Evaluate ``sizeof`` of a built-in type or a pointer."""
        start = self.at
        self.skip_group()
        words = {token.text for token in self.tokens[start + 1 : self.at - 1]}
        if "*" in words:
            return 8
        if not words <= SIZES.keys() | {"unsigned", "signed", "const", "volatile", "void"}:
            return None
        known = [SIZES[word] for word in words if word in SIZES and word != "int"]
        return known[0] if len(known) == 1 else 4 if not known else None

    def call(self, name: str) -> int | None:
        """Evaluate the compiler builtins that the kernel's log2 is made of."""
        start = self.at
        if name not in _BUILTINS:
            self.skip_group()
            return None
        self.at += 1
        if name.endswith("_t"):  # min_t(type, a, b)
            while self.peek() not in (",", ""):
                self.at += 1
            self.at += 1
        values = [self.ternary()]
        while self.peek() == ",":
            self.at += 1
            values.append(self.ternary())
        known = [value for value in values if value is not None]
        self.expect(")")
        wanted, function = _BUILTINS[name]
        if len(known) != len(values) or len(values) != wanted:
            self.at = start
            self.skip_group()
            return None
        return function(*known)

    def skip_group(self) -> None:
        depth = 0
        while self.at < len(self.tokens):
            depth += {"(": 1, ")": -1}.get(self.peek(), 0)
            self.at += 1
            if depth == 0:
                return
        raise NotConstantError("a parenthesis is never closed")


def apply_operator(op: str, left: int | None, right: int | None) -> int | None:
    """Return ``left op right`` of a C operator; None where it is not known or has no value."""
    if op == "&&":
        if left == 0 or right == 0:
            return 0
        return None if left is None or right is None else 1
    if op == "||":
        if left or right:
            return 1
        return None if left is None or right is None else 0
    if left is None or right is None:
        return None
    if op in ("<<", ">>"):
        if not 0 <= right < 512:
            return None
        return left << right if op == "<<" else left >> right
    if op in ("/", "%"):
        if right == 0:
            return None
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if op == "/" else left - quotient * right
    return int(_OPERATIONS[op](left, right))


_OPERATIONS: dict[str, Callable[[int, int], int | bool]] = {
    "|": int.__or__, "^": int.__xor__, "&": int.__and__, "==": int.__eq__, "!=": int.__ne__,
    "<": int.__lt__, ">": int.__gt__, "<=": int.__le__, ">=": int.__ge__,
    "+": int.__add__, "-": int.__sub__, "*": int.__mul__,
}  # fmt: skip


def evaluate_tokens(tokens: Sequence[Token], value_of: NameValue) -> int | None:
    """Return the value of a constant expression; None where a name in it is not known.

    Raises:
        NotConstantError: the tokens are no constant expression.
    """
    evaluator = _Evaluator(tokens, value_of)
    value = evaluator.ternary()
    if evaluator.at != len(tokens):
        raise NotConstantError(f"unexpected {evaluator.peek()!r}")
    return value
