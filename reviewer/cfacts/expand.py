"""Expands macros in one definition's tokens, as the C preprocessor would, lazily.

Which definition of a macro is meant is the caller's business (``MacroLookup``). The
algorithm is Prosser's, with a hide set on each token, and the GNU extensions the kernel
uses: named variadics and a comma that goes with an empty rest. Every token that comes out
says through which invocations it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reviewer.cfacts.tables import REPLACED, TRANSPARENT
from reviewer.cfacts.tokens import Token, iter_tokens, kind_of
from reviewer.model.ctree import MacroUse

MAX_TOKENS = 150_000
MAX_DEPTH = 100


class ExpansionLimitError(Exception):
    """The expansion is larger than MAX_TOKENS or nests deeper than MAX_DEPTH."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro ready to be expanded. ``parameters`` None: object-like."""

    name: str
    path: str
    parameters: tuple[str, ...] | None
    variadic: bool
    body: tuple[Token, ...]


MacroLookup = Callable[[str], Macro | None]
OptionValue = Callable[[str], str]
Arguments = list[list[Token]]

_BYTES_A_TOKEN = 8  # a long string or name counts as so many tokens

_OPTION_TESTS = {"IS_ENABLED": "ym", "IS_BUILTIN": "y", "IS_MODULE": "m", "IS_REACHABLE": "y"}


