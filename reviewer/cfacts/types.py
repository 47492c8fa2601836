"""A tree's structs, typedefs and enumerators: of several, the definition that is enabled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reviewer.cfacts.definitions import lower_struct, lower_typedef
from reviewer.cfacts.expand import ExpansionLimitError
from reviewer.cfacts.filefacts import TypeRow
from reviewer.cfacts.lower import UnreadableError
from reviewer.cfacts.macros import rank
from reviewer.model.ctree import EnumDef, StructDef, TypedefDef

if TYPE_CHECKING:
    from reviewer.cfacts.codebase import CodeBase


class Types:
    """The types of one code base."""

    def __init__(self, code: CodeBase) -> None:
        self.code = code
        self._structs: dict[str, StructDef | None] = {}
        self._enumerators: dict[str, int | None] = {}
        self._read_unnamed = False

    def take_over(self, like: Types, changed: frozenset[str]) -> None:
        """Take the enumerators of a tree that differs in these files, if none defines an enum."""
        if not (like._has_enums(changed) or self._has_enums(changed)):
            self._enumerators |= like._enumerators
            self._read_unnamed = like._read_unnamed

    def _type_rows(self, kind: str, name: str) -> list[tuple[str, TypeRow]]:
        """Return the definitions of a type, the best first, disabled ones left out."""
        found = []
        for path in self.code.index.types.get((kind, name), ()):
            for row in self.code.facts_of(path).types:
                if (row.kind, row.name) == (kind, name) and self.code.index.is_live(path):
                    truth = self.code.macros.truth(row.conditions, path)
                    if truth is not False:
                        key = (truth is not True, path.endswith(".c"), rank(path), path, row.line)
                        found.append((key, path, row))
        return [(path, row) for _, path, row in sorted(found, key=lambda item: item[0])]

    def find_struct(self, kind_and_name: str) -> StructDef | None:
        """Return "struct page" with its conditionals resolved, None where there is none."""
        if kind_and_name not in self._structs:
            kind, _, name = kind_and_name.partition(" ")
            self._structs[kind_and_name] = self._read_struct(kind, name)
        return self._structs[kind_and_name]

    def _read_struct(self, kind: str, name: str) -> StructDef | None:
        for path, row in self._type_rows(kind, name):
            try:
                tokens = self.code.expand_text(path, row.start, row.end)
                found = lower_struct(tokens, self.code.typedefs)
            except (UnreadableError, ExpansionLimitError) as error:
                self.code.note_unread(path, f"{kind} {name}", error)
                continue
            if isinstance(found, StructDef):
                return found
        return None

    def find_typedef(self, name: str) -> TypedefDef | None:
        """Return a typedef, None where there is none."""
        for path, row in self._type_rows("typedef", name):
            try:
                tokens = self.code.expand_text(path, row.start, row.end)
                return lower_typedef(tokens, self.code.typedefs, name)
            except (UnreadableError, ExpansionLimitError) as error:
                self.code.note_unread(path, name, error)
        return None

    def find_enumerator(self, name: str) -> int | None:
        """Return the value of an enumerator, None where there is none or it is not known."""
        if name not in self._enumerators:
            self._enumerators[name] = None
            self._read_enums(name)
            if self._enumerators[name] is None and not self._read_unnamed:
                self._read_unnamed = True
                self._read_enums("?")  # those whose names a macro makes
        return self._enumerators[name]

    def _read_enums(self, word: str) -> None:
        for path in self.code.index.enumerators.get(word, ()):
            for row in self.code.facts_of(path).types:
                if word in row.enumerators and self._enumerators.get(word) is None:
                    self._read_enum(path, row)

    def _has_enums(self, paths: Iterable[str]) -> bool:
        """Say whether one of the files defines an enum."""
        known = (self.code.facts_of(path) for path in paths if path in self.code.index.known)
        return any(row.enumerators for facts in known for row in facts.types)

    def _read_enum(self, path: str, row: TypeRow) -> None:
        if self.code.macros.truth(row.conditions, path) is False:
            return
        try:
            found = lower_struct(
                self.code.expand_text(path, row.start, row.end), self.code.typedefs
            )
        except (UnreadableError, ExpansionLimitError) as error:
            self.code.note_unread(path, f"enum {row.name}", error)
            return
        if isinstance(found, EnumDef):
            self._keep_values(found)

    def _keep_values(self, found: EnumDef) -> None:
        following: int | None = 0
        for name, value in found.items:
            if value is not None:
                following = self.code.fold(value)
            self._enumerators[name] = following
            following = None if following is None else following + 1
