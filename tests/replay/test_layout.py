"""Struct layouts: gcc's on structs of our own, BTF's on the kernel's struct page."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.model.ctree import CType, Field, Number, Span, StructDef, TypedefDef
from reviewer.replay.interpreter.interp import make_machine
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.layout import Types
from reviewer.replay.memory.placing import Layout
from reviewer.replay.memory.valuetype import StructType
from reviewer.replay.stepping.thread import Undecided

STRUCTS = """
struct t_plain { char a; int b; short c; long d; char e; };
struct t_nested { char a; struct { short b; struct t_plain c; }; union { int d; char e[9]; }; };
struct t_bits { unsigned a:3; unsigned b:30; char c; unsigned long d:40; unsigned long e:30; };
struct t_mixed { char a; int b:7; int c:20; int :0; short d; unsigned char e:4; char f; };
struct t_array { int a[3]; char b[5][7]; struct t_plain c[2]; long d[]; };
union t_union { char a; struct t_bits b; long c[3]; };
struct t_pointers { char a; void *b; int (*c)(int, char); struct t_plain *d[3]; };
"""
MEMBERS = {
    "struct t_plain": "a b c d e",
    "struct t_nested": "a b c d e",
    "struct t_bits": "c",
    "struct t_mixed": "a d f",
    "struct t_array": "a b c d",
    "union t_union": "a b c",
    "struct t_pointers": "a b c d",
}


def _layout(machine: Machine, name: str) -> Layout:
    return machine.types.layout(machine.types.struct(name))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on this machine")
def test_layout_is_gccs(tmp_path: Path, machine_of: Callable[[str], Machine]) -> None:
    lines = [STRUCTS, "int printf(const char *, ...);\nint main(void)\n{"]
    wanted = []
    machine = machine_of(STRUCTS)
    for name, members in MEMBERS.items():
        lines.append(f'\tprintf("%lu %lu\\n", sizeof({name}), _Alignof({name}));')
        layout = _layout(machine, name)
        wanted += [layout.size, layout.align]
        for member in members.split():
            lines.append(f'\tprintf("%lu\\n", __builtin_offsetof({name}, {member}));')
            wanted.append(layout.members[member].offset)
    lines.append("\treturn 0;\n}")
    source = tmp_path / "layout.c"
    source.write_text("\n".join(lines))
    program = tmp_path / "layout"
    subprocess.run(["gcc", "-w", "-o", str(program), str(source)], check=True)
    output = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    assert wanted == [int(word) for word in output.split()]


def test_bit_fields_lie_where_their_type_lets_them(machine_of: Callable[[str], Machine]) -> None:
    members = _layout(machine_of(STRUCTS), "struct t_bits").members
    starts = {n: members[n].offset * 8 + members[n].shift for n in "abde"}
    assert starts == {"a": 0, "b": 32, "d": 128 - 56, "e": 128}


def test_a_struct_that_is_not_defined_is_undecided(machine_of: Callable[[str], Machine]) -> None:
    machine = machine_of("struct t_other;")
    with pytest.raises(Undecided, match="needs struct t_other"):
        _layout(machine, "struct t_other")


@pytest.mark.parametrize("name", ["struct t_self", "struct t_turn"])
def test_a_type_that_holds_itself_is_undecided(
    name: str, machine_of: Callable[[str], Machine]
) -> None:
    text = (
        "struct t_self { int a; struct t_self b; };\ntypedef t_two t_one;\ntypedef t_one t_two;\n"
    )
    machine = machine_of(text + "struct t_turn { t_one a; };")
    with pytest.raises(Undecided, match="needs"):
        _layout(machine, name)


class _NoDefinitions:
    def find_struct(self, kind_and_name: str) -> StructDef | None:
        return None

    def find_typedef(self, name: str) -> TypedefDef | None:
        return None

    def find_enumerator(self, name: str) -> int | None:
        return None


def _number(value: int) -> Number:
    return Number(Span("", 0), value)


def _attributes(
    *fields: Field, packed: bool = False, aligned: int = 0
) -> tuple[int, int, dict[str, int]]:
    asked = _number(aligned) if aligned else None
    definition = StructDef(Span("", 0), "struct", "", fields, packed, asked)
    types = Types(_NoDefinitions())
    types.fold = lambda expr: expr.value if isinstance(expr, Number) else None
    layout = types.layout(StructType("struct", "", definition))
    return layout.size, layout.align, {n: at.offset for n, at in layout.members.items()}


def test_attributes_move_members_as_gcc_moves_them() -> None:
    char, number, long = CType("char"), CType("int"), CType("long")
    plain = (Field("a", char), Field("b", number), Field("c", long))
    assert _attributes(*plain, packed=True) == (13, 1, {"a": 0, "b": 1, "c": 5})
    assert _attributes(Field("a", number), aligned=64) == (64, 64, {"a": 0})
    middle = (Field("a", char), Field("b", number, aligned=_number(16)), Field("c", char))
    assert _attributes(*middle) == (32, 16, {"a": 0, "b": 16, "c": 20})


@pytest.mark.kernel
@pytest.mark.parametrize("version", ["6_1", "6_12"])
def test_struct_page_is_laid_out_as_debians_image_has_it(
    version: str, kernel_code: Callable[[str], CodeBase], kernel_image: Callable[[str], Any]
) -> None:
    btf = kernel_image(version).btf
    machine = make_machine(kernel_code(version))
    for name in ("page", "folio"):
        wanted = btf.find(name)
        layout = _layout(machine, f"struct {name}")
        if name == "page":
            assert layout.size == wanted.size
        ours = {
            member: (place.offset * 8 + place.shift, place.bits)
            for member, place in layout.members.items()
        }
        assert ours == btf.flat(wanted)
