"""Which functions only read: they store nothing but variables of their own."""

from __future__ import annotations

from reviewer.analysis.nodes import iter_nodes
from reviewer.analysis.spelling import TRANSPARENT
from reviewer.cfacts.codebase import CodeBase
from reviewer.model import ctree as c
from reviewer.model.facts import FunctionFacts, Skipped
from reviewer.model.vocabulary import Vocabulary

STEPS = frozenset({"++x", "--x", "x++", "x--"})


class Purity:
    """Answers for one tree; each function is looked at once."""

    def __init__(self, code: CodeBase, words: Vocabulary) -> None:
        self.code = code
        self._quiet = words.reads | words.stop | words.warn | words.dump | TRANSPARENT
        self._known: dict[tuple[str, str, int], bool] = {}

    def only_reads(self, function: FunctionFacts) -> bool:
        """Say whether the function, and all it calls, changes nothing that others see.

        What cannot be read counts as a change.
        """
        key = (function.path, function.name, function.line)
        if key not in self._known:
            self._known[key] = True  # a call back into it changes nothing more
            self._known[key] = self._look(function)
        return self._known[key]

    def _look(self, function: FunctionFacts) -> bool:
        body = self.code.body(function)
        if isinstance(body, Skipped):
            return False
        return all(self._is_quiet(node, function.path) for node in iter_nodes(body.body))

    def _is_quiet(self, node: object, path: str) -> bool:
        match node:
            case c.Assign(target=target):
                return isinstance(target, c.Name)
            case c.Unary(op=op, operand=operand) if op in STEPS:
                return isinstance(operand, c.Name)
            case c.Call(callee=c.Name(name=name)):
                if name in self._quiet:
                    return True
                callee = self.code.find_function(name, path)
                return callee is not None and self.only_reads(callee)
            case c.Call() | c.UnparsedStmt() | c.UnparsedExpr():
                return False
        return True
