"""What is read from C text before any opinion about it."""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.model.location import Location


@dataclass(frozen=True, slots=True)
class CallFact:
    """A call (or macro invocation) by name inside a function, as written."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One function definition in a file, or one that a macro invocation makes.

    ``start``/``end`` are byte offsets of the definition (of the macro invocation for a made
    one) in the file. ``line``..``end_line`` are its lines. ``conditions`` are the texts of the
    preprocessor conditionals around it, outermost first ("CONFIG_X defined" is written
    ``defined(CONFIG_X)``, an ``#else`` is ``!(...)``). ``made_by`` is the macro that makes it.
    ``error`` says that the parser met text it could not read inside it.
    """

    name: str
    path: str
    line: int
    end_line: int
    start: int
    end: int
    parameters: tuple[str, ...]
    static: bool
    conditions: tuple[str, ...]
    calls: tuple[CallFact, ...]
    made_by: str = ""
    error: bool = False

    @property
    def location(self) -> Location:
        """The line the definition starts on."""
        return Location(self.path, self.line, self.name)


@dataclass(frozen=True, slots=True)
class MacroFacts:
    """One ``#define``. ``parameters`` is None for an object-like macro.

    Those of a ``variadic`` one end with the name that stands for the rest.
    """

    name: str
    path: str
    line: int
    parameters: tuple[str, ...] | None
    body: str
    variadic: bool
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PointerFact:
    """A function whose address is stored: ``.proc_read = kpageflags_read`` in a table.

    ``table`` is the variable or the function it stands in, ``type`` the struct's name
    ("proc_ops") where it is written, ``member`` the designator (empty where there is none).
    """

    function: str
    member: str
    type: str
    table: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not analysed, at which stage, and why."""

    stage: str
    path: str
    function: str
    reason: str
