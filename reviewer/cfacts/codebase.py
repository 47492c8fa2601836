"""A tree's C under one configuration: functions, macros, types, who calls what."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from reviewer.cfacts.config import SCOPE, TYPES, KernelConfig
from reviewer.cfacts.constants import NotConstantError, evaluate_tokens
from reviewer.cfacts.definitions import iter_functions, lower_function
from reviewer.cfacts.expand import ExpansionLimitError
from reviewer.cfacts.filefacts import FileFacts
from reviewer.cfacts.fold import fold
from reviewer.cfacts.index import TreeIndex, paths_in_scope
from reviewer.cfacts.load import load_facts, without_collector
from reviewer.cfacts.lower import UnreadableError
from reviewer.cfacts.macros import MacroChooser, rank
from reviewer.cfacts.made import MadeFunctions
from reviewer.cfacts.madecache import MadeCache
from reviewer.cfacts.normalize import SourceText, normalize
from reviewer.cfacts.references import References
from reviewer.cfacts.reuse import changed_paths, find_difference
from reviewer.cfacts.texts import Texts
from reviewer.cfacts.tokens import Token, iter_tokens
from reviewer.cfacts.types import Types
from reviewer.cfacts.variables import find_variable, lower_variable
from reviewer.model.ctree import Declare, Expr, FunctionDef, StructDef, TypedefDef
from reviewer.model.facts import CallFact, FunctionFacts, MacroFacts, PointerFact, Skipped
from reviewer.model.source import SourceTree

MAX_DEFINITION = 256 << 10  # bytes of one definition's text

_KEPT_TEXTS = 64
_log = logging.getLogger(__name__)


class CodeBase:
    """What the reader knows of one tree. Everything is read when first asked for.

    ``scope`` are path prefixes to index, ``extra`` files beside them; a prefix that the tree
    does not have is no error. ``also`` are words: every C file that holds one is indexed too.
    ``report`` is given the lines about a cache that was rebuilt (default: logging).
    ``like`` is the code base of a tree that differs little, as one patch makes it: what cannot
    differ is taken over.
    """

    def __init__(
        self,
        source: SourceTree,
        config: KernelConfig,
        cache_dir: Path | None = None,
        *,
        scope: Sequence[str] = SCOPE,
        extra: Sequence[str] = (),
        also: Sequence[str] = (),
        report: Callable[[str], None] | None = None,
        like: CodeBase | None = None,
    ) -> None:
        self.source = source
        self.texts = Texts(source)
        self.config = config
        extra = (*extra, *(source.grep_words(also) if also else ()))
        paths = paths_in_scope(source, scope, extra)
        self._kept = cache_dir, report or _log.warning
        self._blobs = {path: source.blob_id(path) for path in paths}
        kin = like if like is not None and like.config == config else None
        at_hand = {blob: kin._facts[path] for path, blob in kin._blobs.items()} if kin else {}
        changed = changed_paths(kin._blobs if kin else {}, self._blobs)
        with without_collector():
            facts = load_facts(source, self._blobs, *self._kept, at_hand)
            self._facts: dict[str, FileFacts] = facts
            index = kin.index if kin else None
            self.index: TreeIndex = TreeIndex(paths, facts.__getitem__, like=index, changed=changed)
        self.macros = MacroChooser(self.index, config)
        self.macros.generated = self.evaluate
        self.text = lru_cache(maxsize=_KEPT_TEXTS)(self._normalized)
        self._made = MadeFunctions(self)
        self._references = References(self)
        self._bodies: dict[tuple[str, int, str], FunctionDef | Skipped] = {}
        self._found: dict[tuple[str, str], FunctionFacts | None] = {}
        self._types = Types(self)
        self._rows: dict[str, tuple[FunctionFacts, ...]] = {}
        self._single: dict[tuple[str, int], FunctionFacts] = {}
        self._skipped: dict[tuple[str, str], Skipped] = {}
        self._constants: dict[tuple[str, str], Declare | None] = {}
        names = {name for kind, name in self.index.types if kind == "typedef"}
        self.typedefs = frozenset(names) | TYPES
        if kin is not None:
            self._take_over(kin, changed)

    def _take_over(self, like: CodeBase, changed: frozenset[str]) -> None:
        self._rows |= {path: rows for path, rows in like._rows.items() if path not in changed}
        self._single |= {key: f for key, f in like._single.items() if key[0] not in changed}
        same = self.typedefs == like.typedefs
        difference = find_difference(like.index, self.index, changed, same)
        if difference is None:
            return
        if difference.quiet:
            self.index.share_includes(like.index, changed)
            self.macros.take_over(like.macros, changed)
            self._types.take_over(like._types, changed)
            self._bodies |= {key: v for key, v in like._bodies.items() if key[0] not in changed}
            unread = ((s.path, s.function, s) for s in self._bodies.values() if type(s) is Skipped)
            self._skipped |= {(path, function): s for path, function, s in unread}
        self._made.take_over(like._made, difference)

    def _normalized(self, path: str) -> SourceText:
        return normalize(self.texts.file(path))

    # ---- functions ---------------------------------------------------------------------

    def functions_in(self, path: str) -> tuple[FunctionFacts, ...]:
        """Return the functions written in a file (not those its macros make)."""
        found = self._rows.get(path)
        if found is None:
            numbers = range(len(self._facts[path].functions))
            found = tuple(self.function_at(path, number) for number in numbers)
            self._rows[path] = found
        return found

    def function_at(self, path: str, number: int) -> FunctionFacts:
        """Return a function by its number among those written in the file."""
        key = (path, number)
        found = self._single.get(key)
        if found is None:
            found = self._single[key] = self._facts[path].functions[number].facts(path)
        return found

    def made_in(self, path: str) -> tuple[FunctionFacts, ...]:
        """Return the functions that macro invocations of a file make."""
        return tuple(self._made.in_file(path))

    def iter_functions(self, name: str = "") -> Iterator[FunctionFacts]:
        """Yield all functions of the scope, or all variants of a name, by path and line."""
        if not name:
            self._make_all()
            for path in self.index.paths:
                yield from self.functions_in(path)
                yield from self._made.in_file(path)
            return
        for path in self.index.functions.get(name, ()):
            for number, row in enumerate(self._facts[path].functions):
                if row.name == name:
                    yield self.function_at(path, number)
        yield from self._made.named(name)

    def iter_made(self) -> Iterator[FunctionFacts]:
        """Yield all functions that macro invocations make, by path and line."""
        self._make_all()
        for path in self.index.paths:
            yield from self._made.in_file(path)

    def _make_all(self) -> None:
        kept = self._kept
        self._made.make_all(lambda: MadeCache(*kept, self.index, self.config, self._blobs))

    def find_function(self, name: str, near: str = "") -> FunctionFacts | None:
        """Return the definition that a caller in the file ``near`` means.

        Of several: one whose conditions hold before one where that is not known, and never
        one whose conditions are false; then the file's own, what it includes, the order of
        ``ranks`` in kernel_config.toml. A static function of another ``.c`` file is not seen.
        """
        key = (name, near)
        if key not in self._found:
            self._found[key] = self._choose_function(name, near)
        return self._found[key]

    def _choose_function(self, name: str, near: str) -> FunctionFacts | None:
        visible = []
        for facts in self.iter_functions(name):
            own = facts.path == near
            if near and facts.static and not own and facts.path.endswith(".c"):
                continue
            truth = self.enabled(facts.conditions, facts.path)
            if truth is not False:
                visible.append((truth is True, facts))
        if len(visible) < 2:
            return visible[0][1] if visible else None
        seen = self.index.closure(near) if near else frozenset()

        def standing(candidate: tuple[bool, FunctionFacts]) -> tuple[object, ...]:
            holds, facts = candidate
            own = facts.path == near
            return (holds, own, facts.path in seen, not facts.static, -rank(facts.path))

        return max(visible, key=standing)[1]

    def enabled(self, conditions: Sequence[str], near: str) -> bool | None:
        """Say whether conditionals hold under the configuration; None: not known.

        In a header that only other configurations include nothing holds.
        """
        if not self.index.is_live(near):
            return False
        return self.macros.truth(conditions, near)

    def body(self, facts: FunctionFacts) -> FunctionDef | Skipped:
        """Return a function with its macros expanded, or why it cannot be read."""
        key = (facts.path, facts.start, facts.name)
        found = self._bodies.get(key)
        if found is None:
            try:
                found = lower_function(self._function_tokens(facts), self.typedefs)
            except (UnreadableError, ExpansionLimitError) as error:
                found = self.note_unread(facts.path, facts.name, error)
            self._bodies[key] = found
        return found

    def _function_tokens(self, facts: FunctionFacts) -> list[Token]:
        tokens = self.expand_text(facts.path, facts.start, facts.end)
        if not facts.made_by:
            return tokens
        last: list[Token] = []
        for name, last in iter_functions(tokens):
            if name == facts.name:
                return last
        if last and last[-1] is tokens[-1]:
            return last  # the body that stands behind the invocation
        raise UnreadableError(f"{facts.made_by}() makes no function of this name")

    def expand_text(self, path: str, start: int, end: int) -> list[Token]:
        """Return the expanded tokens of a part of a file, conditionals resolved.

        Raises:
            ExpansionLimitError: there are too many.
        """
        if end - start > MAX_DEFINITION:
            raise ExpansionLimitError(f"{end - start} bytes, more than {MAX_DEFINITION}")
        text = self.text(path)
        line = text.code.count("\n", 0, start) + 1
        last = line + text.code.count("\n", start, end)
        selected = self.macros.select(text, start, end, path)
        return self.macros.expander(path, (line, last)).expand(
            list(iter_tokens(selected, path, line))
        )

    # ---- macros, types, constants ------------------------------------------------------

    def find_macro(self, name: str, near: str = "") -> MacroFacts | None:
        """Return the definition of a macro that the file ``near`` means, if one is enabled."""
        found = self.macros.find(name, near)
        return found[1].facts(found[0]) if found else None

    def find_struct(self, kind_and_name: str) -> StructDef | None:
        """Return "struct page" with its conditionals resolved, None where there is none."""
        return self._types.find_struct(kind_and_name)

    def find_typedef(self, name: str) -> TypedefDef | None:
        """Return a typedef, None where there is none."""
        return self._types.find_typedef(name)

    def find_constant(self, name: str, near: str) -> Declare | None:
        """Return a variable of the file ``near`` that keeps the value it begins with.

        It is ``const``, or only its own file can name it and nothing there changes it. None
        for any other, or one that cannot be read.
        """
        key = (name, near)
        if key not in self._constants:
            self._constants[key] = self._find_constant(name, near)
        return self._constants[key]

    def _find_constant(self, name: str, near: str) -> Declare | None:
        if near not in self._facts or not re.search(rf"\b{name}\b", self.text(near).bare):
            return None
        found = find_variable(self.text(near), self._facts[near].functions, name)
        if found is None or not found.fixed:
            return None
        try:
            tokens = self.expand_text(near, found.start, found.end)
            return lower_variable(tokens, self.typedefs, name)
        except (UnreadableError, ExpansionLimitError) as error:
            self.note_unread(near, name, error)
            return None

    def find_enumerator(self, name: str) -> int | None:
        """Return the value of an enumerator, None where there is none or it is not known."""
        return self._types.find_enumerator(name)

    def facts_of(self, path: str) -> FileFacts:
        """Return what is read from a file of the scope."""
        return self._facts[path]

    def note_unread(self, path: str, what: str, error: Exception) -> Skipped:
        """Remember that a function or a type could not be read, and why."""
        found = self._skipped[path, what] = Skipped("cfacts", path, what, str(error))
        return found

    def fold(self, expr: Expr) -> int | None:
        """Return the value of a constant expression of the tree, None where not known."""
        return fold(expr, self.find_enumerator)

    def evaluate(self, text: str, near: str = "") -> int | None:
        """Return the value of a constant expression, None where it is none or not known."""
        tokens = list(iter_tokens(text, near, 1))
        try:
            expander = self.macros.expander(near)
            return evaluate_tokens(expander.expand(tokens), self.find_enumerator)
        except (NotConstantError, ExpansionLimitError):
            return None

    # ---- who refers to what ------------------------------------------------------------

    def callers(self, name: str) -> tuple[tuple[FunctionFacts, CallFact], ...]:
        """Return every call (or invocation) of a name as written, by path and line.

        Those in functions that macros make are among them. A call in the arguments of another
        invocation at file scope (``TRACE_EVENT(...)``) stands in a function that is named after
        the first argument and made by that macro. Calls in the text of a ``#define`` are not
        here: ask ``macros_naming()``, then for their callers.
        """
        found = self._references.callers(name)
        return tuple(sorted(found, key=lambda found: (found[0].path, found[1].line)))

    def macros_naming(self, word: str) -> frozenset[str]:
        """Return the names of the function-like macros whose text holds a word."""
        return self._references.macros_naming(word)

    def macros_with(self, word: str) -> tuple[MacroFacts, ...]:
        """Return the macros whose text holds a word, by path and line, whatever the conditions."""
        return tuple(self._references.macros_with(word))

    def pointers(self, function: str) -> tuple[PointerFact, ...]:
        """Return where a function's address is stored or passed, by path and line."""
        return tuple(self._references.pointers(function))

    def skipped(self) -> tuple[Skipped, ...]:
        """Return what was asked for so far and could not be read, and files not indexed."""
        files = [
            Skipped("cfacts", path, "", reason)
            for path in self.index.paths
            for reason in self._facts[path].skipped
        ]
        return tuple(files) + tuple(self._skipped[key] for key in sorted(self._skipped))
