"""Assembles instructions to code (see there), for one memory."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.replay.machine.arith import Registers
from reviewer.replay.machine.code import ACCESS, ACT, CALL, RETURN, Code, Op, Stop
from reviewer.replay.machine.instr import (
    Act,
    Branch,
    Choose,
    Invoke,
    Item,
    Jump,
    Label,
    Leave,
    Load,
    Set,
    Store,
    Update,
)
from reviewer.replay.memory.valuetype import BOOL_RANK, IntType, ValueType
from reviewer.replay.memory.words import SHARED_HIGH, SHARED_LOW, Memory
from reviewer.replay.stepping.thread import AccessKind, Undecided


def reader(memory: Memory, kind: ValueType, size: int) -> Callable[[int], int]:
    """Return a function that loads a value of a scalar type from an address."""
    load = memory.load
    words = memory.words
    signed = isinstance(kind, IntType) and kind.signed
    if size == 8 and not signed:

        def read_word(address: int) -> int:
            try:
                return words[address]
            except KeyError:
                return load(address, 8)

        return read_word
    if signed:
        half = 1 << (size * 8 - 1)
        return lambda address: (load(address, size) ^ half) - half
    if isinstance(kind, IntType) and kind.rank == BOOL_RANK:
        return lambda address: int(load(address, size) != 0)
    return lambda address: load(address, size)


class Assembler:
    """Turns a list of instructions and labels into closures for one memory."""

    def __init__(self, memory: Memory, items: list[Item]) -> None:
        self._memory = memory
        self._items = items
        self._at = {id(item): i for i, item in enumerate(items) if isinstance(item, Label)}
        self._pcs: dict[int, int] = {}
        self._code = Code()

    def assemble(self) -> Code:
        """Return the code."""
        real = [i for i, x in enumerate(self._items) if not isinstance(x, Label | Jump)]
        self._pcs = {index: pc for pc, index in enumerate(real)}
        for index in real:
            item = self._items[index]
            pc = self._pcs[index]
            then = self._resolve(index + 1)
            self._code.ops.append(self._op(item, pc, then))
        self._spare()
        return self._code

    def _spare(self) -> None:
        """Add the two ends every body may run into: a plain return, and a loop of nothing."""
        end = len(self._pcs)
        self._code.ops.append(lambda _r: ~end)
        self._code.stops[end] = Stop(RETURN, None)
        spin = end + 1

        def never(_r: Registers) -> int:
            raise Undecided("runs in an endless loop that touches no memory")

        self._code.ops.append(never)
        self._code.stops[spin] = Stop(ACT, None)

    def _resolve(self, index: int) -> int:
        seen: set[int] = set()
        while index < len(self._items):
            item = self._items[index]
            if isinstance(item, Label):
                index += 1
            elif isinstance(item, Jump):
                if index in seen:
                    return len(self._pcs) + 1
                seen.add(index)
                index = self._at[id(item.to)]
            else:
                return self._pcs[index]
        return len(self._pcs)

    def _label(self, label: Label) -> int:
        return self._resolve(self._at[id(label)])

    def _op(self, item: Item, pc: int, then: int) -> Op:
        if isinstance(item, Set):
            return self._set(item, then)
        if isinstance(item, Branch):
            return self._branch(item)
        if isinstance(item, Load):
            return self._load(item, pc, then)
        if isinstance(item, Store):
            return self._store(item, pc, then)
        if isinstance(item, Update):
            return self._update(item, pc, then)
        if isinstance(item, Choose):
            return self._choose(item)
        self._code.stops[pc] = self._stop(item, then)
        return lambda _r: ~pc

    @staticmethod
    def _stop(item: Item, then: int) -> Stop:
        if isinstance(item, Invoke):
            pointer = item.pointer.closure() if item.pointer is not None else None
            args = tuple(arg.closure() for arg in item.args)
            return Stop(
                CALL,
                item.span,
                then,
                name=item.name,
                near=item.near,
                pointer=pointer,
                args=args,
                dst=item.dst,
            )
        if isinstance(item, Leave):
            value = item.value.closure() if item.value is not None else None
            return Stop(RETURN, None, then, value=value)
        assert isinstance(item, Act)
        return Stop(ACT, item.span, then, run=item.run)

    @staticmethod
    def _set(item: Set, then: int) -> Op:
        dst = item.dst
        value = item.value
        if value.const is not None:
            const = value.const

            def set_const(r: Registers) -> int:
                r[dst] = const
                return then

            return set_const
        if value.reg >= 0:
            reg = value.reg

            def set_reg(r: Registers) -> int:
                r[dst] = r[reg]
                return then

            return set_reg
        fn = value.closure()

        def set_value(r: Registers) -> int:
            r[dst] = fn(r)
            return then

        return set_value

    def _branch(self, item: Branch) -> Op:
        yes = self._label(item.then)
        no = self._label(item.other)
        if item.cond.reg >= 0:
            reg = item.cond.reg
            return lambda r: yes if r[reg] else no
        fn = item.cond.closure()
        return lambda r: yes if fn(r) else no

    def _choose(self, item: Choose) -> Op:
        fn = item.value.closure()
        exact = {value: self._label(label) for value, label in item.exact.items()}
        default = self._label(item.default)
        ranges = tuple((low, high, self._label(label)) for low, high, label in item.ranges)

        def choose(r: Registers) -> int:
            value = fn(r)
            if value in exact:
                return exact[value]
            for low, high, pc in ranges:
                if low <= value <= high:
                    return pc
            return default

        return choose

    def _stop_access(
        self, pc: int, then: int, item: Load | Store | Update, perform: Callable[[Registers], int]
    ) -> None:
        kind = AccessKind.LOAD
        ready = None
        if isinstance(item, Store):
            kind = AccessKind.STORE
        elif isinstance(item, Update):
            kind = AccessKind.RMW
            if item.ready is not None:
                kind = AccessKind.WAIT
                holds, read = item.ready, reader(self._memory, item.type, item.size)
                ready = lambda address: holds(read(address))  # noqa: E731 - a closure over read
        self._code.stops[pc] = Stop(
            ACCESS, item.span, then, kind, item.size, item.member, item.pointee, perform, ready
        )

    def _load(self, item: Load, pc: int, then: int) -> Op:
        read = reader(self._memory, item.type, item.size)
        dst = item.dst
        at = item.address.closure()

        def load_now(r: Registers) -> int:
            r[dst] = read(at(r))
            return then

        if item.address.private:
            return load_now

        def perform(r: Registers) -> int:
            r[dst] = read(r[0])
            return then

        def load(r: Registers) -> int:
            address = at(r)
            if SHARED_LOW <= address < SHARED_HIGH:
                r[0] = address
                return ~pc
            r[dst] = read(address)
            return then

        self._stop_access(pc, then, item, perform)
        return load

    def _store(self, item: Store, pc: int, then: int) -> Op:
        write = self._memory.store
        size = item.size
        value = item.value.closure()
        at = item.address.closure()

        def store_now(r: Registers) -> int:
            write(at(r), size, value(r))
            return then

        if item.address.private:
            return store_now

        def perform(r: Registers) -> int:
            write(r[0], size, value(r))
            return then

        def store(r: Registers) -> int:
            address = at(r)
            if SHARED_LOW <= address < SHARED_HIGH:
                r[0] = address
                return ~pc
            write(address, size, value(r))
            return then

        self._stop_access(pc, then, item, perform)
        return store

    def _update(self, item: Update, pc: int, then: int) -> Op:
        read = reader(self._memory, item.type, item.size)
        write = self._memory.store
        size, dst, compute, ready = item.size, item.dst, item.compute, item.ready
        args = tuple(arg.closure() for arg in item.args)
        at = item.address.closure()

        def perform(r: Registers) -> int:
            address = r[0]
            new, result = compute(read(address), *[arg(r) for arg in args])
            if new is not None:
                write(address, size, new)
            r[dst] = result
            return then

        def update(r: Registers) -> int:
            address = r[0] = at(r)
            if SHARED_LOW <= address < SHARED_HIGH:
                return ~pc
            if ready is not None and not ready(read(address)):
                raise Undecided("waits for a lock that only this thread can release", item.span)
            return perform(r)

        self._stop_access(pc, then, item, perform)
        return update
