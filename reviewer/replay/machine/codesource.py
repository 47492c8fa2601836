"""What the replay asks of a tree's code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reviewer.model.ctree import Declare, FunctionDef, StructDef, TypedefDef
from reviewer.model.facts import FunctionFacts, Skipped


class CodeSource(Protocol):
    """What the replay asks of the code base (``CodeBase`` answers it)."""

    def find_struct(self, kind_and_name: str) -> StructDef | None:
        """Return the definition of "struct page"."""
        ...

    def find_typedef(self, name: str) -> TypedefDef | None:
        """Return the typedef of that name."""
        ...

    def find_enumerator(self, name: str) -> int | None:
        """Return the value of an enumerator."""
        ...

    def iter_functions(self, name: str) -> Iterable[FunctionFacts]:
        """Return every function of that name."""
        ...

    def find_function(self, name: str, near: str = "") -> FunctionFacts | None:
        """Return the function a caller in file ``near`` means."""
        ...

    def body(self, facts: FunctionFacts) -> FunctionDef | Skipped:
        """Return the function's tree, or why there is none."""
        ...

    def find_constant(self, name: str, near: str) -> Declare | None:
        """Return a variable of the file ``near`` that keeps the value it begins with."""
        ...
