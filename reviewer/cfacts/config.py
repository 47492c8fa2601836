"""The kernel configuration that conditionals are read under: data, printable, changeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reviewer.cfacts.tables import read_table

_DATA: dict[str, Any] = read_table("kernel_config.toml")

SCOPE: tuple[str, ...] = tuple(_DATA["scope"]["prefixes"])
IGNORED: tuple[str, ...] = tuple(_DATA["scope"]["ignored"])
RANKS: tuple[str, ...] = tuple(_DATA["scope"]["ranks"])
INCLUDE_ROOTS: tuple[str, ...] = tuple(_DATA["includes"]["roots"])
INCLUDE_FALLBACKS: dict[str, str] = dict(_DATA["includes"]["fallbacks"])
BEHIND: tuple[str, ...] = tuple(_DATA["includes"]["behind"])
FORCED: tuple[str, ...] = tuple(_DATA["includes"]["forced"])
PREDEFINED: dict[str, str] = {name: str(value) for name, value in _DATA["predefined"].items()}
UNDEFINED: frozenset[str] = frozenset(_DATA["undefined"]["names"])
TYPES: frozenset[str] = frozenset(_DATA["types"]["builtin"])


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """Options as sorted (name, value) pairs, names with ``CONFIG_``; absent means off.

    A value is "y", "m", a number or a quoted string, as in a ``.config``.
    """

    options: tuple[tuple[str, str], ...]

    def value(self, name: str) -> str:
        """Return an option's value, "" where it is off; the ``CONFIG_`` may be left out."""
        if not name.startswith("CONFIG_"):
            name = "CONFIG_" + name
        return _as_mapping(self.options).get(name, "")

    def with_options(self, changes: Mapping[str, str]) -> KernelConfig:
        """Return a configuration with some options changed; "" or "n" turns one off."""
        merged = dict(self.options)
        for name, value in changes.items():
            full = name if name.startswith("CONFIG_") else "CONFIG_" + name
            merged[full] = "" if value == "n" else value
        return KernelConfig(tuple(sorted((k, v) for k, v in merged.items() if v)))

    def lines(self) -> tuple[str, ...]:
        """Return the configuration as ``.config`` prints it."""
        return tuple(f"{name}={value}" for name, value in self.options)


_MAPPINGS: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}


def _as_mapping(options: tuple[tuple[str, str], ...]) -> dict[str, str]:
    found = _MAPPINGS.get(options)
    if found is None:
        found = _MAPPINGS[options] = dict(options)
    return found


def default_config() -> KernelConfig:
    """Return the configuration the reviewer assumes: x86-64 with THP and DEBUG_VM."""
    rows = _DATA["config"]
    pairs = {f"CONFIG_{name}": "y" for name in rows["on"]}
    pairs |= {f"CONFIG_{name}": str(value) for name, value in rows["values"].items()}
    return KernelConfig(tuple(sorted(pairs.items())))
