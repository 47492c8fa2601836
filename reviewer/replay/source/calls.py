"""Calls of a tree's functions in place of the reference model's steps.

A function is asked for by the names it has had; what it is handed follows from its parameters.
"""

from __future__ import annotations

from reviewer.model.ctree import FunctionDef, Parameter
from reviewer.replay.interpreter.entrypoints import set_up_boot
from reviewer.replay.lowering.calls import real_parameters
from reviewer.replay.machine.codesource import CodeSource
from reviewer.replay.machine.machine import Machine
from reviewer.replay.memory.pages import Pages
from reviewer.replay.scheme.counting import Scheme
from reviewer.replay.source.objects import PAGE_SIZE, TreeObjects
from reviewer.replay.stepping.thread import TreeCall, Undecided

RMAP_EXCLUSIVE, RMAP_COMPOUND = 1, 2  # of rmap_t, where a tree has it


def drops_zeros(code: CodeSource) -> bool:
    """Say whether a split of a tree maps pages full of zeros to the zero page."""
    return code.find_function("try_to_map_unused_to_zeropage", "mm/migrate.c") is not None


class SourceCalls(Scheme):
    """A scheme that can call the functions of a tree; ``by_model`` are those it lacks."""

    def __init__(self, machine: Machine, pages: Pages, index: int) -> None:
        super().__init__(pages)
        self.machine = machine
        self.by_model: set[str] = set()
        self.split_drops_zeros = drops_zeros(machine.code)
        set_up_boot(machine)
        self.objects = TreeObjects(machine, pages, index)
        self._address = self.objects.start

    def find(self, function: str, near: str) -> tuple[Parameter, ...] | None:
        """Return the parameters of a function that can be run, None without one."""
        found = self.machine.find_definition(function, near)
        return real_parameters(found) if isinstance(found, FunctionDef) else None

    def _call(
        self, names: str, near: str, page: int, order: int = 0, *, flags: int = RMAP_EXCLUSIVE
    ) -> TreeCall | None:
        """Return a call of the first of the named functions the tree has, None without any.

        Its parameters say what they are, by type and name; trees differ in which there are.
        """
        for function in names.split():
            parameters = self.find(function, near)
            if parameters is not None:
                args = [self._argument(function, p, page, order, flags) for p in parameters]
                return TreeCall(function, tuple(args), near)
        self.by_model.add(names.split(maxsplit=1)[0])
        return None

    def _call_at(
        self, index: int, names: str, near: str, page: int, order: int, *, flags: int
    ) -> TreeCall | None:
        """Return a call about the mapping of a page of the range."""
        known, self._address = self._address, self.objects.start + index * PAGE_SIZE
        try:
            return self._call(names, near, page, order, flags=flags)
        finally:
            self._address = known

    def _head(self, page: int) -> int:
        word = self.pages.peek(page, "compound_head")
        number = self.pages.number(word - 1) if word & 1 else page
        return page if number is None else number

    def _argument(
        self, function: str, parameter: Parameter, page: int, order: int, flags: int
    ) -> int:
        kind, name = parameter.type, parameter.name
        if kind.pointers == 1 and kind.base == "struct page":
            return self.pages.address(page)
        if kind.pointers == 1 and kind.base == "struct folio":
            return self.pages.address(self._head(page))
        if kind.pointers == 1 and kind.base == "struct vm_area_struct":
            return self.objects.vma
        by_name = {
            "compound": int(order > 0),
            "order": order,
            "address": self._address,
            "addr": self._address,
            "check_free": 1,
            "fpi_flags": 0,
            "nr_pages": 1,
            "flags": flags,
        }
        if kind.pointers == 0 and name in by_name:
            return by_name[name]
        spelled = f"{kind.base} {'*' * kind.pointers}{name}"
        raise Undecided(f"needs a value for {function}()'s parameter {spelled}")
