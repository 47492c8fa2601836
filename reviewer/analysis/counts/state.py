"""One path of a counting walk: its variables, what is known of its pages, what happened."""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewer.analysis.counts.notes import Event
from reviewer.analysis.counts.values import UNKNOWN, Num, Some, Subject, Value, find_base

Fact = tuple[str, object]


@dataclass(slots=True)
class State:
    """Copied before it is changed. A variable that is not in ``env`` is unknown."""

    env: dict[str, Value] = field(default_factory=dict)
    facts: frozenset[Fact] = frozenset()
    events: frozenset[Event] = frozenset()

    def copy(self) -> State:
        """Return a state that can be changed without changing this one."""
        return State(dict(self.env), self.facts, self.events)

    def key(self) -> tuple[object, ...]:
        """Return a value equal for equal states."""
        return frozenset(self.env.items()), self.facts, self.events

    def knowing(self, *facts: Fact) -> State:
        """Return a copy that knows more."""
        return State(dict(self.env), self.facts | set(facts), self.events)

    def after(self, event: Event) -> State:
        """Return a copy in which something happened.

        What was asked before the last first or last mapping says nothing of it.
        """
        events = self.events
        if event.kind == "turn":
            events = frozenset(e for e in events if e.kind != "asked")
        return State(dict(self.env), self.facts, events | {event})

    def storing(self, name: str, value: Value) -> State:
        """Return a copy with a variable set; bounds on its old value go."""
        new = self.copy()
        new.facts = frozenset(f for f in self.facts if f != ("below", name))
        if value is UNKNOWN:
            new.env.pop(name, None)
        else:
            new.env[name] = value
        return new

    def refining(self, name: str, value: Value) -> State:
        """Return a copy that knows more of a variable's value."""
        new = self.copy()
        new.env[name] = value
        return new

    def forgetting(self, subject: Subject) -> State:
        """Return a copy that knows nothing of a page that is made anew."""
        new = self.copy()
        new.facts = frozenset(f for f in self.facts if f[1] != subject)
        new.events = frozenset(
            e for e in self.events if e.kind != "change" or find_base(e.subject) != subject
        )
        return new

    def keeping(self, live: frozenset[str]) -> State:
        """Return a copy without the variables that nothing reads any more."""
        env = {name: value for name, value in self.env.items() if name in live}
        return State(env, self.facts, self.events)

    def without_numbers(self) -> State:
        """Return a copy that has forgotten plain numbers and the bounds of variables."""
        return State(self._pages(), self.facts_of_pages(), self.events)

    def without_history(self) -> State:
        """Return a copy that remembers of what happened only that a whole mapping went."""
        events = frozenset(e for e in self.events if (e.what, e.sign) == ("whole", -1))
        return State(self._pages(), self.facts_of_pages(), events)

    def facts_of_pages(self) -> frozenset[Fact]:
        """Return what is known of pages, without the bounds of variables."""
        return frozenset(f for f in self.facts if f[0] != "below")

    def _pages(self) -> dict[str, Value]:
        return {n: v for n, v in self.env.items() if not isinstance(v, Num | Some)}

    def is_small(self, subject: Subject) -> bool:
        """Say whether the page is known to be no part of a compound page."""
        return ("small", find_base(subject)) in self.facts

    def is_single(self, subject: Subject) -> bool:
        """Say whether the page is only mapped as a whole: small, or a hugetlb page."""
        return self.is_small(subject) or self.is_huge(subject)

    def is_huge(self, subject: Subject) -> bool:
        """Say whether the page is known to be a hugetlb page."""
        return ("huge", find_base(subject)) in self.facts


Results = list[tuple[State, Value]]  # the paths an evaluation splits into
