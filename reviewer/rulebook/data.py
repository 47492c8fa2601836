"""Finds and reads shipped data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reviewer.model.errors import BadInputError


def find_data(name: str) -> Path:
    """Return the directory of shipped data ``name`` ("rules", "corpora").

    In a wheel it lies inside the package, in a checkout beside it.

    Raises:
        BadInputError: the installation lacks it.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "_data" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise BadInputError(f"{name}/ is missing from this installation: reinstall mm-reviewer")


def load_toml(path: Path) -> dict[str, Any]:
    """Load a TOML file.

    Raises:
        BadInputError: it is none.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path.name}: not valid TOML: {error}; fix the file") from error


def require(data: Mapping[str, Any], key: str, where: str) -> Any:
    """Return the value of a key.

    Raises:
        BadInputError: it is missing; ``where`` names the file and the entry.
    """
    if key not in data:
        raise BadInputError(f"{where}: '{key}' is missing; see rules/README.md")
    return data[key]
