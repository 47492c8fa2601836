"""Keeps on disk what macro invocations make, for trees whose headers define the same macros."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from reviewer.cfacts.cache import FactStore
from reviewer.cfacts.config import KernelConfig
from reviewer.cfacts.filefacts import FileFacts, FunctionRow
from reviewer.cfacts.index import TreeIndex
from reviewer.model.codec import to_msgpack
from reviewer.model.facts import FunctionFacts


class MadeCache:
    """The made functions of files, by the file's blob and by all that can shape them.

    That is every macro and every include of the headers, what the ``.c`` files include, the
    configuration, and this package's own text.
    """

    def __init__(
        self,
        directory: Path | None,
        report: Callable[[str], None],
        index: TreeIndex,
        config: KernelConfig,
        blobs: Mapping[str, str],
    ) -> None:
        self._store = FactStore(directory, report)
        self._blobs = blobs
        digest = hashlib.sha256(repr(config.options).encode())
        for file in sorted(files("reviewer.cfacts").iterdir(), key=lambda file: file.name):
            if file.name.endswith((".py", ".toml")):
                digest.update(file.read_bytes())
        for path in index.paths:
            facts = index.facts_of(path)
            macros = () if path.endswith(".c") else facts.macros
            digest.update(to_msgpack((path, facts.includes, macros, facts.constants, facts.guard)))
        self._world = digest.hexdigest()

    def _key(self, path: str) -> str:
        text = f"{self._world} {path} {self._blobs[path]}"
        return "made " + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def load(self, paths: Iterable[str]) -> dict[str, tuple[FunctionFacts, ...]]:
        """Return what is known of these files."""
        keys = {self._key(path): path for path in paths}
        return {
            keys[key]: tuple(row.facts(keys[key]) for row in facts.functions)
            for key, facts in self._store.load(keys).items()
        }

    def keep(self, made: Mapping[str, tuple[FunctionFacts, ...]]) -> None:
        """Keep the made functions of files."""
        self._store.keep(
            {
                self._key(path): to_msgpack(FileFacts(functions=tuple(map(_row, functions))))
                for path, functions in made.items()
            }
        )


def _row(facts: FunctionFacts) -> FunctionRow:
    return FunctionRow(
        facts.name, facts.line, facts.end_line, facts.start, facts.end, facts.parameters,
        facts.static, facts.conditions, " ".join(f"{c.name}:{c.line}" for c in facts.calls),
        facts.made_by, facts.error,
    )  # fmt: skip
