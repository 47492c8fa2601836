"""Random C functions without undefined behaviour, for comparing the interpreter with gcc."""

from __future__ import annotations

import random

TYPES = (
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int",
    "long", "unsigned long", "long long", "unsigned long long", "_Bool",
)  # fmt: skip
PARAMETERS = (
    ("char", "a"), ("unsigned char", "b"), ("short", "c"), ("unsigned short", "d"), ("int", "e"),
    ("unsigned int", "f"), ("long", "g"), ("unsigned long", "h"),
)  # fmt: skip
HEADER = """
struct inner { short s; unsigned char c; };
struct bits {
	unsigned int one : 1;
	int three : 3;
	unsigned long wide : 37;
	long low : 20;
	unsigned char byte;
	union { int word; unsigned short half[2]; struct inner in; };
	struct inner pair[2];
};
"""
CONSTANTS = (
    "0", "1", "2", "-1", "7", "255", "256", "0x7f", "0x80", "0xff", "32767", "65535", "0x8000",
    "2147483647", "(-2147483647 - 1)", "0x80000000", "0xffffffff", "4294967295", "4294967296",
    "1UL", "0xffffffffffffffff", "0x8000000000000000", "9223372036854775807", "1U", "'a'",
    "3L", "5ULL", "0x123456789abcdef", "sizeof(struct bits)", "sizeof(int)",
)  # fmt: skip
FIELDS = (
    "v.one", "v.three", "v.wide", "v.low", "v.byte", "v.word", "v.half[1]", "v.in.s", "v.in.c",
    "v.pair[0].s", "v.pair[1].c", "p->three", "p->wide", "p->half[0]",
)  # fmt: skip


class Writer:
    """Writes functions; each has the parameters above, and returns a long."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: list[str] = []

    def expression(self, depth: int) -> str:
        pick = self.random.random()
        if depth <= 0 or pick < 0.1:
            return self.leaf()
        if pick < 0.5:
            op = self.random.choice(
                ["+", "-", "*", "&", "|", "^", "<", "<=", ">", ">=", "==", "!="]
            )
            return f"({self.expression(depth - 1)} {op} {self.expression(depth - 1)})"
        if pick < 0.58:
            op = self.random.choice(("<<", ">>"))
            return f"({self.expression(depth - 1)} {op} ({self.expression(depth - 2)} & 31))"
        if pick < 0.66:
            op = self.random.choice("/%")
            return f"({self.expression(depth - 1)} {op} (({self.expression(depth - 2)} & 7) + 2))"
        if pick < 0.74:
            return f"({self.random.choice('-~!+')} {self.expression(depth - 1)})"
        if pick < 0.82:
            return f"(({self.random.choice(TYPES)})({self.expression(depth - 1)}))"
        if pick < 0.88:
            op = self.random.choice(("&&", "||"))
            return f"({self.expression(depth - 1)} {op} {self.expression(depth - 1)})"
        if pick < 0.95:
            arms = f"{self.expression(depth - 1)} : {self.expression(depth - 1)}"
            return f"({self.expression(depth - 1)} ? {arms})"
        kind = self.random.choice(TYPES)
        inner = self.expression(depth - 1)
        return f"({{ {kind} t_ = {inner}; t_ ^= {self.leaf()}; (__typeof__(t_))(t_ + 1); }})"

    def leaf(self) -> str:
        pick = self.random.random()
        if pick < 0.3:
            return self.random.choice(CONSTANTS)
        if pick < 0.5:
            return self.random.choice(FIELDS)
        return self.random.choice(self.names)

    def target(self) -> str:
        return self.random.choice((*FIELDS, *self.names))

    def statement(self, depth: int, indent: str) -> str:
        pick = self.random.random()
        deeper = indent + "\t"
        if depth <= 0 or pick < 0.45:
            op = self.random.choice(("=", "=", "+=", "-=", "^=", "|=", "&=", "*="))
            return f"{indent}{self.target()} {op} {self.expression(3)};\n"
        if pick < 0.5:
            step = self.random.choice(("{}++", "++{}", "{}--", "--{}"))
            return indent + step.format(self.random.choice(self.names)) + ";\n"
        if pick < 0.7:
            text = f"{indent}if ({self.expression(2)}) {{\n{self.statement(depth - 1, deeper)}"
            if self.random.random() < 0.5:
                text += f"{indent}}} else {{\n{self.statement(depth - 1, deeper)}"
            return text + f"{indent}}}\n"
        if pick < 0.85:
            index = f"i{depth}"
            leave = self.random.choice(("continue", "break"))
            return (
                f"{indent}for (int {index} = 0; {index} < {self.random.randint(1, 6)}; "
                f"{index}++) {{\n{deeper}if ({self.expression(1)} == {index}) {leave};\n"
                f"{self.statement(depth - 1, deeper)}{indent}}}\n"
            )
        cases = "".join(
            f"{deeper}case {value}:\n{self.statement(depth - 1, deeper)}"
            + (f"{deeper}break;\n" if self.random.random() < 0.6 else "")
            for value in ("0", "1 ... 3", "5")
        )
        default = f"{deeper}default:\n{self.statement(depth - 1, deeper)}"
        return f"{indent}switch (({self.expression(2)}) & 7) {{\n{cases}{default}{indent}}}\n"

    def function(self, name: str) -> str:
        self.names = [parameter for _kind, parameter in PARAMETERS]
        text = ", ".join(f"{kind} {parameter}" for kind, parameter in PARAMETERS)
        text = f"long {name}({text})\n{{\n\tstruct bits v = {{ .three = -2, .wide = 5 }};\n"
        text += "\tstruct bits *p = &v;\n"
        for index in range(self.random.randint(1, 3)):
            kind = self.random.choice(TYPES)
            text += f"\t{kind} x{index} = {self.expression(3)};\n"
            self.names.append(f"x{index}")
        for _ in range(self.random.randint(1, 5)):
            text += self.statement(2, "\t")
        parts = [f"(unsigned long){x}" for x in (*self.names, *FIELDS)]
        return text + "\treturn " + " * 31UL + ".join(parts) + ";\n}\n"


def write_program(seed: int, functions: int) -> str:
    """Return the text of a file with ``f0`` .. ``fN``."""
    writer = Writer(seed)
    return HEADER + "\n".join(writer.function(f"f{i}") for i in range(functions))
