"""Every call that the C preprocessor sees is found, in the function it stands in.

The compiler's preprocessor runs under our configuration, without a build: the headers that a
build would generate are written to a directory of the test's own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree
from reviewer.model.facts import FunctionFacts, Skipped

# The page helpers that FACTS.md names, and what they are made of.
HELPERS = (
    *("PageDoubleMap", "page_mapcount", "__page_mapcount", "compound_mapcount", "page_mapped"),
    *("compound_mapcount_ptr", "total_mapcount", "folio_entire_mapcount", "folio_mapcount"),
    *("folio_precise_page_mapcount", "PageTransHuge", "thp_nr_pages", "folio_test_large"),
    *("folio_flags", "_compound_head", "PageTail", "PageHead", "PageCompound", "page_count"),
    *("get_page_unless_zero", "folio_try_get", "try_get_page", "folio_ref_count", "dump_page"),
    *("PageAnon", "PageHuge", "PageSlab", "PageLRU", "PageLocked", "pfn_to_online_page"),
    *("page_ref_count", "folio_test_hugetlb", "compound_order", "compound_nr", "folio_nr_pages"),
    *("folio_mapped", "folio_large_mapcount", "const_folio_flags", "folio_test_anon"),
)
FILES = (
    *("fs/proc/page.c", "fs/proc/task_mmu.c", "mm/rmap.c", "mm/memory.c", "mm/huge_memory.c"),
    *("mm/memory-failure.c", "mm/swap.c", "mm/migrate.c", "mm/debug.c", "mm/util.c", "mm/gup.c"),
    *("mm/page_alloc.c", "mm/ksm.c", "mm/compaction.c", "mm/hugetlb.c", "mm/vmscan.c"),
    *("mm/page_idle.c", "mm/filemap.c", "mm/swapfile.c", "mm/khugepaged.c", "mm/truncate.c"),
)
_CALL = re.compile(rf"\b({'|'.join(HELPERS)})\s*\(")


_MARKER = re.compile(r'^# (\d+) "([^"]*)"')
_GENERIC = re.compile(r"^(?:generic|mandatory)-y\s*\+?=\s*(\S+)", re.MULTILINE)
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')


def write_generated_headers(root: Path, code: CodeBase, out: Path) -> None:
    """Write the headers of a configured tree that the preprocessor asks for."""
    generated = out / "generated"
    for folder in (generated / "uapi/linux", out / "asm", out / "uapi/asm"):
        folder.mkdir(parents=True, exist_ok=True)
    options = []
    for line in code.config.lines():
        name, value = line.split("=", 1)
        options.append(f"#define {name} {1 if value == 'y' else value}\n")
    (generated / "autoconf.h").write_text("".join(options))
    bounds = code.index.facts_of("kernel/bounds.c").constants
    values = {row.name: code.evaluate(row.name) for row in bounds}
    (generated / "bounds.h").write_text(
        "".join(f"#define {name} {value}\n" for name, value in values.items() if value is not None)
    )
    (generated / "uapi/linux/version.h").write_text("#define LINUX_VERSION_CODE 0\n")
    empty = ["generated/asm-offsets.h", "generated/timeconst.h", "generated/utsrelease.h"]
    empty += ["generated/compile.h", "generated/rq-offsets.h", "asm/cpufeaturemasks.h"]
    empty += ["generated/vdso-offsets.h", "asm/syscalls_64.h", "asm/unistd_64_x32.h"]
    empty += ["asm/unistd_32_ia32.h", "asm/unistd_32.h", "asm/unistd_64.h", "asm/unistd_x32.h"]
    empty += ["asm/inat-tables.c", "asm/xen-hypercalls.h"]
    for name in empty:
        (out / name).write_text("")
    for kbuild, arch in (
        ("include/asm-generic/Kbuild", "arch/x86/include/asm"),
        ("arch/x86/include/asm/Kbuild", "arch/x86/include/asm"),
        ("include/uapi/asm-generic/Kbuild", "arch/x86/include/uapi/asm"),
        ("arch/x86/include/uapi/asm/Kbuild", "arch/x86/include/uapi/asm"),
    ):
        where = root / kbuild
        for name in _GENERIC.findall(where.read_text()) if where.exists() else ():
            if not (root / arch / name).exists():
                target = out / ("uapi/asm" if "uapi" in arch else "asm") / name
                target.write_text(f"#include <asm-generic/{name}>\n")


def preprocess(root: Path, generated: Path, path: str) -> str:
    """Return the preprocessed text of a file of the tree, with line markers."""
    includes = [
        "arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi",
    ]  # fmt: skip
    command = ["gcc", "-E", "-nostdinc", "-D__KERNEL__", "-std=gnu11", "-fshort-wchar"]
    command += ["-m64", "-O2", f'-DKBUILD_MODNAME="{Path(path).stem}"', '-DKBUILD_MODFILE="x"']
    command += [f'-DKBUILD_BASENAME="{Path(path).stem}"', "-D__KBUILD_MODNAME=kmod_x"]
    command += [f"-I{generated}", f"-I{generated / 'uapi'}"]
    command += [f"-I{name}" for name in includes] + [f"-I{Path(path).parent}"]
    command += ["-include", "include/linux/compiler-version.h"]
    command += ["-include", "include/linux/kconfig.h", "-include", "include/linux/compiler_types.h"]
    done = subprocess.run([*command, path], cwd=root, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(f"gcc -E {path}: {done.stderr[-600:]}")
    return done.stdout


def iter_lines(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield path, line and text (without string literals) of preprocessed text."""
    path, line = "", 0
    for row in text.split("\n"):
        marker = _MARKER.match(row)
        if marker:
            line, path = int(marker.group(1)), marker.group(2)
            continue
        if row.strip():
            yield path, line, _STRING.sub('""', row)
        line += 1


