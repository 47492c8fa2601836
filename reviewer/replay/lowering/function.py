"""Lowers a function: statements to instructions. See expressions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass

from reviewer.model.ctree import (
    Block,
    Break,
    Case,
    Continue,
    Declare,
    Evaluate,
    Expr,
    FunctionDef,
    Goto,
    If,
    Loop,
    Return,
    StatementExpr,
    Stmt,
    Switch,
    UnparsedStmt,
)
from reviewer.model.ctree import (
    Label as LabelStmt,
)
from reviewer.replay.lowering.calls import real_parameters
from reviewer.replay.lowering.declarations import DeclarationLowering
from reviewer.replay.machine.arith import Operand, convert
from reviewer.replay.machine.assemble import Assembler
from reviewer.replay.machine.builder import Place
from reviewer.replay.machine.instr import FIRST_FREE, Choose, Item, Jump, Label, Leave
from reviewer.replay.machine.machine import Function, Machine
from reviewer.replay.memory.valuetype import (
    VOID,
    StructType,
    ValueType,
    VoidType,
    decay,
    promote,
    wrap,
)
from reviewer.replay.stepping.thread import Undecided


@dataclass(slots=True)
class _Cases:
    """The labels of one switch, collected while its body is lowered."""

    kind: ValueType
    exact: dict[int, Label] = field(default_factory=dict)
    ranges: list[tuple[int, int, Label]] = field(default_factory=list)
    default: Label | None = None


def _has_entry(node: object) -> bool:
    """Say whether a statement can be jumped into: it holds a label or a case."""
    if isinstance(node, tuple):
        return any(_has_entry(item) for item in node)
    if isinstance(node, LabelStmt | Case):
        return True
    if isinstance(node, Block | If | Loop | Switch | StatementExpr | Evaluate) and is_dataclass(
        node
    ):
        return any(_has_entry(getattr(node, part.name)) for part in fields(node))
    return False


class Lowering(DeclarationLowering):
    """Lowers one function body."""

    def __init__(self, machine: Machine, definition: FunctionDef, near: str) -> None:
        super().__init__(machine, definition, near)
        self._returns = self.types.resolve(definition.returns)
        self._breaks: list[Label] = []
        self._continues: list[Label] = []
        self._switches: list[_Cases] = []

    def run(self) -> None:
        """Lower parameters and body."""
        parameters = real_parameters(self.definition)
        self.registers = FIRST_FREE + len(parameters)
        for index, parameter in enumerate(parameters):
            kind = decay(self.types.resolve(parameter.type))
            held = Operand(kind, reg=FIRST_FREE + index)
            if isinstance(kind, StructType) or parameter.name in self.in_memory:
                place = self.declare(parameter.name, kind)
                self.store(place, held, self.definition.span)
            else:
                self.bind(parameter.name, Place(kind, reg=held.reg))
        self.statement(self.definition.body)

    # ---- statements ------------------------------------------------------------------------

    def statement(self, stmt: Stmt) -> None:
        """Lower a statement; what it lacks stops the run only where it is reached."""
        if isinstance(stmt, Block):
            with self.scope():
                for item in stmt.items:
                    self.statement(item)
        elif isinstance(stmt, LabelStmt):
            self.emit(self.label(stmt.name))
        elif isinstance(stmt, Case):
            self._case(stmt)
        elif isinstance(stmt, If):
            self._if(stmt)
        elif isinstance(stmt, Loop):
            self._loop(stmt)
        elif isinstance(stmt, Switch):
            self._switch(stmt)
        elif isinstance(stmt, Declare):
            self.declaration(stmt)
        else:
            self.guard(stmt.span, lambda: self._simple(stmt))

    def _simple(self, stmt: Stmt) -> None:
        match stmt:
            case Evaluate():
                self.effect(stmt.expr)
            case Return():
                self._return(stmt)
            case Goto():
                self.emit(Jump(self.label(stmt.name)))
            case Break():
                self.emit(Jump(self._breaks[-1]))
            case Continue():
                self.emit(Jump(self._continues[-1]))
            case UnparsedStmt():
                raise Undecided(f"needs to read {stmt.text[:40]!r}: {stmt.reason}", stmt.span)
            case _:
                raise Undecided(f"needs statement {type(stmt).__name__}", stmt.span)

    def _return(self, stmt: Return) -> None:
        if stmt.value is None:
            self.emit(Leave(None))
            return
        value = self.value(stmt.value)
        if isinstance(self._returns, VoidType):
            self.emit(Leave(None))
        else:
            self.emit(Leave(convert(value, self._returns)))

    def _if(self, stmt: If) -> None:
        yes, no, end = Label(), Label(), Label()
        known = self._guarded(stmt.cond, yes, no)
        self.emit(yes)
        if known is not False or _has_entry(stmt.then):
            self.statement(stmt.then)
        if stmt.other is None:
            self.emit(no)
            return
        self.emit(Jump(end))
        self.emit(no)
        if known is not True or _has_entry(stmt.other):
            self.statement(stmt.other)
        self.emit(end)

    def _guarded(self, expr: Expr, yes: Label, no: Label) -> bool | None:
        known: list[bool | None] = [None]

        def lower() -> None:
            known[0] = self.cond(expr, yes, no)

        self.guard(expr.span, lower)
        return known[0]

    def _loop(self, stmt: Loop) -> None:
        body, step, test, end = Label(), Label(), Label(), Label()
        with self.scope():
            for first in stmt.first:
                self.statement(first)
            if not stmt.test_last:
                self.emit(Jump(test))
            self.emit(body)
            self._breaks.append(end)
            self._continues.append(step)
            self.statement(stmt.body)
            self._breaks.pop()
            self._continues.pop()
            self.emit(step)
            if stmt.step is not None:
                again = stmt.step
                self.guard(again.span, lambda: self.effect(again))
            self.emit(test)
            if stmt.cond is None:
                self.emit(Jump(body))
            else:
                self._guarded(stmt.cond, body, end)
            self.emit(end)

    def _switch(self, stmt: Switch) -> None:
        end = Label()
        value: list[Operand] = []

        def lower() -> None:
            operand = self.value(stmt.value)
            value.append(self.settle(convert(operand, promote(operand.type))))

        self.guard(stmt.span, lower)
        if not value:
            return
        cases = _Cases(value[0].type)
        self._switches.append(cases)
        self._breaks.append(end)
        with self.capture() as body:
            self.statement(stmt.body)
        self._breaks.pop()
        self._switches.pop()
        default = cases.default or end
        self.emit(Choose(value[0], cases.exact, tuple(cases.ranges), default))
        self.items.extend(body)
        self.emit(end)

    def _case(self, stmt: Case) -> None:
        cases = self._switches[-1]
        label = Label()
        self.emit(label)
        if stmt.low is None:
            cases.default = label
            return
        low = wrap(self.types.constant(stmt.low, "case"), cases.kind)
        if stmt.high is None:
            cases.exact.setdefault(low, label)
        else:
            high = wrap(self.types.constant(stmt.high, "case"), cases.kind)
            cases.ranges.append((low, high, label))

    def statement_value(self, expr: StatementExpr) -> Operand:
        """Lower ``({ ... })``: its value is the last expression's."""
        items = expr.body.items
        with self.scope():
            if not items or not isinstance(items[-1], Evaluate):
                for item in items:
                    self.statement(item)
                return Operand(VOID, const=0)
            for item in items[:-1]:
                self.statement(item)
            return self.value(items[-1].expr)


def lower_function(machine: Machine, definition: FunctionDef, near: str) -> Function:
    """Lower a function that stands in file ``near`` for a machine's memory."""
    try:
        lowering = Lowering(machine, definition, near)
        lowering.run()
    except RecursionError:
        raise Undecided(f"needs {definition.name}, whose text nests too deep") from None
    items: list[Item] = lowering.items
    code = Assembler(machine.memory, items).assemble()
    stack = -(-lowering.stack // 64) * 64
    return Function(definition.name, near, definition, code, lowering.registers, stack)