class Expander:
    """Expands token sequences against one set of macros; counts what it made so far."""

    def __init__(
        self, lookup: MacroLookup, option: OptionValue, *, limit: int = MAX_TOKENS
    ) -> None:
        self.lookup = lookup
        self.option = option
        self.limit = limit
        self.made = 0
        self.depth = 0
        self.counter = 0
        self.used: set[str] = set()

    def expand(self, tokens: Sequence[Token]) -> list[Token]:
        """Return the tokens with every macro expanded.

        Raises:
            ExpansionLimitError: the result would be too large.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpansionLimitError(f"macros nest deeper than {MAX_DEPTH}")
        out: list[Token] = []
        todo = list(reversed(tokens))
        while todo:
            token = todo.pop()
            plain = token.kind != "id" or token.text in token.hide
            if plain or not self._invoke(token, todo):
                out.append(token)
        self.depth -= 1
        return out

    def _count(self, number: int) -> None:
        self.made += number
        if self.made > self.limit:
            raise ExpansionLimitError(f"expands to more than {self.limit} tokens")

    def _invoke(self, token: Token, todo: list[Token]) -> bool:
        """Put the expansion of an invocation onto ``todo``; False where there is none."""
        name = token.text
        if name in REPLACED or name in TRANSPARENT or name in _OPTION_TESTS:
            return self._built_in(token, todo)
        macro = self.lookup(name)
        if macro is None:
            return self._special(token, todo)
        if macro.parameters is None:
            hide = token.hide | {name}
            self._push(self._substitute(macro, token, [], hide), todo)
            self.used.add(name)
            return True
        if not todo or todo[-1].text != "(":
            return False
        position, arguments, close = self._arguments(todo)
        if close is None:
            return False
        fitted = self._fit(macro, arguments)
        if fitted is None:
            return False
        del todo[position:]
        hide = (token.hide & close.hide) | {name}
        self._push(self._substitute(macro, token, fitted, hide), todo)
        self.used.add(name)
        return True

    def _push(self, tokens: list[Token], todo: list[Token]) -> None:
        self._count(len(tokens) + 1)
        tokens.reverse()
        todo += tokens

    def _special(self, token: Token, todo: list[Token]) -> bool:
        name = token.text
        if name == "__LINE__":
            line = token.via[0].line if token.via else token.line
            todo.append(token.like("num", str(line)))
        elif name == "__FILE__" or name == "__BASE_FILE__":
            path = token.via[0].path if token.via else token.path
            todo.append(token.like("str", f'"{path}"'))
        elif name == "__COUNTER__":
            self.counter += 1
            todo.append(token.like("num", str(self.counter)))
        elif name.startswith("CONFIG_"):
            value = self.option(name)
            if not value or value == "m":
                return False
            number = "1" if value == "y" else value
            todo.append(token.like(kind_of(number), number))
        else:
            return False
        return True

    def _built_in(self, token: Token, todo: list[Token]) -> bool:
        """Replace a name the tables know: an option test, a hint, a compile-time check."""
        name = token.text
        arguments: Arguments = []
        if todo and todo[-1].text == "(":
            position, arguments, close = self._arguments(todo)
            if close is None:
                return False
            del todo[position:]
        if name in REPLACED:
            new = [_moved(t, token) for t in iter_tokens(REPLACED[name], token.path, token.line)]
        elif not arguments:
            return False
        elif name in TRANSPARENT:
            new = [token.like("op", "("), *arguments[0], token.like("op", ")")]
        else:
            option = "".join(t.text for t in arguments[0])
            value = self.option(option)
            yes = bool(value) and value[0] in _OPTION_TESTS[name]
            new = [token.like("num", "1" if yes else "0")]
        self._push(new, todo)
        return True

    @staticmethod
    def _arguments(todo: list[Token]) -> tuple[int, Arguments, Token | None]:
        """Read arguments from the top of ``todo``: where they end, them, the closing token."""
        depth = 0
        arguments: Arguments = [[]]
        for index in range(len(todo) - 1, -1, -1):
            token = todo[index]
            text = token.text
            if token.kind == "op":
                if text == "(":
                    depth += 1
                    if depth == 1:
                        continue
                elif text == ")":
                    depth -= 1
                    if depth == 0:
                        return index, arguments, token
                elif text == "," and depth == 1:
                    arguments.append([])
                    continue
            arguments[-1].append(token)
        return 0, arguments, None

    @staticmethod
    def _fit(macro: Macro, arguments: Arguments) -> Arguments | None:
        """Fit arguments to parameters; None where their number does not match."""
        parameters = macro.parameters or ()
        if not parameters:
            return [] if arguments == [[]] else None
        if macro.variadic:
            fixed = len(parameters) - 1
            rest: list[Token] = []
            for index, argument in enumerate(arguments[fixed:]):
                if index:
                    first = argument[0] if argument else arguments[0][0] if arguments[0] else None
                    rest.append(first.like("op", ",") if first else Token("op", ",", "", 0))
                rest += argument
            if len(arguments) < fixed:
                return None
            return [*arguments[:fixed], rest]
        return arguments if len(arguments) == len(parameters) else None

    def _substitute(
        self, macro: Macro, token: Token, arguments: Arguments, hide: frozenset[str]
    ) -> list[Token]:
        use = (*token.via, MacroUse(token.text, token.path, token.line))
        index = {name: i for i, name in enumerate(macro.parameters or ())}
        expanded: dict[int, list[Token]] = {}
        out: list[Token] = []
        body = macro.body
        position = 0
        while position < len(body):
            item = body[position]
            position += 1
            after = body[position] if position < len(body) else None
            if item.text == "#" and after is not None and after.text in index:
                out.append(self._string(arguments[index[after.text]], after, use))
                position += 1
            elif item.text == "##" and after is not None and out:
                position += 1
                rest = macro.variadic and after.text == (macro.parameters or ("",))[-1]
                self._paste(out, after, arguments, index, use, comma=rest)
            elif item.kind == "id" and item.text in index:
                which = index[item.text]
                argument = arguments[which]
                if after is not None and after.text == "##":
                    new = argument or [Token("op", "", item.path, item.line)]
                else:
                    if which not in expanded:
                        expanded[which] = self.expand(argument)
                    new = expanded[which]
                self._count(len(new))
                out += [_through(t, token.via, use) for t in new]
            else:
                out.append(
                    Token(item.kind, item.text, item.path, item.line, item.space, use, item.hide)
                )
        return [_hidden(t, hide) for t in out if t.text]

    def _paste(
        self,
        out: list[Token],
        right: Token,
        arguments: Arguments,
        index: dict[str, int],
        use: tuple[MacroUse, ...],
        *,
        comma: bool,
    ) -> None:
        """Join ``right`` to the last token made; ``comma``: it is the rest of a variadic."""
        if right.kind == "id" and right.text in index:
            pieces = [_through(t, use[:-1], use) for t in arguments[index[right.text]]]
        else:
            pieces = [Token(right.kind, right.text, right.path, right.line, right.space, use)]
        if comma and out[-1].text == ",":
            if pieces:
                out += pieces
            else:
                out.pop()
            return
        if pieces:
            text = out[-1].text + pieces[0].text
            self._count(len(text) // _BYTES_A_TOKEN)
            left = out.pop() if out[-1].text else pieces[0]
            out.append(left.like(kind_of(text), text))
            out += pieces[1:]

    def _string(self, argument: list[Token], at: Token, use: tuple[MacroUse, ...]) -> Token:
        words: list[str] = []
        for token in argument:
            if words and token.space:
                words.append(" ")
            text = token.text
            if token.kind in ("str", "chr"):
                text = text.replace("\\", "\\\\").replace('"', '\\"')
            words.append(text)
        self._count(sum(map(len, words)) // _BYTES_A_TOKEN)
        return Token("str", '"' + "".join(words) + '"', at.path, at.line, True, use)


def _moved(token: Token, to: Token) -> Token:
    return Token(token.kind, token.text, to.path, to.line, token.space, to.via, to.hide)


def _hidden(token: Token, hide: frozenset[str]) -> Token:
    both = token.hide | hide if token.hide else hide
    return Token(token.kind, token.text, token.path, token.line, token.space, token.via, both)


def _through(token: Token, outer: tuple[MacroUse, ...], use: tuple[MacroUse, ...]) -> Token:
    """Return an argument's token as having come through the invocation ``use`` ends with."""
    inner = token.via[len(outer) :] if token.via[: len(outer)] == outer else ()
    via = use + inner
    return Token(token.kind, token.text, token.path, token.line, token.space, via, token.hide)