def called_names(value: object) -> set[str]:
    """Return the names that a tree calls directly."""
    names = set()
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo += node
        elif isinstance(node, ctree.Call) and isinstance(node.callee, ctree.Name):
            names.add(node.callee.name)
            todo += node.args
        elif hasattr(node, "__dataclass_fields__"):
            fields = node.__dataclass_fields__
            todo += [getattr(node, name) for name in fields if name != "span"]
    return names


class _Ranges:
    """The enabled functions of files by line."""

    def __init__(self, code: CodeBase) -> None:
        self.code = code
        self.by_file: dict[str, dict[int, list[FunctionFacts]]] = {}

    def at(self, path: str, line: int) -> list[FunctionFacts]:
        if path not in self.code.index.known:
            return []
        if path not in self.by_file:
            lines: dict[int, list[FunctionFacts]] = defaultdict(list)
            for facts in (*self.code.functions_in(path), *self.code.made_in(path)):
                if self.code.enabled(facts.conditions, path) is not False:
                    for number in range(facts.line, facts.end_line + 1):
                        lines[number].append(facts)
            self.by_file[path] = lines
        return self.by_file[path].get(line, [])


@pytest.mark.kernel
@pytest.mark.parametrize("variable", ["MM_REVIEWER_KERNEL_6_1", "MM_REVIEWER_KERNEL_6_12"])
def test_every_call_the_preprocessor_sees_is_in_a_body(
    variable: str, tmp_path: Path, kernel_code: Callable[[str], CodeBase]
) -> None:
    code = kernel_code(variable)
    root = Path(os.environ[variable])
    if not shutil.which("gcc"):
        pytest.skip("no gcc to preprocess with")
    write_generated_headers(root, code, tmp_path)
    ranges = _Ranges(code)
    seen: dict[tuple[FunctionFacts, ...], set[str]] = defaultdict(set)
    for path in FILES:
        if not (root / path).exists():
            continue
        for where, line, text in iter_lines(preprocess(root, tmp_path, path)):
            names = set(_CALL.findall(text))
            functions = ranges.at(where, line) if names else []
            if functions:
                seen[tuple(functions)] |= names - {facts.name for facts in functions}
    assert sum(map(len, seen.values())) > 1000
    missing, invented = [], []
    for group, names in seen.items():
        ours: set[str] = set()
        for facts in group:
            body = code.body(facts)
            assert not isinstance(body, Skipped), body
            ours |= called_names(body)
        place = (group[0].path, group[0].line, group[0].name)
        if lost := sorted(names - ours):
            missing.append((*place, lost))
        if extra := sorted((ours & set(HELPERS)) - names - {facts.name for facts in group}):
            invented.append((*place, extra))
    assert (missing, invented) == ([], [])
