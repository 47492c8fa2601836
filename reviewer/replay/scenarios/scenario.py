"""A replay case as data: what is mapped at first, who then does what, what is expected.

``corpora/scenarios/<id>.toml``, its first line a comment ``# Result: ...`` for the reader, as
in the kernel's litmus tests. Operations are written "P munmap 0 512": process, operation,
first page, count, argument (see scheme.operations). A thread without operations is the reader.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reviewer.model.errors import BadInputError
from reviewer.replay.scheme.operations import OPERATIONS
from reviewer.rulebook import find_data


@dataclass(frozen=True, slots=True)
class ScenarioOperation:
    """One operation of a process on pages ``first`` to ``first + count`` of its range."""

    process: str
    name: str
    first: int = 0
    count: int = 0
    arg: int = 0


@dataclass(frozen=True, slots=True)
class ScenarioThread:
    """A simulated CPU: the reader (no operations), or an actor."""

    name: str
    operations: tuple[ScenarioOperation, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """An operation, and what another process may do at any one moment of it."""

    operation: ScenarioOperation
    beside: ScenarioOperation | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Operations one after the other; what is asked is what they leave.

    ``given`` are the numbers a driver is asked with, by name; such a history runs only where
    there is a driver to run.
    """

    name: str
    steps: tuple[HistoryStep, ...]
    given: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """``pages`` struct pages from ``first_pfn`` on, numbered from 0.

    ``head`` is the number of the first compound page's head, ``page`` where the walker stands.
    ``index`` is the page offset the range is mapped at. ``result`` is the outcome expected where
    the hazard is there; ``summary`` one sentence. A scenario has ``threads``, whose
    interleavings are explored, or ``histories``, whose accounting is looked at.
    """

    id: str
    summary: str
    result: str
    threads: tuple[ScenarioThread, ...]
    initial: tuple[ScenarioOperation, ...] = ()
    first_pfn: int = 0xCF800
    page: int = 397
    head: int = 0
    pages: int = 512
    index: int = 0x700000200
    histories: tuple[History, ...] = ()


def find_scenarios() -> Path:
    """Return the directory of the scenarios: in the wheel's data, else in the checkout."""
    return find_data("corpora") / "scenarios"


def load_scenario(directory: Path, name: str) -> Scenario:
    """Read ``<name>.toml``.

    Raises:
        BadInputError: there is no such scenario, or it is not one.

    """
    path = directory / f"{name}.toml"
    known = sorted(p.stem for p in directory.glob("*.toml"))
    if name not in known:
        raise BadInputError(f"scenario {name}: not known; there are {', '.join(known)}")
    return parse_scenario(path.read_text(encoding="utf-8"), path.name)


def parse_scenario(text: str, where: str) -> Scenario:
    """Turn the text of a scenario into one.

    Raises:
        BadInputError: it is no TOML, or something in it is not what it must be.

    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{where}: {error}; see corpora/scenarios for the form") from None
    threads, histories = data.get("threads", []), data.get("histories", [])
    if not isinstance(threads, list) or not isinstance(histories, list):
        raise BadInputError(f"{where}: threads and histories are tables: [[threads]]")
    if bool(threads) == bool(histories):
        raise BadInputError(f"{where}: a scenario has [[threads]] or [[histories]]")
    return Scenario(
        id=_text(data, "id", where),
        summary=_text(data, "summary", where),
        result=_text(data, "result", where),
        threads=tuple(_thread(thread, where) for thread in threads),
        initial=_operations(data.get("initial", []), where),
        first_pfn=_number(data, "first_pfn", 0xCF800, where),
        page=_number(data, "page", 397, where),
        head=_number(data, "head", 0, where),
        pages=_number(data, "pages", 512, where),
        index=_number(data, "index", 0x700000200, where),
        histories=tuple(_history(history, where) for history in histories),
    )


def _thread(data: object, where: str) -> ScenarioThread:
    if not isinstance(data, dict):
        raise BadInputError(f"{where}: a thread is a table with a name")
    return ScenarioThread(
        _text(data, "name", where), _operations(data.get("operations", []), where)
    )


def _history(data: object, where: str) -> History:
    if not isinstance(data, dict):
        raise BadInputError(f"{where}: a history is a table with a name and steps")
    lines = data.get("steps")
    if not isinstance(lines, list) or not lines:
        raise BadInputError(f"{where}: steps are a list of texts")
    steps = []
    for line in lines:
        operation, _, beside = str(line).partition(" while ")
        other = parse_operation(beside, where) if beside else None
        steps.append(HistoryStep(parse_operation(operation, where), other))
    given = data.get("given", {})
    if not isinstance(given, dict):
        raise BadInputError(f"{where}: given is a table of numbers")
    numbers = tuple((name, _number(given, name, 0, where)) for name in given)
    return History(_text(data, "name", where), tuple(steps), numbers)


def _text(data: Mapping[str, object], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise BadInputError(f"{where}: {key} must be a text")
    return value


def _number(data: Mapping[str, object], key: str, default: int, where: str) -> int:
    value = data.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInputError(f"{where}: {key} must be a number from 0 on")
    return value


def _operations(lines: object, where: str) -> tuple[ScenarioOperation, ...]:
    if not isinstance(lines, list):
        raise BadInputError(f"{where}: operations are a list of texts")
    return tuple(parse_operation(str(line), where) for line in lines)


def parse_operation(line: str, where: str) -> ScenarioOperation:
    """Read "P munmap 0 512".

    Raises:
        BadInputError: the operation is not known, or an argument is no number.

    """
    words = line.split()
    if len(words) < 2 or words[1] not in OPERATIONS:
        raise BadInputError(f"{where}: {line!r}: operations are {', '.join(sorted(OPERATIONS))}")
    try:
        numbers = [int(word, 0) for word in words[2:5]]
    except ValueError:
        raise BadInputError(f"{where}: {line!r}: first, count and argument are numbers") from None
    return ScenarioOperation(words[0], words[1], *numbers)
